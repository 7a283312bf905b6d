import { createTransport, type TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const llm = createTransport({
  providers: [
    simulated({ name: 'primary', fault: 'stall', traits: { price: { input: 3, output: 15 } } }),
    simulated({ name: 'backup', traits: { price: { input: 1, output: 5 } } }),
  ],
  timeout: { idleMs: 20 },
});

// #region usage
llm.on('attempt:end', ({ ledger }) => {
  const { provider, outcome, firstContentMs, durationMs, usage, usageEstimated, cost } = ledger;
  console.log(provider, outcome, firstContentMs, durationMs, usage, usageEstimated ? 'estimated' : 'told', cost);
});

const { cost, attempts } = await llm.complete({ prompt: 'Hello' });
console.log(cost === (attempts[0]?.cost ?? 0) + (attempts[1]?.cost ?? 0)); // true: what failed is paid for too
// #endregion

const priced = createTransport({
  providers: [simulated({ model: 'small-1' })],
  // #region sums
  priceOf: ({ model, usage }) => (model === 'small-1' ? (usage.inputTokens + 4 * usage.outputTokens) / 1e6 : undefined),
  // #endregion
});
// #region usage-sums
await priced.complete({ prompt: 'Hello', metadata: { team: 'search' } });
await priced.complete({ prompt: 'Hello again', metadata: { team: 'mail' } });
const { attempts: sent, inputTokens, outputTokens, cost: dollars, unpriced } = priced.usage();
console.log(sent, inputTokens + outputTokens, dollars, unpriced); // unpriced: attempts that are not in the dollars
for (const { key, cost } of priced.usage({ metadata: 'team' })) console.log(key, cost); // search …, mail …
// #endregion
await priced.close();

const empty = createTransport({ providers: [simulated({ fault: 'empty-answer' })], retry: false });
// #region empty
await empty.complete({ prompt: 'Hello' }).catch((error: TransportError) => console.log(error.code)); // empty_response
// #endregion

await llm.close();
await empty.close();
