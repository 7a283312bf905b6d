import { budget, contextKey, createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
/** Whose call it is. */
const tenant = contextKey('tenant', 'anonymous');
/** A dollar a day, in UTC, for each tenant. */
const daily = budget({ dollars: 1, by: tenant, everyMs: 86_400_000 });

const llm = createTransport({
  providers: [simulated({ traits: { price: { input: 3, output: 15 } } })],
  useEach: [daily],
});
const acme = { values: [tenant.of('acme')] };
await llm.complete({ prompt: 'Hello', maxOutputTokens: 500 }, acme);

for (const { key, spent, reserved } of daily.state()) console.log(key, spent.dollars, reserved.dollars); // acme 0.000903 0
// #endregion

// #region refused
llm.on('budget:refuse', ({ key, wanted, spent }) => console.log(key, 'wanted', wanted.dollars, 'after', spent.dollars));
try {
  await llm.complete({ prompt: 'A very long answer, please', maxOutputTokens: 66_650 }, acme);
} catch (error) {
  if (!TransportError.is(error) || error.code !== 'budget_exceeded') throw error;
  console.log(error.attempts.length, error.retryAfterMs); // 0, and the milliseconds until midnight
}
// #endregion

await llm.close();
