import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region chat
const chat = createTransport({
  providers: [simulated({ name: 'primary' }), simulated({ name: 'backup' })],
  timeout: { firstContentMs: 8_000, idleMs: 10_000 }, // a person waits: look elsewhere soon
});
const reply = await chat.complete({ prompt: 'Hello' }, { timeoutMs: 30_000, priority: 'interactive' });
// #endregion

// #region batch
const reports = createTransport({
  providers: [simulated({ name: 'reasoner' })],
  timeout: { firstContentMs: 240_000, idleMs: 120_000 }, // it thinks for minutes, and says nothing meanwhile
  retry: { retries: 8, maxWaitMs: 3_600_000 }, // and an outage of an hour is sat out
});
const report = await reports.complete({ prompt: 'Hello', reasoning: 'high' }, { priority: 'batch' });
// #endregion
console.log(reply.provider, report.provider);

await chat.close();
await reports.close();
