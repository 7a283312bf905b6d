import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { endpoint } from '../../../src/core/endpoint.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { drain, replyFrom } from '../../../src/core/reply.ts';
import type { CompletionRequest, Handler, Middleware, Mount, Provider } from '../../../src/core/types.ts';
import { validate } from '../../../src/middleware/validate.ts';
import { simulated } from '../../../src/testing/index.ts';
import { aCall, aHealth, foreignReply, Source } from '../core/support.ts';
import { broken, flush, kept, readAll, transport, virtualTime } from './support.ts';

virtualTime();

const city = z.object({ name: z.string(), inhabitants: z.number().check(z.positive()) });
const ask = { prompt: 'Which city?', schema: city };

const aMount: Mount = { provider: undefined, onClose() {} };
const aContext = () => aCall().context;

/** A provider without the layers between. */
function endpointOf(provider: Provider): Handler {
  const handler = endpoint(provider, aHealth().health);
  return async (request, context) => replyFrom(await drain(await handler(request, context)));
}

describe('validate', () => {
  it('gives the object, as the schema makes it', async () => {
    const a = simulated({ answer: () => '{"name":"Ulm","inhabitants":126000,"more":true}' });
    const answer = await kept(transport({ providers: [a] }).complete(ask));
    expect(answer.object).toEqual({ name: 'Ulm', inhabitants: 126_000 });
    expect(answer.text).toBe('{"name":"Ulm","inhabitants":126000,"more":true}');
    const upper = z.object({ name: z.string().transform((name) => name.toUpperCase()) });
    const shouted = await kept(
      transport({ providers: [a] }).complete({
        prompt: '?',
        schema: { schema: upper, jsonSchema: { type: 'object' } },
      }),
    );
    expect(shouted.object).toEqual({ name: 'ULM' });
  });

  it('shows the provider the schema', async () => {
    const a = simulated({ name: 'a' });
    const { object } = await kept(transport({ providers: [a] }).complete(ask));
    expect(city.safeParse(object).success).toBe(true);
  });

  it('rejects what does not match, says where, and keeps what was said', async () => {
    const a = simulated({ name: 'a', answer: () => '{"name":"Ulm","inhabitants":-1}' });
    const error = await broken(transport({ providers: [a] }).complete(ask));
    expect(error).toMatchObject({
      code: 'schema_mismatch',
      provider: 'a',
      blame: 'caller',
      partial: { text: '{"name":"Ulm","inhabitants":-1}' },
    });
    expect(error.message).toContain('inhabitants');
    expect(error.message).not.toContain('Ulm');
  });

  it.each(['Ulm, I think', '```json\n{}\n```', '{} {', '[1,2]]'])('rejects what is not JSON: %s', async (text) => {
    const error = await broken(transport({ providers: [simulated({ answer: () => text })] }).complete(ask));
    expect(error).toMatchObject({ code: 'schema_mismatch', partial: { text } });
  });

  it('rejects what is not JSON also when only its description was given', async () => {
    const a = simulated({ name: 'a', answer: () => 'Ulm' });
    const error = await broken(
      transport({ providers: [a] }).complete({ prompt: '?', schema: { jsonSchema: { type: 'string' } } }),
    );
    expect(error).toMatchObject({ code: 'schema_mismatch', message: 'The answer of a is not JSON' });
  });

  it.each<[string, unknown[] | undefined, string]>([
    ['keys', ['cities', 0, 'name'], ' at cities.0.name'],
    ['keys that are wrapped', [{ key: 'cities' }, { key: 0 }], ' at cities.0'],
    ['one key', ['name'], ' at name'],
    ['a key that is null', [null], ' at *'],
    ['a key that the model has made up', ['cities', 'my secret'], ' at cities.*'],
    ['very many keys', Array.from({ length: 10_000 }, () => 'name'), ` at ${'name.'.repeat(20).slice(0, -1)}`],
    ['what is no path', { length: 3 } as never, ''],
    ['no keys', [], ''],
    ['no path', undefined, ''],
  ])('says where an answer does not match, for a schema that tells by %s', async (_, path, where) => {
    const schema = { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues: [{ message: 'm', path }] }) } };
    const llm = transport({ providers: [simulated({ name: 'a', answer: () => '{}' })] });
    const jsonSchema = { properties: { cities: { type: 'array', items: { properties: { name: {} } } } } };
    const error = await broken(llm.complete({ prompt: '?', schema: { schema: schema as never, jsonSchema } }));
    expect(error.message).toBe(`The answer of a does not match the schema${where}`);
  });

  it('says that an answer does not match also when the schema says nothing more', async () => {
    const schema = { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues: [] }) } };
    const llm = transport({ providers: [simulated({ name: 'a', answer: () => '{}' })] });
    const error = await broken(
      llm.complete({ prompt: '?', schema: { schema: schema as never, jsonSchema: { type: 'object' } } }),
    );
    expect(error.message).toBe('The answer of a does not match the schema');
  });

  it('tells a middleware above at once for a whole answer, and at the end for a stream', async () => {
    const told: string[] = [];
    const above: Middleware = (next) => async (request, context) => {
      try {
        const reply = await next(request, context);
        told.push('answered');
        void reply.done.then(({ ok }) => told.push(ok ? 'done' : 'broken'));
        return reply;
      } catch (error) {
        told.push('rejected');
        throw error;
      }
    };
    const llm = transport({ providers: [simulated({ answer: () => '{}' })], use: [above] });
    await broken(llm.complete(ask));
    expect(told.splice(0)).toEqual(['rejected']);
    const stream = await kept(llm.complete({ ...ask, stream: true }));
    const { text, error, chunks } = await kept(readAll(stream));
    expect([text, chunks.some(({ type }) => type === 'finish')]).toEqual(['{}', false]);
    expect(error).toMatchObject({ code: 'schema_mismatch', partial: { text: '{}' } });
    expect(told).toEqual(['answered', 'broken']);
    expect(await broken(stream.completion)).toMatchObject({ code: 'schema_mismatch', partial: { text: '{}' } });
  });

  it('gives the object of a stream with its completion', async () => {
    const a = simulated({ answer: () => '{"name":"Ulm","inhabitants":126000}' });
    const stream = await kept(transport({ providers: [a] }).complete({ ...ask, stream: true }));
    expect((await kept(stream.completion)).object).toEqual({ name: 'Ulm', inhabitants: 126_000 });
  });

  it('does not count against the provider', async () => {
    const a = simulated({ name: 'a', answer: () => 'no' });
    const llm = transport({ providers: [a] });
    for (let count = 0; count < 12; count++) await broken(llm.complete(ask));
    expect(llm.health()[0]).toMatchObject({ circuit: 'closed', failureRatio: 0 });
  });

  it('takes the JSON as it is when only its description was given', async () => {
    const a = simulated({ answer: () => '{"a":[1]}' });
    const { object } = await kept(
      transport({ providers: [a] }).complete({ prompt: '?', schema: { jsonSchema: { type: 'object' } } }),
    );
    expect(object).toEqual({ a: [1] });
  });

  it('leaves an answer that asks for a tool alone', async () => {
    const a = simulated({ answer: () => ({ text: 'wait', toolCalls: [{ name: 'look', input: {} }] }) });
    const { object, toolCalls } = await kept(transport({ providers: [a] }).complete(ask));
    expect([object, toolCalls.length]).toEqual([undefined, 1]);
  });

  it('works with a schema that validates asynchronously, and survives one that throws', async () => {
    const a = simulated({ name: 'a', answer: () => '{"name":"Ulm"}' });
    const slow = z.object({ name: z.string().refine(async (name) => name === 'Ulm') });
    const jsonSchema = { type: 'object' };
    const llm = transport({ providers: [a] });
    expect((await kept(llm.complete({ prompt: '?', schema: { schema: slow, jsonSchema } }))).object).toEqual({
      name: 'Ulm',
    });
    const throwing = z.unknown().refine(() => {
      throw new Error('oops');
    });
    const error = await broken(llm.complete({ prompt: '?', schema: { schema: throwing, jsonSchema } }));
    expect(error).toMatchObject({ code: 'middleware', provider: 'a', partial: { text: '{"name":"Ulm"}' } });
    expect(error.message).toContain('The schema threw');
    expect(error.cause).toMatchObject({ message: 'oops' });
  });

  it('lets a stream pass as it is', async () => {
    const a = simulated({ answer: () => '{"name":"Ulm","inhabitants":126000}' });
    const stream = await kept(transport({ providers: [a] }).complete({ ...ask, stream: true }));
    const { text, error } = await kept(readAll(stream));
    expect([text, error]).toEqual(['{"name":"Ulm","inhabitants":126000}', undefined]);
  });
});

