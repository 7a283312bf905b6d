import { describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import { callable } from '../../src/providers/callable.ts';
import { createTransport } from '../../src/transport.ts';

describe('a request that changes while its call is under way', () => {
  it('is asked again, and summed up, as it was', async () => {
    const asked: unknown[] = [];
    const metadata = { user: 'ann' };
    const request = { prompt: 'first', metadata };
    const provider = callable({
      name: 'odd',
      complete: (own) => {
        asked.push(own.prompt);
        request.prompt = 'second';
        metadata.user = 'bob';
        if (asked.length === 1) throw new TransportError('server_error', 'once');
        return { text: 'Hello' };
      },
    });
    const llm = createTransport({ providers: [provider] });
    await llm.complete(request);
    expect(asked).toEqual(['first', 'first']);
    expect(llm.usage({ metadata: 'user' }).map(({ key }) => key)).toEqual(['ann']);
    await llm.close();
  });

  it.each([0, 1, 2, 3, 4, 5, 6])('and throws when it is read for the time %i ends all the same', async (times) => {
    for (const name of ['prompt', 'metadata', 'stream']) {
      let left = times;
      const metadata = { user: 'ann' };
      const request = Object.defineProperty({ prompt: 'Hello', metadata, stream: false as const }, name, {
        get: () => {
          left -= 1;
          if (left < 0) throw new Error('in a getter');
          return { prompt: 'Hello', metadata, stream: false }[name];
        },
      });
      const llm = createTransport({ providers: [callable({ name: 'odd', complete: () => ({ text: 'Hi' }) })] });
      const outcome = await llm.complete(request).then(
        ({ text }) => text,
        (error) => TransportError.is(error),
      );
      expect(outcome === 'Hi' || outcome === true).toBe(true);
      expect(llm.health()[0]?.inFlight).toBe(0);
      await llm.close();
    }
  });
});
