import { describe, expect, it, vi } from 'vitest';
import { contextKey } from '../../../src/core/context.ts';
import { mapChunks } from '../../../src/core/reply.ts';
import type { Chunk, CompletionStream, Middleware } from '../../../src/core/types.ts';
import { answerTo, type Fault, simulated } from '../../../src/testing/index.ts';
import { advance, broken, finish, flush, given, kept, readAll, requestsAt, transport, virtualTime } from './support.ts';

virtualTime();

const hello = { prompt: 'Hello', stream: true } as const;
const restart = { mode: 'restart' } as const;
const cut = (afterTokens: number): Fault => ({ kind: 'cut', afterTokens, by: 'reset' });

/** What is left to a reader who drops what it has when it is told to. */
function keptOf(chunks: readonly Chunk[]): string {
  let text = '';
  for (const chunk of chunks) {
    if (chunk.type === 'restart') text = '';
    if (chunk.type === 'text') text += chunk.text;
  }
  return text;
}

const restartsIn = (chunks: readonly Chunk[]) => chunks.filter(({ type }) => type === 'restart');

describe('resume, in mode restart', () => {
  it.each([
    ['cut-reset', 'connection'],
    ['cut-end', 'truncated'],
    ['missing-terminal-event', 'truncated'],
    ['stream-error-after-content', 'server_error'],
    ['malformed-json', 'bad_response'],
    ['stall', 'timeout'],
  ] as const)(
    '%s: the reader is told to drop what it has, and the answer comes from elsewhere',
    async (fault, code) => {
      const [a, b] = [simulated({ name: 'a', fault, tokenMs: 5 }), simulated({ name: 'b', tokenMs: 5 })];
      const llm = transport({ providers: [a, b], resume: restart, timeout: { idleMs: 1_000 }, hedge: false });
      const stream = await kept(llm.complete(hello));
      const { chunks, error, text } = await kept(readAll(stream));
      expect(error).toBeUndefined();
      expect(keptOf(chunks)).toBe(answerTo('Hello'));
      // What it had been given before was delivered.
      expect(text.length).toBeGreaterThan(answerTo('Hello').length);
      expect(restartsIn(chunks)).toEqual([{ type: 'restart', provider: 'b' }]);
      const completion = await kept(stream.completion);
      expect(completion).toMatchObject({
        text: answerTo('Hello'),
        provider: 'b',
        resumed: false,
        finishReason: 'stop',
      });
      expect(completion.attempts).toMatchObject([
        { number: 1, reason: 'first', provider: 'a', outcome: code },
        { number: 2, reason: 'resume', provider: 'b', outcome: 'ok' },
      ]);
      const told = llm.events.filter(({ type }) => type === 'resume');
      expect(told).toMatchObject([{ mode: 'restart', provider: 'b', code }]);
      expect(llm.events.at(-1)).toMatchObject({ type: 'call:end', outcome: 'ok', attempts: [{}, {}] });
    },
  );

  it('a lone provider is asked again, after a moment', async () => {
    const a = simulated({ name: 'a', script: ['cut-reset'], tokenMs: 5 });
    const llm = transport({ providers: [a], resume: restart });
    const { chunks } = await kept(readAll(await kept(llm.complete(hello))));
    expect(keptOf(chunks)).toBe(answerTo('Hello'));
    expect(restartsIn(chunks)).toEqual([{ type: 'restart', provider: 'a' }]);
    expect(llm.events.filter(({ type }) => type === 'retry')).toMatchObject([{ code: 'connection' }]);
  });

  it('also without a retry layer: one more attempt, elsewhere', async () => {
    const [a, b] = [simulated({ name: 'a', script: ['cut-reset'] }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b], resume: restart, retry: false });
    const { chunks } = await kept(readAll(await kept(llm.complete(hello))));
    expect([keptOf(chunks), requestsAt(a), requestsAt(b)]).toEqual([answerTo('Hello'), 1, 1]);
    const lone = simulated({ name: 'a', script: ['cut-reset'] });
    const alone = transport({ providers: [lone], resume: restart, retry: false });
    const again = await kept(readAll(await kept(alone.complete(hello))));
    expect([keptOf(again.chunks), requestsAt(lone)]).toEqual([answerTo('Hello'), 2]);
  });

  it('is bounded: after maxResumes the stream ends in the error, with exactly what the reader has', async () => {
    const a = simulated({ name: 'a', fault: cut(9), tokenMs: 5 });
    const llm = transport({
      providers: [a],
      resume: { ...restart, maxResumes: 2 },
      circuitBreaker: false,
      rateLimit: false,
    });
    const { chunks, error } = await kept(readAll(await kept(llm.complete(hello))));
    expect([requestsAt(a), restartsIn(chunks).length]).toEqual([3, 2]);
    expect(error).toMatchObject({
      code: 'stream_interrupted',
      cause: { code: 'connection' },
      partial: { text: keptOf(chunks), toolCalls: [] },
      attempts: [{ reason: 'first' }, { reason: 'resume' }, { reason: 'resume' }],
    });
    expect(keptOf(chunks)).not.toBe('');
  });

  it('three times at most, when nothing is said', async () => {
    const a = simulated({ name: 'a', fault: cut(9) });
    const llm = transport({ providers: [a], resume: restart, circuitBreaker: false });
    await kept(readAll(await kept(llm.complete(hello))));
    expect(requestsAt(a)).toBe(4);
  });

  it('pays from the retry quota: while everything breaks, resumes stop by themselves', async () => {
    const a = simulated({ name: 'a', fault: cut(3) });
    const llm = transport({
      providers: [a],
      resume: { ...restart, maxResumes: 1_000 },
      circuitBreaker: false,
      rateLimit: false,
    });
    const { error } = await kept(readAll(await kept(llm.complete(hello))));
    expect(error).toMatchObject({ code: 'stream_interrupted' });
    // 500 in the purse, 5 a resume; the provider's own purse holds 250, and earns nothing.
    expect(requestsAt(a)).toBeLessThanOrEqual(101);
    expect(requestsAt(a)).toBeGreaterThan(40);
  });

  it('is given back what a resume has cost once its answer is whole', async () => {
    const script = (request: { index: number }) => (request.index % 2 === 0 ? cut(3) : 'ok');
    const a = simulated({ name: 'a', script });
    for (const retry of [undefined, false] as const) {
      const llm = transport({
        providers: [a],
        resume: restart,
        circuitBreaker: false,
        ...(retry === false && { retry }),
      });
      for (let count = 0; count < 150; count++) {
        const { error } = await kept(readAll(await kept(llm.complete(hello))));
        expect(error).toBeUndefined();
      }
      await finish(llm);
    }
  });

  it('ends in the error of the break when nobody can be asked, and asks nobody who is closed to it', async () => {
    const a = simulated({ name: 'a', script: ['cut-reset', { kind: 'status', status: 401 }] });
    const llm = transport({ providers: [a], resume: restart });
    const { error, text } = await kept(readAll(await kept(llm.complete(hello))));
    expect(error).toMatchObject({ code: 'stream_interrupted', cause: { code: 'connection' }, partial: { text } });
    expect(error).toMatchObject({ attempts: [{ outcome: 'connection' }, { outcome: 'authentication' }] });
  });

  it('leaves alone what no other attempt could have helped with', async () => {
    const llm = transport({ providers: [simulated({ fault: 'refusal-after-content' })], resume: restart });
    const { error } = await kept(readAll(await kept(llm.complete(hello))));
    expect(error).toMatchObject({ code: 'content_filtered', attempts: [{}] });
  });

  it('drops tool calls and reasoning too', async () => {
    const answer = () => ({
      reasoning: 'I think so',
      text: 'Let me see',
      toolCalls: [{ name: 'one', input: { a: 1 } }],
    });
    const [a, b] = [simulated({ name: 'a', answer, fault: cut(5), tokenMs: 5 }), simulated({ name: 'b', answer })];
    const llm = transport({ providers: [a, b], resume: restart, hedge: false });
    const stream = await kept(llm.complete(hello));
    await kept(readAll(stream));
    expect(await kept(stream.completion)).toMatchObject({
      reasoning: 'I think so',
      text: 'Let me see',
      toolCalls: [{ name: 'one', input: { a: 1 } }],
    });
  });
});

