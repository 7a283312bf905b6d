import { expect, it } from 'vitest';
import { simulated } from '../../src/testing/index.ts';
import { allSettled, chance, settled, tally, transport, virtualTime, requestsAt, finish, advance, watch } from '../unit/middleware/support.ts';
virtualTime();
const two = (o = {}) => [simulated({ name: 'a', words: 3, ...o }), simulated({ name: 'b', words: 3, ...o })] as const;
it('cold down', async () => {
  const [a, b] = two({ fault: 'http-503' });
  const llm = transport({ providers: [a, b] });
  const t = performance.now(); const rt = process.hrtime.bigint();
  const results = await allSettled(Array.from({ length: 1000 }, () => llm.complete({ prompt: 'Hi' })));
  console.log('cold', tally(results), requestsAt(a, b), performance.now() - t, Number(process.hrtime.bigint() - rt) / 1e6);
});
it('warm down', async () => {
  for (const seed of [1,2,3]) {
  chance(seed);
  const [a, b] = two({ firstTokenMs: 50 });
  const llm = transport({ providers: [a, b] });
  b.setFault; a.setFault('invalid-request'); await settled(llm.complete({prompt:'x'}));
  a.setFault('unprocessable');
  // warm both
  a.setFault(undefined); await settled(llm.complete({ prompt: 'x' }));
  a.setFault('http-500'); await settled(llm.complete({ prompt: 'x' })); a.setFault(undefined);
  const n = requestsAt(a, b);
  a.setFault('http-503'); b.setFault('http-503');
  const rt = process.hrtime.bigint();
  const results = await allSettled(Array.from({ length: 1000 }, () => llm.complete({ prompt: 'Hi' })));
  console.log('warm', tally(results), requestsAt(a, b) - n, Math.max(...results.map(r => r.ms)), Number(process.hrtime.bigint() - rt) / 1e6);
  await finish(llm);
  }
});
it('warm primary down, backup slow', async () => {
  for (const first of [10, 500, 2000, 5000]) {
  const a = simulated({ name: 'a', words: 3, firstTokenMs: 50 }), b = simulated({ name: 'b', words: 3, firstTokenMs: first });
  const llm = transport({ providers: [a, b] });
  await settled(llm.complete({ prompt: 'x' }));
  a.setFault('http-500'); await settled(llm.complete({ prompt: 'x' }));
  const n = requestsAt(a, b);
  const results = await allSettled(Array.from({ length: 1000 }, () => llm.complete({ prompt: 'Hi' })));
  console.log('failover', first, tally(results), requestsAt(a, b) - n, Math.max(...results.map(r => r.ms)));
  await finish(llm);
  }
});
it('20%', async () => {
  for (const seed of [1,2,3,4,5]) for (const warm of [false, true]) {
  chance(seed);
  const r = { seed, random: { ratio: 0.2, faults: ['http-500', 'http-503'] as const }, firstTokenMs: (x: () => number) => 100 + x() * 900 };
  const a = simulated({ name: 'a', words: 3, ...r }), b = simulated({ name: 'b', words: 3, ...r, seed: seed + 100 });
  const llm = transport({ providers: [a, b] });
  if (warm) { await settled(llm.complete({ prompt: 'x' })); }
  const rt = process.hrtime.bigint();
  const results = await allSettled(Array.from({ length: 1000 }, () => llm.complete({ prompt: 'Hi' })));
  console.log('20%', seed, warm, tally(results), requestsAt(a, b), Math.max(...results.map(r => r.ms)), Number(process.hrtime.bigint() - rt) / 1e6);
  await finish(llm);
  }
});
