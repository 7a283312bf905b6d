import { describe, expect, it } from 'vitest';
import * as z from 'zod';
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
