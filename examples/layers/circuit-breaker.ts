import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const primary = simulated({ name: 'primary', fault: 'http-500' });

// #region usage
const llm = createTransport({
  providers: [primary, simulated({ name: 'backup' })],
  circuitBreaker: { failureRatio: 0.3, minAttempts: 20, maxOpenMs: 2_000 },
});
llm.on('circuit:change', ({ provider, from, to }) => console.log(`${provider}: ${from} → ${to}`));

for (let call = 1; call <= 5; call += 1) {
  const { attempts } = await llm.complete({ prompt: 'Hello' });
  console.log(attempts.map(({ provider }) => provider)); // primary, backup; from the fourth call on backup alone
}
// #endregion
console.log(primary.requests.length); // 3

// #region look
const [{ circuit, failureRatio, lastError } = {}] = llm.health();
console.log(circuit, failureRatio, lastError); // open 1 server_error
// #endregion

await llm.close();
