import { contextKey, createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const provider = simulated({ name: 'primary', script: ['http-503'] });
const llm = createTransport({ providers: [provider, simulated({ name: 'backup' })] });

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

// #region join
const call = { transactionId: 'message-12' };
const [stream, whole] = await Promise.all([
  llm.complete({ prompt: 'Tell me a story', stream: true }, call),
  llm.complete({ prompt: 'Tell me a story' }, call),
]);
console.log((await stream.completion).text === whole.text, whole.attempts.length); // true 0: the first call has the ledger

// A minute later: nothing is sent.
const again = await llm.complete({ prompt: 'Tell me a story' }, call);
console.log(again.text === whole.text, again.attempts.length); // true 0
// #endregion

// #region other
try {
  await llm.complete({ prompt: 'Tell me another story' }, call);
} catch (error) {
  if (!TransportError.is(error) || error.code !== 'invalid_request') throw error;
  console.log(error.message); // The transactionId is that of another request: …
}
// #endregion

await llm.close();

// #region store
/** Whose call it is. */
const tenant = contextKey('tenant', 'anonymous');

/** Anything with `get`, `set` and `delete`: a `Keyv` over Redis, SQLite or files is one. */
const answers = new Map<string, string>();
const store = {
  get: async (key: string) => answers.get(key),
  set: async (key: string, value: string, _ttlMs: number) => answers.set(key, value),
  delete: async (key: string) => answers.delete(key),
};

const before = createTransport({ providers: [provider], transaction: { store, by: tenant, replayMs: 3_600_000 } });
const acme = { transactionId: 'message-12', values: [tenant.of('acme')] };
await before.complete({ prompt: 'Hello' }, acme);
await before.close();

const after = createTransport({ providers: [provider], transaction: { store, by: tenant } });
await after.complete({ prompt: 'Hello' }, acme);
console.log(after.usage().attempts); // 0: the process before has paid for it
// #endregion
await after.close();
