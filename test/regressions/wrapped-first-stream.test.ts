import { afterEach, describe, expect, it, vi } from 'vitest';
import { wrap } from '../../src/wrap.ts';

const timeout = { firstContentMs: 5_000 };
const never = () => new Promise<never>(() => {});

/** A stream that says nothing, and one that does. */
const silent = (): AsyncIterable<string> => ({ [Symbol.asyncIterator]: () => ({ next: never }) });
async function* spoken(): AsyncGenerator<string> {
  yield 'Hello';
}

/** What `streamText` returns: an object around a stream. */
const around = (stream: () => AsyncIterable<unknown>) => ({
  consumeStream: async () => {},
  toUIMessageStream: () => {},
  get stream() {
    return stream();
  },
});
async function* parts(): AsyncGenerator<unknown> {
  yield { type: 'start-step' };
  yield { type: 'text-delta', text: 'Hello' };
  yield { type: 'finish', finishReason: 'stop', totalUsage: { inputTokens: 1, outputTokens: 1 } };
}

afterEach(() => vi.useRealTimers());

describe('a wrapped function whose first result ever is a stream', () => {
  it.each([
    ['a stream', () => silent(), () => spoken()],
    ['an object around one', () => around(silent), () => around(parts)],
  ])('is waited for as a stream from the moment it returns %s: silence is noticed', async (_, first, second) => {
    vi.useFakeTimers();
    const asked: string[] = [];
    const call = (name: string, result: () => unknown) => ({
      name,
      call: async (_prompt: string) => {
        asked.push(name);
        return result();
      },
    });
    const ask = wrap([call('silent', first), call('good', second)], { timeout, hedge: false });
    const answer = ask('Hello');
    await vi.advanceTimersByTimeAsync(4_000);
    expect(asked).toEqual(['silent']);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(asked).toEqual(['silent', 'good']);
    await expect(answer).resolves.toBeDefined();
    void ask.transport.close({ timeoutMs: 0 });
    await vi.runAllTimersAsync();
  });

  it('has ten minutes until it returns anything: it may be no stream', async () => {
    vi.useFakeTimers();
    const ask = wrap((_prompt: string) => never(), { timeout, retry: false });
    const failure = ask('Hello').catch(({ message }: Error) => message);
    await vi.advanceTimersByTimeAsync(599_000);
    expect(await Promise.race([failure, 'under way'])).toBe('under way');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await failure).toMatch(/600000|600,000/);
    void ask.transport.close({ timeoutMs: 0 });
    await vi.runAllTimersAsync();
  });
});
