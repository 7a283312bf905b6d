import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [
    simulated({ name: 'primary', firstTokenMs: 500 }), // slow today
    simulated({ name: 'backup', firstTokenMs: 20 }),
  ],
  hedge: { afterMs: 50 },
});
llm.on('hedge', ({ provider, afterMs }) => console.log(`${provider} is asked too, after ${afterMs} ms`));

const { provider, attempts } = await llm.complete({ prompt: 'Hello' });
console.log(
  provider,
  attempts.map(({ provider, reason, outcome }) => `${provider} (${reason}): ${outcome}`),
);
// backup [ 'primary (first): abandoned', 'backup (hedge): ok' ]
// #endregion

await llm.close();
