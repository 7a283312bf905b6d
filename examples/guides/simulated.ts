import { createTransport } from 'llm-transport';

// #region script
import { simulated } from 'llm-transport/testing';

const model = simulated({
  answer: ({ prompt }) => (prompt.includes('weather') ? 'Rain, later snow.' : 'I do not know.'),
  script: ['ok', 'http-503', 'cut-reset'], // one for each request; after the last one all is well
  firstTokenMs: 5,
  tokenMs: (random) => 2 * random(), // drawn from a seeded source: every run is the same
});
// #endregion
const llm = createTransport({ providers: [model] });
console.log((await llm.complete({ prompt: 'The weather?' })).text);
console.log((await llm.complete({ prompt: 'The weather?' })).attempts.map(({ outcome }) => outcome));

// #region look
model.setFault('rate-limited'); // from now on, until setFault(undefined)
await llm.complete({ prompt: 'Hello' }, { timeoutMs: 100 }).catch(({ code }) => console.log(code)); // rate_limited
for (const { prompt, status, fault, tokensSent, billed } of model.requests) {
  console.log(prompt, status, fault?.kind, tokensSent, billed);
}
// #endregion

// #region schedule
const flaky = simulated({
  name: 'flaky',
  schedule: [{ fromMs: 1_000, toMs: 3_000, fault: 'connection-refused' }], // an outage, from the first second to the third
  random: { ratio: 0.02, faults: ['http-500', 'stall', 'cut-end'] }, // and two calls in a hundred go wrong at any time
  seed: 7,
});
// #endregion

// #region limits
const limited = simulated({
  name: 'limited',
  limits: { requestsPerMinute: 60 }, // what the transport is told
  enforcedLimits: { requestsPerMinute: 60, burstRatio: 0.5 }, // what really gets a 429
});
// #endregion
const both = createTransport({ providers: [flaky, limited] });
console.log((await both.complete({ prompt: 'Hello' })).provider);

await both.close();
await llm.close();