describe('validate, when an answer does not fit', () => {
  const fits = '{"name":"Ulm","inhabitants":126000}';
  /** Answers that come one after the other, the last one for ever. */
  const saying = (...answers: string[]) =>
    simulated({ name: 'a', answer: ({ index }) => answers[Math.min(index, answers.length - 1)] as string });

  it('asks again, with the answer and what was wrong with it', async () => {
    const a = saying('{"name":"Ulm","inhabitants":-1}', fits);
    const llm = transport({ providers: [a] });
    const answer = await kept(llm.complete({ ...ask, maxOutputTokens: 99, temperature: 0 }));
    expect(answer.object).toEqual({ name: 'Ulm', inhabitants: 126_000 });
    expect(answer.attempts.map(({ number, reason, outcome }) => [number, reason, outcome])).toEqual([
      [1, 'first', 'ok'],
      [2, 'retry', 'ok'],
    ]);
    const [first, second] = a.requests.map(({ body }) => body as CompletionRequest);
    expect(first).toMatchObject({ prompt: 'Which city?' });
    expect(second).toMatchObject({ schema: city, maxOutputTokens: 99, temperature: 0 });
    expect(second?.prompt).toBeUndefined();
    const [question, said, wrong] = second?.messages ?? [];
    expect([second?.messages?.length, question, said]).toEqual([
      3,
      { role: 'user', content: 'Which city?' },
      { role: 'assistant', content: '{"name":"Ulm","inhabitants":-1}' },
    ]);
    expect(wrong).toMatchObject({ role: 'user', content: expect.stringMatching(/schema[\s\S]*at inhabitants: \S/) });
    expect(llm.events.filter(({ type }) => type === 'retry')).toMatchObject([{ code: 'schema_mismatch', waitMs: 0 }]);
  });

  it('leaves out of the conversation what was wrong before the last answer', async () => {
    const a = saying('no', '{}', fits);
    await kept(transport({ providers: [a] }).complete(ask));
    const last = a.requests.at(-1)?.body as CompletionRequest | undefined;
    expect(last?.messages?.map(({ content }) => content)).toEqual(['Which city?', '{}', expect.any(String)]);
  });

  it.each<[string, object, number]>([
    ['nothing is said', {}, 3],
    ['it may ask once', { validate: { maxReasks: 1 } }, 2],
    ['it may not', { validate: { maxReasks: 0 } }, 1],
    ['there are no retries', { retry: false }, 1],
    ['there are no retries, and it may all the same', { retry: false, validate: { maxReasks: 2 } }, 3],
  ])('asks so many times when %s', async (_, options, times) => {
    const a = saying('{}');
    const error = await broken(transport({ providers: [a], ...options }).complete(ask));
    expect([error.code, a.requests.length, error.attempts.length]).toEqual(['schema_mismatch', times, times]);
  });

  it('hands out the answer unread without the layer', async () => {
    const a = saying('no');
    const answer = await kept(transport({ providers: [a], validate: false }).complete(ask));
    expect([answer.text, answer.object, a.requests.length]).toEqual(['no', undefined, 1]);
  });

  it('pays from the retry quota, and gets it back for an answer that fits', async () => {
    const purse = { quota: new RetryQuota(10, 5) };
    const a = saying('no');
    const next = endpointOf(a);
    const once = async () => (await validate({}, purse)(next, aMount)(ask, aContext())).done;
    await expect(once()).rejects.toMatchObject({ code: 'schema_mismatch' });
    expect([purse.quota.left, a.requests.length]).toEqual([0, 3]);
    await expect(once()).rejects.toMatchObject({ code: 'schema_mismatch' });
    expect([purse.quota.left, a.requests.length]).toEqual([0, 4]);
    purse.quota.refund();
    const b = saying('no', fits);
    await (await validate({}, purse)(endpointOf(b), aMount)(ask, aContext())).done;
    expect([purse.quota.left, b.requests.length]).toEqual([5, 2]);
  });

  it('gives back what it paid when nothing was sent', async () => {
    const purse = { quota: new RetryQuota(10, 5) };
    const a = saying('no');
    let calls = 0;
    const next: Handler = (request, context) => {
      calls += 1;
      if (calls === 1) return endpointOf(a)(request, context);
      return Promise.reject(new TransportError('circuit_open', 'Nothing was sent'));
    };
    await expect(validate({}, purse)(next, aMount)(ask, aContext())).rejects.toMatchObject({ code: 'circuit_open' });
    expect(purse.quota.left).toBe(10);
  });

  it('says truncated of JSON that breaks off, and asks again', async () => {
    for (const text of ['{"name":"Ulm"', '["Ulm', '"Ulm', '{"name":"a \\"b}"', '{']) {
      const a = saying(text, fits);
      expect((await kept(transport({ providers: [a] }).complete(ask))).object).toBeDefined();
      const b = saying(text);
      const error = await broken(transport({ providers: [b] }).complete(ask));
      expect(error).toMatchObject({ code: 'truncated', partial: { text }, provider: 'a' });
      expect(b.requests.length).toBe(3);
    }
  });

  it('says truncated of an answer that its limit of tokens has cut, and does not ask again', async () => {
    const a = simulated({ name: 'a', answer: () => ({ text: 'Ulm, {"na', finishReason: 'length' }) });
    const error = await broken(transport({ providers: [a] }).complete(ask));
    expect(error).toMatchObject({ code: 'truncated', retry: 'never', blame: 'caller' });
    expect(a.requests.length).toBe(1);
    const whole = simulated({ answer: () => ({ text: fits, finishReason: 'length' }) });
    expect((await kept(transport({ providers: [whole] }).complete(ask))).object).toBeDefined();
  });

  it('survives what is nested too deeply for a schema', async () => {
    type Nested = readonly Nested[];
    const nested: z.ZodType<Nested> = z.lazy(() => z.array(nested));
    const a = saying('['.repeat(50_000) + ']'.repeat(50_000));
    const llm = transport({ providers: [a], timeout: false });
    const error = await broken(
      llm.complete({ prompt: '?', schema: { schema: nested, jsonSchema: { type: 'array' } } }),
    );
    expect([error.code, a.requests.length]).toEqual(['middleware', 1]);
    expect(error.message.length).toBeLessThan(200);
  });

  it('asks nobody again for a stream, whose reader has the answer', async () => {
    const a = saying('{"name":', fits);
    const stream = await kept(transport({ providers: [a] }).complete({ ...ask, stream: true }));
    const { text, error } = await kept(readAll(stream));
    expect([text, a.requests.length]).toEqual(['{"name":', 1]);
    expect(error).toMatchObject({ code: 'truncated' });
  });

  it('lets go of a stream whose reader leaves, however silent it is', async () => {
    const a = simulated({ answer: () => fits, fault: 'stall' });
    const llm = transport({ providers: [a], timeout: false });
    const stream = await kept(llm.complete({ ...ask, stream: true }));
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    await kept(chunks.return?.() as Promise<unknown>);
    await flush();
    expect(llm.health()[0]?.inFlight).toBe(0);
    expect(await broken(stream.completion)).toMatchObject({ code: 'cancelled' });
  });

  it('lets go of what is below when its reader leaves', async () => {
    const source = new Source({ type: 'text', text: '{' });
    const { reply } = foreignReply(source);
    const judged = await validate()(async () => reply, aMount)({ ...ask, stream: true }, aContext());
    const chunks = judged.chunks[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.return?.();
    expect(source.returns).toBe(1);
  });

  it('ends with the call, whatever it was about to ask', async () => {
    const a = simulated({ answer: () => 'no', firstTokenMs: 400 });
    const error = await broken(transport({ providers: [a] }).complete(ask, { timeoutMs: 600 }));
    expect(error).toMatchObject({ code: 'deadline_exceeded' });
    expect([error.ms, a.requests.length]).toEqual([600, 2]);
  });

  it('rejects with what went wrong when nobody answers again', async () => {
    const a = simulated({ answer: () => 'no', script: ['ok', 'unauthorized'] });
    const error = await broken(transport({ providers: [a] }).complete(ask));
    expect([error.code, a.requests.length, error.attempts.length]).toEqual(['authentication', 2, 2]);
  });

  it('tells the model no more than it can use', async () => {
    const issues = Array.from({ length: 50 }, () => ({ message: 'x'.repeat(1_000), path: ['a'] }));
    const schema = { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues }) } };
    const a = saying('{}');
    const llm = transport({ providers: [a], validate: { maxReasks: 1 } });
    await broken(llm.complete({ prompt: '?', schema: { schema: schema as never, jsonSchema: { type: 'object' } } }));
    const last = a.requests.at(-1)?.body as CompletionRequest | undefined;
    const content = last?.messages?.at(-1)?.content as string;
    expect(content.length).toBeLessThan(2_500);
    expect(content.match(/at a: x{200}\n/g)).toHaveLength(10);
    issues.splice(0, 50, { message: 'm', path: Array.from({ length: 1_000 }, () => 'a') });
    await broken(llm.complete({ prompt: '?', schema: { schema: schema as never, jsonSchema: { type: 'object' } } }));
    const long = (a.requests.at(-1)?.body as CompletionRequest | undefined)?.messages?.at(-1)?.content as string;
    expect(long.length).toBeLessThan(500);
  });
});
