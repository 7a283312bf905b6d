import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { readable } from '../../../src/core/reply.ts';
import type { Chunk, Handler, Mount, Outcome, Reply } from '../../../src/core/types.ts';
import { validate } from '../../../src/middleware/validate.ts';
import { simulated } from '../../../src/testing/index.ts';
import { aCall, completionOf, finish, flush, foreignReply, readAll, Source, text } from '../core/support.ts';
import { broken, transport, virtualTime } from './support.ts';

virtualTime();

const schema = z.object({ name: z.string() });
const ask = { prompt: 'Which city?', schema, stream: true } as const;
const fits = '{"name":"Ulm"}';
const mount: Mount = { provider: undefined, onClose() {} };

/** A stream of an answer that is there, but for what is left out of it. */
function answer(words: string, { settles = true, ends = [finish] as readonly Chunk[] } = {}) {
  const source = new Source(text(words), ...ends);
  const { reply, settle } = foreignReply(source, completionOf({ text: words }));
  if (settles) settle();
  return { reply, settle, source };
}

/** A stream that is judged, made of those that are answered one after the other. */
async function judged(...replies: readonly Reply[]) {
  const purse = { quota: new RetryQuota(10, 5), restarts: () => true };
  const controller = new AbortController();
  const signals: AbortSignal[] = [];
  const next: Handler = async (_, { signal }) => {
    signals.push(signal);
    return replies[signals.length - 1] as Reply;
  };
  const { context } = aCall({ signal: controller.signal });
  const reply = await validate({}, purse)(next, mount)(ask, context);
  const listeners = () => getEventListeners(controller.signal, 'abort').length;
  return { reply, signals, controller, listeners, purse };
}

describe('a stream that is judged', () => {
  it('is truncated where the stream below ends without a word, and nothing worse', async () => {
    const { reply, source } = answer('{', { ends: [] });
    source.end();
    const { chunks, error } = await readAll((await judged(reply)).reply.chunks);
    expect([chunks, (error as TransportError).code]).toEqual([[text('{')], 'truncated']);
  });

  it('is text alone for what is below, while it is that for its reader, before it is asked again and after', async () => {
    const [first, second] = [answer('no'), answer(fits, { ends: [] })].map(({ reply }) => readable(reply));
    const { reply } = await judged(first as Reply, second as Reply);
    const chunks = readable(reply).chunks;
    let isText = true;
    chunks.readAsText(() => isText);
    const isTextOnly = (one: Reply | undefined) => (one as typeof first)?.chunks.isTextOnly;
    expect(isTextOnly(first)).toBe(true);
    isText = false;
    expect(isTextOnly(first)).toBe(false);
    for (let times = 0; times < 3; times += 1) await chunks.next();
    expect(isTextOnly(second)).toBe(false);
    isText = true;
    expect(isTextOnly(second)).toBe(true);
  });

  it('takes down what it has hung on the signal of its call, however the answer ends that was asked for again', async () => {
    const ends: readonly [string, Outcome | undefined][] = [
      ['it fits', undefined],
      ['it breaks', { ok: false, error: new TransportError('connection', 'gone') }],
    ];
    for (const [end, outcome] of ends) {
      const again = answer(fits, { settles: false });
      const { reply, signals, listeners } = await judged(answer('no').reply, again.reply);
      const before = listeners();
      const reading = readAll(reply.chunks);
      await flush();
      expect([end, listeners()]).toEqual([end, before + 1]);
      again.settle(outcome);
      await reading;
      await flush();
      expect([end, listeners()]).toEqual([end, before]);
      // A layer below may have left something under way.
      expect(signals[1]?.aborted).toBe(true);
    }
  });

  it('takes it down also when nobody answers again, or nobody may be asked', async () => {
    for (const left of [10, 0]) {
      const quota = new RetryQuota(10, 5);
      while (quota.left > left) quota.withdraw();
      const controller = new AbortController();
      let times = 0;
      const next: Handler = async () => {
        times += 1;
        if (times > 1) throw new TransportError('overloaded', 'busy');
        return answer('no').reply;
      };
      const { context } = aCall({ signal: controller.signal });
      const { chunks } = await validate({}, { quota, restarts: () => true })(next, mount)(ask, context);
      const { error } = await readAll(chunks);
      expect([(error as TransportError).code, times]).toEqual(['schema_mismatch', left === 0 ? 1 : 2]);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    }
  });

  it('lets go of an answer that comes when its reader has left', async () => {
    const again = answer(fits, { ends: [] });
    let arrive: (reply: Reply) => void = () => {};
    const signals: AbortSignal[] = [];
    const next: Handler = (_, { signal }) => {
      signals.push(signal);
      if (signals.length === 1) return Promise.resolve(answer('no').reply);
      return new Promise((resolve) => {
        arrive = resolve;
      });
    };
    const layer = validate({}, { quota: new RetryQuota(), restarts: () => true });
    const { chunks } = await layer(next, mount)(ask, aCall().context);
    const reader = chunks[Symbol.asyncIterator]();
    await reader.next();
    reader.next().catch(() => {});
    await flush();
    await reader.return?.();
    arrive(again.reply);
    await flush();
    expect([signals[1]?.aborted, again.source.returns]).toEqual([true, 1]);
  });

  it('gives back what an answer has cost that fits, and so once', async () => {
    const { reply, purse } = await judged(answer('no').reply, answer(fits).reply);
    await readAll(reply.chunks);
    expect(purse.quota.left).toBe(10);
  });

  it('gives back nothing for an answer that fits at once', async () => {
    const quota = new RetryQuota(10, 5);
    quota.withdraw();
    const layer = validate({}, { quota, restarts: () => true });
    const { chunks } = await layer(async () => answer(fits).reply, mount)(ask, aCall().context);
    await readAll(chunks);
    expect(quota.left).toBe(5);
  });
});

