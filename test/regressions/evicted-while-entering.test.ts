import { expect, it } from 'vitest';
import { simulated } from '../../src/testing/index.ts';
import { advance, kept, transport, virtualTime, watch } from '../unit/middleware/support.ts';

virtualTime();

it('a call that could go elsewhere at the moment in which it joins a line is not stuck there when it is stopped', async () => {
  const a = simulated({ name: 'a', words: 2, limits: { requestsPerMinute: 6 } });
  const b = simulated({ name: 'b', words: 2 });
  // Whoever is first in the list, however long that takes.
  const llm = transport({ providers: [a, b], route: ([first]) => first });
  await kept(llm.complete({ prompt: 'Hello' }));
  await advance(2_000);
  const controller = new AbortController();
  // It would have to wait for eight seconds here, and the other one is free.
  const call = watch(llm.complete({ prompt: 'Hello' }, { signal: controller.signal }));
  await advance(100);
  controller.abort();
  await advance(0);
  expect(call.result).toBeDefined();
});
