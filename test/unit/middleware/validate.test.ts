import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Middleware } from '../../../src/core/types.ts';
import { simulated } from '../../../src/testing/index.ts';
import { broken, kept, readAll, transport, virtualTime } from './support.ts';

virtualTime();

const city = z.object({ name: z.string(), inhabitants: z.number().check(z.positive()) });
const ask = { prompt: 'Which city?', schema: city };

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

  it.each(['Ulm, I think', '{"name":"Ulm"', '```json\n{}\n```'])('rejects what is not JSON: %s', async (text) => {
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
    ['a key that is null', [null], ' at null'],
    ['no keys', [], ''],
    ['no path', undefined, ''],
  ])('says where an answer does not match, for a schema that tells by %s', async (_, path, where) => {
    const schema = { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues: [{ message: 'm', path }] }) } };
    const llm = transport({ providers: [simulated({ name: 'a', answer: () => '{}' })] });
    const error = await broken(
      llm.complete({ prompt: '?', schema: { schema: schema as never, jsonSchema: { type: 'object' } } }),
    );
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
    const { text } = await kept(readAll(stream));
    expect(text).toBe('{}');
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
    const a = simulated({ answer: () => '{"name":"Ulm"}' });
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
    expect(error.code).toBe('internal');
  });

  it('lets a stream pass as it is', async () => {
    const a = simulated({ answer: () => '{"name":"Ulm","inhabitants":126000}' });
    const stream = await kept(transport({ providers: [a] }).complete({ ...ask, stream: true }));
    const { text, error } = await kept(readAll(stream));
    expect([text, error]).toEqual(['{"name":"Ulm","inhabitants":126000}', undefined]);
  });
});
