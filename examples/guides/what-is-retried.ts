import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const primary = simulated({ name: 'primary', script: ['http-503', 'unauthorized'] });
const backup = simulated({ name: 'backup', script: ['ok', 'http-500'] });
const llm = createTransport({ providers: [primary, backup] });
for (const prompt of ['a', 'b']) await llm.complete({ prompt });

// #region judgements
import { errorTable } from 'llm-transport';

console.log(errorTable.overloaded); // { retry: 'again', blame: 'provider', meaning: '…' }

const again = Object.entries(errorTable).filter(([, { retry }]) => retry === 'again');
console.log(again.map(([code]) => code));
// #endregion

primary.setFault('invalid-request');
llm.reset('primary');
// #region look
try {
  await llm.complete({ prompt: 'Hello', temperature: 9 });
} catch (error) {
  if (!TransportError.is(error)) throw error;
  console.log(error.code, error.retry, error.blame); // invalid_request never caller
  console.log(error.attempts.map(({ provider, reason, outcome }) => `${provider} (${reason}): ${outcome}`));
}
// #endregion

await llm.close();
