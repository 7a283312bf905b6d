import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const providers = [
  simulated({ name: 'eu', script: ['http-503', 'http-503'] }),
  simulated({ name: 'us', script: ['http-529', 'http-529'] }),
] as const;

// #region usage
const llm = createTransport({ providers, retry: { retries: 2, maxWaitMs: 20_000 } });
llm.on('retry', ({ code, waitMs }) => console.log(code, waitMs === 0 ? 'asks another at once' : 'waits'));

const { attempts } = await llm.complete({ prompt: 'Hello' });
console.log(attempts.map(({ number, reason, provider, outcome }) => `${number} ${reason} ${provider}: ${outcome}`));
// [ '1 first eu: overloaded', '2 failover us: overloaded', '3 failover eu: overloaded', … ]
// #endregion

const filtered = [
  simulated({ name: 'strict', fault: 'content-policy' }),
  simulated({ name: 'other', fault: 'content-policy' }),
] as const;
// #region content-filtered
const lenient = createTransport({ providers: filtered, retry: { contentFiltered: 'elsewhere' } });
// #endregion
await lenient
  .complete({ prompt: 'Hello' })
  .catch((error: TransportError) => console.log(error.code, error.attempts.length));

const parked = createTransport({ providers: [simulated({ fault: 'rate-limited-600s' })] });
// #region retry-after
try {
  await parked.complete({ prompt: 'Hello' }, { timeoutMs: 5_000 });
} catch (error) {
  if (!TransportError.is(error) || error.retryAfterMs === undefined) throw error;
  console.log(`${error.code}: try again in ${Math.round(error.retryAfterMs / 1_000)} s`); // at once, not after 5 s
}
// #endregion

await llm.close();
await lenient.close();
await parked.close();