describe('who cannot be told of a restart', () => {
  it('reads text alone: the stream ends in the error, and nothing more is asked', async () => {
    const [a, b] = [simulated({ name: 'a', fault: cut(5), tokenMs: 5 }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b], resume: restart, hedge: false });
    const stream = await kept(llm.complete(hello));
    let text = '';
    const reading = (async () => {
      for await (const piece of stream.text) text += piece;
    })();
    expect(await broken(reading)).toMatchObject({ code: 'stream_interrupted', partial: { text } });
    expect(await broken(stream.completion)).toMatchObject({ code: 'stream_interrupted' });
    expect([answerTo('Hello').startsWith(text), text !== '', requestsAt(b)]).toEqual([true, true, 0]);
  });

  it('reads text alone of an answer that is validated: the stream ends in the error, and nothing more is asked', async () => {
    const answer = () => answerTo('Hello');
    const [a, b] = [simulated({ name: 'a', fault: cut(5), tokenMs: 5, answer }), simulated({ name: 'b', answer })];
    const llm = transport({ providers: [a, b], resume: restart, hedge: false });
    const stream = await kept(llm.complete({ ...hello, schema: { jsonSchema: { type: 'object' } } }));
    let text = '';
    const reading = (async () => {
      for await (const piece of stream.text) text += piece;
    })();
    expect(await broken(reading)).toMatchObject({ code: 'stream_interrupted', partial: { text } });
    expect([text !== '', requestsAt(b)]).toEqual([true, 0]);
  });

  it('began to read text when the restart was on its way: it is never given both', async () => {
    const [a, b] = [simulated({ name: 'a', fault: cut(5) }), simulated({ name: 'b', firstTokenMs: 50 })];
    // Another iterable around the chunks: the transport does not know how they are read.
    const around: Middleware = (next) => async (request, context) => {
      const reply = await next(request, context);
      const { chunks } = reply;
      return {
        ...reply,
        chunks: (async function* () {
          yield* chunks;
        })(),
      };
    };
    const llm = transport({ providers: [a, b], resume: restart, hedge: false, use: [around] });
    const stream = await kept(llm.complete(hello));
    let text = '';
    const reading = (async () => {
      for await (const piece of stream.text) text += piece;
    })();
    const result = await kept(
      reading.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    if (result === undefined) expect(text).toBe(answerTo('Hello'));
    else
      expect([result, answerTo('Hello').startsWith(text)]).toMatchObject([
        {
          ...{ code: 'stream_interrupted', partial: { text } },
          ...{ transactionId: stream.transactionId, attempts: [{ provider: 'a' }, { provider: 'b' }] },
        },
        true,
      ]);
  });

  it('has not read anything yet: it is not given what it would have to drop', async () => {
    const [a, b] = [simulated({ name: 'a', fault: cut(5) }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b], resume: restart, hedge: false });
    const stream = await kept(llm.complete(hello));
    await advance(100);
    const { text, chunks } = await kept(readAll(stream));
    expect([text, chunks[0]]).toEqual([answerTo('Hello'), { type: 'restart', provider: 'b' }]);
  });

  it('a middleware that leaves out what it does not know', async () => {
    const [a, b] = [simulated({ name: 'a', fault: cut(5), tokenMs: 5 }), simulated({ name: 'b' })];
    const textOnly: Middleware = (next) => async (request, context) =>
      mapChunks(await next(request, context), (chunk) => (chunk.type === 'text' ? chunk : undefined));
    const llm = transport({ providers: [a, b], resume: restart, hedge: false, use: [textOnly] });
    const { chunks } = await kept(readAll(await kept(llm.complete(hello))));
    expect([keptOf(chunks), restartsIn(chunks).length]).toEqual([answerTo('Hello'), 1]);
  });
});

