import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { TransportError } from '../../../src/core/errors.ts';
import type { Chunk, CompletionRequest, Handler, Mount, ResumeOptions } from '../../../src/core/types.ts';
import { validate } from '../../../src/middleware/validate.ts';
import { type FaultName, simulated } from '../../../src/testing/index.ts';
import { aCall, foreignReply, Source } from '../core/support.ts';
import { advance, broken, flush, kept, readAll, transport, virtualTime, watch } from './support.ts';

virtualTime();

const city = z.object({ name: z.string(), inhabitants: z.number().check(z.positive()) });
const ask = { prompt: 'Which city?', schema: city, stream: true } as const;
const fits = '{"name":"Ulm","inhabitants":126000}';
const restart = { mode: 'restart' } as const;

/** Answers that come one after the other, the last one for ever. */
function saying(...answers: (string | { readonly fault: FaultName })[]) {
  const at = (index: number) => answers[Math.min(index, answers.length - 1)] as string | { readonly fault: FaultName };
  return simulated({
    name: 'a',
    answer: ({ index }) => {
      const one = at(index);
      return typeof one === 'string' ? one : fits;
    },
    script: ({ index }) => {
      const one = at(index);
      return typeof one === 'string' ? undefined : one.fault;
    },
  });
}

/** What a reader has in the end who drops what it is told to drop. */
function keptOf(chunks: readonly Chunk[]): string {
  let text = '';
  for (const chunk of chunks) {
    if (chunk.type === 'restart') text = '';
    else if (chunk.type === 'text') text += chunk.text;
  }
  return text;
}

