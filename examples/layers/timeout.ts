import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [
    simulated({ name: 'primary', fault: 'silence-after-headers' }), // 200, and then nothing
    simulated({ name: 'backup' }),
  ],
  timeout: { firstContentMs: 300, idleMs: 5_000 },
});

const { provider, attempts } = await llm.complete({ prompt: 'Hello' });
console.log(provider, attempts[0]?.outcome); // backup timeout
// #endregion

const silent = createTransport({
  providers: [simulated({ name: 'primary', fault: 'silence-after-headers' }), simulated({ name: 'backup' })],
});
// #region deadline
const quick = await silent.complete({ prompt: 'Hello' }, { timeoutMs: 1_000 }); // half of it is the primary's
console.log(quick.provider, quick.attempts[0]?.outcome); // backup timeout
// #endregion

await llm.close();
await silent.close();
