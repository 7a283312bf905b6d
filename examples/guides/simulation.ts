// #region simulate
import { createTransport } from 'llm-transport';
import { simulate } from 'llm-transport/testing';

const report = await simulate({
  seed: 7, // the same run each time, event for event
  forMs: 10 * 60_000, // ten minutes of calls, in less than a second
  providers: [
    { name: 'primary', schedule: [{ fromMs: 120_000, toMs: 300_000, errorRatio: 1, errorCode: 'overloaded' }] },
    { name: 'backup', firstContentMs: 1_200, slots: 20 },
  ],
  client: (providers) => createTransport({ providers }),
  load: { perSecond: 2, burstiness: 3, maxOutputTokens: 1_000, timeoutMs: 30_000 },
});
// #endregion
console.log(report.calls.length, 'calls');

// #region look
const answered = report.calls.filter(({ outcome }) => outcome === 'ok');
const late = answered.filter(({ firstContentMs = 0 }) => firstContentMs > 5_000);
console.log(`${answered.length} of ${report.calls.length} answered, ${late.length} of them late`);
for (const [name, requests] of report.requests) console.log(`${name}: ${requests.length} requests`);
console.log(report.broken); // []: what a transport never does, and has done

// #endregion

// #region virtual-time
import { inVirtualTime, virtualProvider } from 'llm-transport/testing';

const waited = await inVirtualTime(async (time) => {
  const llm = createTransport({
    providers: [virtualProvider({ schedule: [{ fromMs: 0, toMs: 45_000, errorRatio: 1 }] })],
  });
  await llm.complete({ prompt: 'Hello' }); // the provider is back after 45 seconds, which pass at once
  await llm.close();
  return time.elapsedMs;
});
console.log(waited > 45_000); // true
// #endregion