describe('what a model has said', () => {
  const told = async (words: string) => {
    const a = simulated({ name: 'a', answer: () => words });
    const error = await broken(
      transport({ providers: [a], validate: { maxReasks: 1 } }).complete({ prompt: '?', schema }),
    );
    const { messages = [] } = (a.requests[1] as { body: unknown }).body as {
      messages?: readonly { role: string; content: string }[];
    };
    return { code: error.code, message: error.message, messages };
  };

  it.each<[string, 'truncated' | 'schema_mismatch']>([
    ['{"name":"Ulm"} Done.', 'schema_mismatch'],
    ['{"name":"U}lm"', 'truncated'],
    ['["a]", "b"', 'truncated'],
    ['{"name":"a\\"} and so on', 'truncated'],
    ['{"name":"a\\\\"} and so on', 'schema_mismatch'],
    ['"Ulm" it is', 'schema_mismatch'],
    ['It is "Ulm', 'schema_mismatch'],
    ['\n  {"name":', 'truncated'],
  ])('is told apart: JSON that breaks off, and what is none: %j', async (words, code) => {
    const asked = await told(words);
    expect([asked.code, asked.messages.at(-1)?.content]).toEqual([
      code,
      expect.stringContaining(code === 'truncated' ? 'It breaks off before its JSON is whole.' : 'It is not JSON.'),
    ]);
    expect(asked.message).toContain(code === 'truncated' ? 'ends before its JSON is whole' : 'is not JSON');
  });

  it('is no turn of the conversation where that was nothing', async () => {
    for (const [words, roles] of [
      ['{}', ['user', 'assistant', 'user']],
      ['[', ['user', 'assistant', 'user']],
    ] as const)
      expect((await told(words)).messages.map(({ role }) => role)).toEqual(roles);
    const replies = [answer(' \n').reply, answer(fits).reply];
    const asked: unknown[] = [];
    const next: Handler = async (request) => {
      asked.push(request.messages?.map(({ role }) => role));
      return replies[asked.length - 1] as Reply;
    };
    const { stream: _, ...whole } = ask;
    await validate({})(next, mount)(whole, aCall().context);
    expect(asked).toEqual([undefined, ['user', 'user']]);
  });

  it('is told by its place in an error, but for keys that the model has made up', async () => {
    const at = async (key: string | number) => {
      const issues = [{ message: 5, path: ['name', key] }, { path: [] }, { message: '' }];
      const own = { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues }) } };
      const a = simulated({ name: 'a', answer: () => fits });
      const jsonSchema = { type: 'object', properties: { name: { type: 'array', items: null } } };
      const llm = transport({ providers: [a], validate: { maxReasks: 1 } });
      const error = await broken(llm.complete({ prompt: '?', schema: { schema: own as never, jsonSchema } }));
      const { messages } = (a.requests[1] as { body: unknown }).body as { messages: readonly { content: string }[] };
      return [error.message, messages.at(-1)?.content];
    };
    for (const key of [7, 12, '123456789'])
      expect(await at(key)).toEqual([
        `The answer of a does not match the schema at name.${key}`,
        expect.stringContaining(`\n- at name.${key}\n- as a whole\n- as a whole\n`),
      ]);
    for (const key of ['Ulm 12', '12 Ulm', '1234567890', 'Ulm'])
      expect((await at(key))[0]).toBe('The answer of a does not match the schema at name.*');
  });
});
