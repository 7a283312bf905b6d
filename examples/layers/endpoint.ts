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

const empty = createTransport({ providers: [simulated({ fault: 'empty-answer' })], retry: false });
// #region empty
await empty.complete({ prompt: 'Hello' }).catch((error: TransportError) => console.log(error.code)); // empty_response
// #endregion

await llm.close();
await empty.close();