describe('resume, as a call wishes it', () => {
  const scene = (resume?: { mode: 'restart' } | false) => {
    const [a, b] = [simulated({ name: 'a', script: ['cut-reset'], tokenMs: 5 }), simulated({ name: 'b' })];
    return transport({ providers: [a, b], hedge: false, ...(resume !== undefined && { resume }) });
  };
  const codeOf = async (stream: Promise<CompletionStream>) =>
    ((await kept(readAll(await kept(stream)))).error as { code?: string } | undefined)?.code ?? 'ok';

  it('turns it on, off, and back to the error', async () => {
    expect(await codeOf(scene().complete(hello, { resume: restart }))).toBe('ok');
    expect(await codeOf(scene(false).complete(hello, { resume: restart }))).toBe('ok');
    expect(await codeOf(scene(restart).complete(hello, { resume: { mode: 'error' } }))).toBe('stream_interrupted');
    expect(await codeOf(scene(restart).complete(hello, { resume: false }))).toBe('connection');
    expect(await codeOf(scene(restart).complete(hello, { resume: { maxResumes: 0 } }))).toBe('stream_interrupted');
    expect(await codeOf(scene(restart).complete(hello, { resume: {} }))).toBe('ok');
    expect(await codeOf(scene(false).complete(hello))).toBe('connection');
  });

  it('keeps the values that it is called with', async () => {
    const key = contextKey('tenant', 'nobody');
    const seen: string[] = [];
    const look: Middleware = (next) => (request, context) => {
      seen.push(context.get(key));
      return next(request, context);
    };
    const llm = transport({ providers: [simulated()], use: [look] });
    await kept(llm.complete({ prompt: 'Hello' }, { values: [key.of('acme')], resume: restart }));
    expect(seen).toEqual(['acme']);
  });

  it('is refused when there is no such mode', async () => {
    const error = await broken(scene().complete(hello, { resume: { mode: 'guess' } } as never));
    expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringContaining('resume.mode') });
  });
});

