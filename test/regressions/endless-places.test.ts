import { describe, expect, it } from 'vitest';
import type { Schema } from '../../src/core/types.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

describe('a complaint of a schema whose place is endless', () => {
  it('is read no further than it is told', async () => {
    let read = 0;
    const path = new Proxy(
      Array.from({ length: 100_000 }, () => 'key'),
      {
        get: (target, name, receiver) => {
          if (/^\d+$/.test(String(name))) read += 1;
          return Reflect.get(target, name, receiver);
        },
      },
    );
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ issues: [{ message: 'no', path }] }),
        jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
      },
    } as unknown as Schema<unknown>;
    const llm = createTransport({ providers: [simulated({ answer: () => '{}' })], validate: { maxReasks: 1 } });
    await expect(llm.complete({ prompt: 'Hello', schema })).rejects.toMatchObject({ code: 'schema_mismatch' });
    expect(read).toBeLessThan(1_000);
    await llm.close();
  });
});
