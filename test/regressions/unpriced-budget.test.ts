import { expect, it } from 'vitest';
import type { TransportError } from '../../src/core/errors.ts';
import { budget } from '../../src/middleware/budget.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

it.each([
  ['one provider', ['only']],
  ['two', ['first', 'second']],
])(
  'a budget in dollars, of %s whose price nobody knows, is refused at once: no wait brings a price',
  async (_, names) => {
    const providers = names.map((name) => simulated({ name }));
    const llm = createTransport({ providers, useEach: [budget({ dollars: 1 })] });
    const stop = new AbortController();
    const waits: number[] = [];
    llm.on('retry', ({ waitMs }) => {
      if (waitMs === 0) return;
      waits.push(waitMs);
      stop.abort();
    });

    const error = await llm
      .complete({ prompt: 'Hello' }, { signal: stop.signal })
      .catch((error: TransportError) => error);

    expect(waits).toEqual([]);
    expect(providers.flatMap(({ requests }) => requests)).toEqual([]);
    const codes = [error, (error as TransportError).cause].map((one) => (one as TransportError | undefined)?.code);
    expect(codes).toContain('budget_exceeded');
    await llm.close();
  },
);