describe('while a stream is resumed', () => {
  const slow = () => {
    const [a, b] = [simulated({ name: 'a', fault: cut(5) }), simulated({ name: 'b', firstTokenMs: 5_000 })];
    return { a, b, llm: transport({ providers: [a, b], resume: restart, hedge: false }) };
  };

  it('a reader who leaves ends it: nothing goes on', async () => {
    const { b, llm } = slow();
    const stream = await kept(llm.complete(hello));
    const iterator = stream[Symbol.asyncIterator]();
    await kept(iterator.next());
    await advance(1_000);
    expect(b.inFlight).toBe(1);
    await iterator.return?.();
    await flush();
    expect(b.inFlight).toBe(0);
    expect(await broken(stream.completion)).toMatchObject({ code: 'cancelled' });
  });

  it('a cancelled call ends at once, with what had come', async () => {
    const { b, llm } = slow();
    const controller = new AbortController();
    const stream = await kept(llm.complete(hello, { signal: controller.signal }));
    await advance(1_000);
    controller.abort();
    expect(await broken(stream.completion)).toMatchObject({ code: 'cancelled', ms: 0 });
    await flush();
    expect(b.inFlight).toBe(0);
  });

  it('the deadline holds', async () => {
    const { llm } = slow();
    const stream = await kept(llm.complete(hello, { timeoutMs: 2_000 }));
    const { error, text } = await kept(readAll(stream));
    expect(error).toMatchObject({ code: 'deadline_exceeded', partial: { text } });
    expect(Date.now() - given(llm.events[0]).at).toBe(2_000);
  });

  it('a stream that nobody reads is given up all the same', async () => {
    const big = () => 'x '.repeat(80_000);
    const a = simulated({ name: 'a', answer: big, fault: cut(70_000) });
    const llm = transport({ providers: [a], resume: restart, timeout: { abandonedMs: 3_000 } });
    const stream = await kept(llm.complete(hello));
    await advance(10_000);
    expect(llm.events.at(-1)).toMatchObject({ type: 'call:end', outcome: 'cancelled' });
    expect(await broken(stream.completion)).toMatchObject({ code: 'cancelled' });
  });

  it('a slow reader learns of an end in time, and loses nothing of it', async () => {
    const big = () => answerTo('big', { words: 12_000 });
    const a = simulated({ name: 'a', answer: big });
    const llm = transport({ providers: [a], resume: restart });
    const stream = await kept(llm.complete(hello));
    const iterator = stream[Symbol.asyncIterator]();
    let text = '';
    for (;;) {
      const { done, value } = await kept(iterator.next());
      if (done === true) break;
      if (value.type === 'text') text += value.text;
      // The call is over before the last of it was read.
      if (llm.events.at(-1)?.type === 'call:end') break;
    }
    expect(text.length).toBeLessThan(big().length);
    expect(text.length).toBeGreaterThan(0);
    for await (const chunk of { [Symbol.asyncIterator]: () => iterator }) if (chunk.type === 'text') text += chunk.text;
    expect(text).toBe(big());
  });

  it('a short silence ends it, which would not end a stream for good', async () => {
    const quick = { tokenMs: 5, words: 200 };
    for (const [resume, silenceMs] of [
      [restart, 1_000],
      [undefined, 10_000],
    ] as const) {
      const a = simulated({ name: 'a', ...quick });
      const llm = transport({ providers: [a, simulated({ name: 'b' })], hedge: false, ...(resume && { resume }) });
      for (let count = 0; count < 12; count++) await kept(readAll(await kept(llm.complete(hello))));
      a.setFault({ kind: 'stall', afterTokens: 50 });
      const from = Date.now();
      const ended: number[] = [];
      llm.on('attempt:end', ({ ledger }) => ledger.provider === 'a' && ended.push(Date.now() - from));
      await kept(readAll(await kept(llm.complete(hello))));
      expect(given(ended[0])).toBeGreaterThanOrEqual(silenceMs);
      expect(given(ended[0])).toBeLessThan(silenceMs + 1_000);
    }
    expect(vi.isFakeTimers()).toBe(true);
  });
});
