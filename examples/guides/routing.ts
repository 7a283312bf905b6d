// #region domains
import { createTransport, lowestLatency, roundRobin } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const llm = createTransport({
  providers: [
    simulated({ name: 'claude', domain: 'api.anthropic.com', fault: 'http-529' }),
    simulated({ name: 'claude-small', domain: 'api.anthropic.com' }), // likely to fail when the first one does
    simulated({ name: 'claude-at-aws', domain: 'amazonaws.com' }), // so this one is asked before it
  ],
});
console.log((await llm.complete({ prompt: 'Hello' })).provider); // claude-at-aws
// #endregion

// #region requirements
const residence = createTransport({
  providers: [
    simulated({ name: 'frankfurt', traits: { region: 'eu', capabilities: ['tools', 'schema'] } }),
    simulated({ name: 'oregon', traits: { region: 'us' } }),
  ],
});
const { provider } = await residence.complete({ prompt: 'Hello', require: { region: 'eu' } });
console.log(provider); // frankfurt, or no_provider: never oregon
// #endregion

// #region context-window
const sizes = createTransport({
  providers: [
    simulated({ name: 'short', traits: { contextWindow: 8_000 } }),
    simulated({ name: 'long', traits: { contextWindow: 200_000 } }),
  ],
});
const book = 'Call me Ishmael. '.repeat(4_000); // some 17,000 tokens
console.log((await sizes.complete({ prompt: book })).provider); // long
console.log((await sizes.complete({ prompt: 'Hello' })).provider); // short
// #endregion

// #region strategies
const spread = createTransport({
  providers: [simulated({ name: 'a' }), simulated({ name: 'b' })],
  route: roundRobin(),
});
const quick = createTransport({
  providers: [simulated({ name: 'a' }), simulated({ name: 'b' })],
  route: lowestLatency(),
  hedge: { afterMs: 3_000 },
});
// #endregion
console.log(
  (await spread.complete({ prompt: 'Hello' })).provider,
  (await quick.complete({ prompt: 'Hello' })).text.length,
);

for (const transport of [llm, residence, sizes, spread, quick]) await transport.close();
