import { describe, expect, it } from 'vitest';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { Health } from '../../../src/core/health.ts';
import { mapChunks } from '../../../src/core/reply.ts';
import type { CompletionRequest, Middleware, Provider } from '../../../src/core/types.ts';
import { resume } from '../../../src/middleware/resume.ts';
import { answerTo, simulated } from '../../../src/testing/index.ts';
import { aContext, foreignReply, Source } from '../core/support.ts';
import { broken, flush, kept, readAll, requestsAt, transport, virtualTime } from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };

describe('resume, in mode error', () => {
  it.each([
    ['cut-reset', 'connection'],
    ['cut-end', 'truncated'],
    ['missing-terminal-event', 'truncated'],
    ['stream-error-after-content', 'server_error'],
    ['malformed-json', 'bad_response'],
    ['stall', 'timeout'],
  ] as const)('%s: says exactly what had come and why it broke, and asks nobody', async (fault, code) => {
    const [a, b] = [simulated({ name: 'a', fault }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b], timeout: { idleMs: 1_000 } });
    const { text, error, chunks } = await kept(readAll(await kept(llm.complete({ ...hello, stream: true }))));
    expect(error).toMatchObject({
      code: 'stream_interrupted',
      retry: 'never',
      provider: 'a',
      message: expect.stringMatching(/^The stream broke after it was answered: \S/),
      partial: { text, toolCalls: [] },
      cause: { code },
    });
    expect(answerTo('Hello').startsWith(text)).toBe(true);
    expect(chunks.some(({ type }) => type === 'finish')).toBe(false);
    expect(requestsAt(b)).toBe(0);
  });

  describe('what a middleware has changed on its way', () => {
    const loud: Middleware = (next) => async (request, context) =>
      mapChunks(await next(request, context), (chunk) =>
        chunk.type === 'text' ? { type: 'text', text: chunk.text.toUpperCase() } : chunk,
      );
    /** As adapters do: tells itself what had come. */
    const breaking: Provider = {
      ...simulated({ name: 'a' }),
      async *stream() {
        yield { type: 'text', text: 'My name is Rumpelstiltskin' };
        yield { type: 'text', text: ' and I' };
        throw new TransportError('connection', 'gone', {
          provider: 'a',
          partial: { text: 'My name is Rumpelstiltskin and I', toolCalls: [], reasoning: undefined },
        });
      },
    };

    it.each([
      ['use', 'error'],
      ['useEach', 'error'],
      ['use', 'restart'],
      ['useEach', 'restart'],
    ] as const)('by %s, in mode %s: is told as it was delivered', async (where, mode) => {
      const llm = transport({ providers: [breaking], resume: { mode, maxResumes: 1 }, [where]: [loud] });
      const { error } = await kept(readAll(await kept(llm.complete({ ...hello, stream: true }))));
      expect(error).toMatchObject({
        code: 'stream_interrupted',
        partial: { text: 'MY NAME IS RUMPELSTILTSKIN AND I' },
        cause: { code: 'connection', partial: undefined },
      });
    });
  });

  it('leaves alone what no other attempt could have helped with', async () => {
    const llm = transport({ providers: [simulated({ fault: 'refusal-after-content' })] });
    const { error } = await kept(readAll(await kept(llm.complete({ ...hello, stream: true }))));
    expect(error).toMatchObject({ code: 'content_filtered' });
  });

  it('what is below sees the original error: the circuit, the ledger', async () => {
    const a = simulated({ name: 'a', fault: 'cut-reset' });
    const llm = transport({ providers: [a] });
    for (let count = 0; count < 3; count++) {
      const { error } = await kept(readAll(await kept(llm.complete({ ...hello, stream: true }))));
      expect(error).toMatchObject({ attempts: [{ outcome: 'connection' }] });
      await flush();
    }
    expect(llm.health()[0]).toMatchObject({ circuit: 'open', lastError: 'connection' });
  });

  it('has nothing to say of a unary call: that is asked again', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'cut-reset' }), simulated({ name: 'b' })];
    const { text, attempts } = await kept(transport({ providers: [a, b] }).complete(hello));
    expect([text, attempts.length]).toEqual([answerTo('Hello'), 2]);
  });

  it('can be left out: then the original error is what the reader gets', async () => {
    const llm = transport({ providers: [simulated({ fault: 'cut-reset' })], resume: false });
    const stream = await kept(llm.complete({ ...hello, stream: true }));
    const { text, error } = await kept(readAll(stream));
    expect(error).toMatchObject({ code: 'connection', partial: { text } });
    expect(await broken(stream.completion)).toMatchObject({ code: 'connection' });
  });

  /** The layer alone, over a reply whose chunks break with an error. */
  const over = async (request: CompletionRequest, error: TransportError) => {
    const source = new Source();
    const { reply } = foreignReply(source);
    const place = { quota: new RetryQuota(), health: new Health(), retries: true };
    const handler = resume({}, place)(async () => reply, { provider: undefined, onClose: () => {} });
    const passed = await handler(request, aContext());
    source.fail(error);
    return { reply, passed };
  };

  it('says that nothing had come where nothing had', async () => {
    const error = new TransportError('connection', 'reset', { provider: 'a', status: 502, retryAfterMs: 5 });
    const { passed } = await over({ ...hello, stream: true }, error);
    expect(await passed.done).toMatchObject({
      error: {
        ...{ code: 'stream_interrupted', message: 'The stream broke after it was answered: reset' },
        ...{ provider: 'a', status: 502, retryAfterMs: 5, cause: error },
        partial: { text: '', toolCalls: [], reasoning: undefined },
      },
    });
  });

  it('touches nothing of a unary call', async () => {
    const { reply, passed } = await over(hello, new TransportError('connection', 'reset'));
    expect(passed).toBe(reply);
  });
});
