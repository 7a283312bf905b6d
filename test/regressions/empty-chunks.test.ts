import { describe, expect, it } from 'vitest';
import { mapChunks } from '../../src/core/reply.ts';
import type { Chunk, Middleware, Provider } from '../../src/core/types.ts';
import { createTransport } from '../../src/transport.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Streams some texts, then the last of them for ever. */
function repeating(...texts: readonly string[]): Provider {
  return {
    name: 'repeating',
    domain: 'repeating',
    kind: 'test',
    model: 'm',
    complete: () => Promise.reject(new Error('not asked')),
    async *stream(_request, { signal }): AsyncGenerator<Chunk, void, undefined> {
      for (const text of texts) yield { type: 'text', text };
      while (!signal.aborted) {
        await pause(5);
        yield { type: 'text', text: texts.at(-1) ?? '' };
      }
    },
  };
}

describe("A provider's empty chunks", () => {
  it.each([
    { when: 'before the first content', texts: [''], code: 'timeout' },
    { when: 'after it', texts: ['Hello', ''], code: 'stream_interrupted' },
  ])('$when are no progress: the timer goes on', async ({ texts, code }) => {
    const timeout = { firstContentMs: 80, idleMs: 80 };
    const llm = createTransport({ providers: [repeating(...texts)], timeout, retry: false });
    const reading = (async () => {
      for await (const _ of await llm.complete({ prompt: 'Hi', stream: true }));
    })();
    const end = await Promise.race([pause(3_000).then(() => 'hung'), reading.catch((error: unknown) => error)]);
    await llm.close({ timeoutMs: 0 });
    expect(end).toMatchObject({ code });
  });

  it('that a middleware has made empty were progress at the provider: the stream goes on', async () => {
    const quiet: Middleware = (next) => async (request, context) =>
      mapChunks(await next(request, context), (chunk) => (chunk.type === 'text' ? { type: 'text', text: '' } : chunk));
    const silent: Middleware = (next) => async (request, context) =>
      mapChunks(await next(request, context), (chunk) => (chunk.type === 'text' ? undefined : chunk));
    for (const layer of [quiet, silent]) {
      const llm = createTransport({ providers: [repeating('Hello')], timeout: { idleMs: 80 }, useEach: [layer] });
      const stream = await llm.complete({ prompt: 'Hi', stream: true }, { timeoutMs: 400 });
      await expect(stream.completion).rejects.toMatchObject({ code: 'deadline_exceeded' });
      await llm.close({ timeoutMs: 0 });
    }
  });
});