describe('a stream whose answer does not fit, where it may begin again', () => {
  it.each<[string, { resume?: ResumeOptions }, { resume?: ResumeOptions }]>([
    ['for the transport', { resume: restart }, {}],
    ['for the call', {}, { resume: restart }],
    ['where it cannot be gone on with', { resume: { mode: 'continue', otherwise: 'restart' } }, {}],
  ])('is asked again, and its reader told: %s', async (_, options, callOptions) => {
    const a = saying('{"name":"Ulm","inhabitants":-1}', fits);
    const llm = transport({ providers: [a], ...options });
    const stream = await kept(llm.complete(ask, callOptions));
    const { chunks, error } = await kept(readAll(stream));
    expect(error).toBeUndefined();
    expect([keptOf(chunks), chunks.filter(({ type }) => type === 'restart')]).toEqual([
      fits,
      [{ type: 'restart', provider: 'a' }],
    ]);
    expect(chunks.filter(({ type }) => type === 'finish').length).toBe(1);
    const { object, text, attempts } = await kept(stream.completion);
    expect([object, text]).toEqual([{ name: 'Ulm', inhabitants: 126_000 }, fits]);
    expect(attempts.map(({ number, reason, outcome }) => [number, reason, outcome])).toEqual([
      [1, 'first', 'ok'],
      [2, 'retry', 'ok'],
    ]);
    const second = a.requests[1]?.body as CompletionRequest | undefined;
    expect(second?.messages?.[1]).toEqual({ role: 'assistant', content: '{"name":"Ulm","inhabitants":-1}' });
    expect(llm.events.filter(({ type }) => type === 'retry' || type === 'resume')).toMatchObject([
      { type: 'retry', code: 'schema_mismatch', waitMs: 0 },
      { type: 'resume', mode: 'restart', provider: 'a', code: 'schema_mismatch' },
    ]);
  });

  it.each<[string, object, ResumeOptions]>([
    ['nothing is said of it', {}, {}],
    ['it is to be gone on with', {}, { mode: 'continue' }],
    ['nothing is to be resumed', {}, { mode: 'restart', maxResumes: 0 }],
    ['there are no retries', { retry: false }, restart],
    ['it may not be asked again', { validate: { maxReasks: 0 } }, restart],
  ])('ends in the error when %s', async (_, options, resume) => {
    const a = saying('{}', fits);
    const { chunks, error } = await kept(
      readAll(await kept(transport({ providers: [a], resume, ...options }).complete(ask))),
    );
    expect([keptOf(chunks), a.requests.length]).toEqual(['{}', 1]);
    expect(error).toMatchObject({ code: 'schema_mismatch', partial: { text: '{}' } });
  });

  it('ends in the error after so many times, with what was said last', async () => {
    const a = saying('{"name":1}', '{"name":2}', '{"name":');
    const llm = transport({ providers: [a], resume: restart });
    const stream = await kept(llm.complete(ask));
    const { chunks, error } = await kept(readAll(stream));
    expect([keptOf(chunks), a.requests.length]).toEqual(['{"name":', 3]);
    expect(error).toMatchObject({ code: 'truncated', partial: { text: '{"name":' } });
    expect((error as TransportError).attempts.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok']);
    expect(await broken(stream.completion)).toMatchObject({ code: 'truncated' });
  });

  it('ends in the error for who reads its text alone', async () => {
    const a = simulated({ answer: ({ index }) => (index === 0 ? '{"name": "Ulm and more"}' : fits), tokenMs: 10 });
    const stream = await kept(transport({ providers: [a], resume: restart }).complete(ask));
    let text = '';
    const reading = (async () => {
      for await (const piece of stream.text) text += piece;
    })();
    expect(await broken(reading)).toMatchObject({ code: 'schema_mismatch' });
    expect([text, a.requests.length]).toEqual(['{"name": "Ulm and more"}', 1]);
  });

  it('may break on the way, and begins again for that too', async () => {
    const a = saying('{}', { fault: 'cut-reset' }, fits);
    const { chunks, error } = await kept(
      readAll(await kept(transport({ providers: [a], resume: restart }).complete(ask))),
    );
    expect([keptOf(chunks), error, a.requests.length]).toEqual([fits, undefined, 3]);
  });

  it('ends in its own error when nobody answers again', async () => {
    const a = saying('{}', { fault: 'http-503' });
    const llm = transport({ providers: [a], resume: restart });
    const { chunks, error } = await kept(readAll(await kept(llm.complete(ask))));
    expect(chunks.some(({ type }) => type === 'restart')).toBe(false);
    expect(error).toMatchObject({ code: 'schema_mismatch', partial: { text: '{}' } });
  });

  it('is over when its reader leaves while it is asked again', async () => {
    const a = saying('{}', { fault: 'silence-before-headers' });
    const llm = transport({ providers: [a], resume: restart, timeout: false });
    const stream = await kept(llm.complete(ask));
    const chunks = stream[Symbol.asyncIterator]();
    await kept(chunks.next());
    const next = watch(chunks.next());
    await advance(50);
    expect(a.requests.length).toBe(2);
    await kept(chunks.return?.() as Promise<unknown>);
    await flush();
    expect(next.result).toMatchObject({ ok: true, value: { done: true } });
    expect([llm.health()[0]?.inFlight, a.requests[1]?.closedByClientAt]).toEqual([0, Date.now()]);
    expect(await broken(stream.completion)).toMatchObject({ code: 'cancelled' });
  });

  it('stops what is asked when its reader leaves', async () => {
    const mount: Mount = { provider: undefined, onClose() {} };
    const signals: AbortSignal[] = [];
    const { reply, settle } = foreignReply(
      new Source({ type: 'text', text: '{}' }, { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' }),
    );
    settle();
    const next: Handler = async (_, { signal }) => {
      signals.push(signal);
      return signals.length === 1 ? reply : new Promise(() => {});
    };
    const layer = validate({}, { quota: new RetryQuota(), restarts: () => true });
    const { chunks } = await layer(next, mount)(ask, aCall().context);
    const reader = chunks[Symbol.asyncIterator]();
    await reader.next();
    void reader.next();
    await flush();
    await reader.return?.();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  });

  it.each(['silence-before-headers', 'stall'] as const)('ends with the deadline of its call: %s', async (fault) => {
    const a = saying('{}', { fault });
    const llm = transport({ providers: [a], resume: restart, timeout: false });
    const stream = await kept(llm.complete(ask, { timeoutMs: 600 }));
    const { error } = await kept(readAll(stream));
    expect(error).toMatchObject({ code: 'deadline_exceeded' });
    expect([a.requests.length, llm.health()[0]?.inFlight]).toEqual([2, 0]);
  });

  it('is judged also when its reader is slow', async () => {
    const long = JSON.stringify({ name: 'U'.repeat(100_000), inhabitants: 1 });
    const llm = transport({ providers: [saying(long)], resume: restart, timeout: false });
    const stream = await kept(llm.complete(ask));
    await advance(60_000);
    expect(llm.events.map(({ type }) => type)).toContain('call:end');
    expect((await kept(readAll(stream))).text).toBe(long);
  });

  it('is not judged when it asks for a tool', async () => {
    const a = simulated({
      answer: ({ index }) => (index === 0 ? '{}' : { text: '', toolCalls: [{ name: 'look', input: {} }] }),
    });
    const { chunks, error } = await kept(
      readAll(await kept(transport({ providers: [a], resume: restart }).complete(ask))),
    );
    expect([error, keptOf(chunks), chunks.filter(({ type }) => type === 'toolCall').length]).toEqual([
      undefined,
      '',
      1,
    ]);
  });

  it('is paid for from the retry quota', async () => {
    const purse = { quota: new RetryQuota(10, 5), restarts: () => true };
    const mount: Mount = { provider: undefined, onClose() {} };
    const llm = transport({ providers: [saying('{}')] });
    let asked = 0;
    const next: Handler = async (request) => {
      asked += 1;
      const { schema: _, ...plain } = request;
      const stream = await kept(llm.complete({ ...plain, stream: true }));
      const done = stream.completion.then(
        (completion) => ({ ok: true, completion }) as const,
        (error: TransportError) => ({ ok: false, error }) as const,
      );
      return { provider: 'a', chunks: stream, done };
    };
    const once = async () => {
      const { done, chunks } = await validate({ maxReasks: 9 }, purse)(next, mount)(ask, aCall().context);
      const reading = (async () => {
        for await (const _ of chunks) if (asked > 20) return;
      })();
      expect(await broken(reading)).toBeInstanceOf(TransportError);
      return kept(done);
    };
    expect(await once()).toMatchObject({ ok: false, error: { code: 'schema_mismatch' } });
    expect([asked, purse.quota.left]).toEqual([3, 0]);
    await once();
    expect([asked, purse.quota.left]).toEqual([4, 0]);
  });
});
