import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const llm = createTransport({
  providers: [simulated({ name: 'primary', script: ['http-503'] }), simulated({ name: 'backup' })],
});

// #region usage
llm.on('call:end', ({ transactionId, outcome, attempts }) => {
  console.log(transactionId, outcome, attempts.length, 'attempts'); // order-4711 ok 2 attempts
});

const { transactionId, attempts } = await llm.complete({ prompt: 'Hello' }, { transactionId: 'order-4711' });
// #endregion
console.log(transactionId, attempts.length);

// #region ledger
for (const { number, reason, provider, outcome, durationMs, usage, mayBeBilled } of attempts) {
  console.log(number, reason, provider, outcome, Math.round(durationMs ?? 0), usage, mayBeBilled);
}
// #endregion

await llm.close();
