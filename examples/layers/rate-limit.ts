import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

// #region usage
const llm = createTransport({
  providers: [
    simulated({
      name: 'primary',
      firstTokenMs: 10,
      limits: { requestsPerMinute: 600, tokensPerMinute: 2_000_000, concurrency: 20 },
    }),
  ],
  rateLimit: { maxQueued: 500 },
});
llm.on('queue:wait', ({ provider, waitMs }) => console.log(`waited ${Math.round(waitMs)} ms for ${provider}`));

const batch = ['a', 'b', 'c', 'd'].map((prompt) => llm.complete({ prompt }, { priority: 'batch' }));
const chat = llm.complete({ prompt: 'Hello' }, { priority: 'interactive' }); // leaves the line before them
// #endregion
console.log((await Promise.all([...batch, chat])).length);

const full = createTransport({
  providers: [simulated({ limits: { concurrency: 1 }, firstTokenMs: 20 })],
  rateLimit: { maxQueued: 1 },
});
// #region full
const calls = ['a', 'b', 'c'].map((prompt) => full.complete({ prompt }));
for (const result of await Promise.allSettled(calls)) {
  if (result.status === 'fulfilled') console.log('answered');
  else if (TransportError.is(result.reason)) console.log(result.reason.code, result.reason.retryAfterMs); // queue_full 1000
}
// #endregion

await llm.close();
await full.close();
