import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const llm = createTransport({
  providers: [simulated({ name: 'primary', script: ['http-503'] }), simulated({ name: 'backup' })],
});

// #region listen
const stop = llm.on('attempt:end', ({ transactionId, attempt, ledger }) => {
  console.log(transactionId.slice(0, 8), attempt, ledger.provider, ledger.outcome, Math.round(ledger.durationMs ?? 0));
});
llm.on('*', (event) => console.log(event.type));

await llm.complete({ prompt: 'Hello' });
stop();
// #endregion

await llm.close();
