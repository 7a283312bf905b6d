import { describe, expect, it } from 'vitest';
import { costOf, countable, estimateTextTokens, estimateTokens, wideTokens } from '../../../src/core/estimate.ts';

describe('the estimate of a request', () => {
  it('is a token for four characters, rounded up', () => {
    expect(estimateTextTokens('')).toBe(0);
    expect(estimateTextTokens('abcde')).toBe(2);
    expect(estimateTokens({ prompt: 'x'.repeat(40) }).input).toBe(10);
  });

  it('counts every message, tools with their schemas, calls of tools, and attachments by a flat guess', () => {
    const { input } = estimateTokens({
      messages: [
        { role: 'system', content: 'x'.repeat(40) },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'x'.repeat(40) },
            { type: 'image', image: 'https://x/y.png' },
            { type: 'file', data: 'https://x/y.pdf', mediaType: 'application/pdf' },
          ],
        },
      ],
      tools: [{ name: 'look', description: 'x'.repeat(194), inputSchema: { jsonSchema: {} } }],
    });
    expect(input).toBe(10 + 10 + 2_000 + 75);
    const called = { id: '1', name: 'look', input: { what: 'x'.repeat(1_000) } };
    const { input: more } = estimateTokens({
      messages: [
        { role: 'user', content: 'x'.repeat(40) },
        { role: 'assistant', content: '', toolCalls: [called] },
      ],
    });
    expect(more).toBeGreaterThan(10 + 250);
    expect(more).toBeLessThan(10 + 300);
    const schema = { type: 'object', properties: { what: { description: 'x'.repeat(1_000) } } };
    const described = estimateTokens({ prompt: '', tools: [{ name: 'look', inputSchema: { jsonSchema: schema } }] });
    expect(described.input).toBeGreaterThan(250);
    // One that cannot describe itself is refused later, with a reason.
    const mute = { '~standard': { version: 1, vendor: 'x', validate: () => ({ value: 1 }) } } as const;
    expect(estimateTokens({ prompt: '', tools: [{ name: 'look', inputSchema: mute }] }).input).toBe(26);
  });

  it('expects as much output as is allowed, else a usual answer', () => {
    expect(estimateTokens({ prompt: 'x', maxOutputTokens: 7 }).output).toBe(7);
    expect(estimateTokens({ prompt: 'x' }).output).toBe(500);
  });
});

describe('the cost of a usage', () => {
  const price = { input: 2, output: 10, cachedInput: 0.5, cacheWriteInput: 4 };

  it('is in dollars, by prices for a million tokens', () => {
    expect(costOf({ inputTokens: 1_000_000, outputTokens: 100_000 }, price)).toBeCloseTo(3);
  });

  it('counts cached tokens, which are part of the input, at their own prices', () => {
    const usage = {
      inputTokens: 1_000_000,
      outputTokens: 0,
      cachedInputTokens: 400_000,
      cacheWriteInputTokens: 100_000,
    };
    expect(costOf(usage, price)).toBeCloseTo(0.5 * 2 + 0.4 * 0.5 + 0.1 * 4);
    expect(costOf(usage, { input: 2, output: 10 })).toBeCloseTo(2);
  });

  it('is not known without a usage or a price', () => {
    // Some tell what was cached beside the input: nothing is paid back.
    expect(
      costOf({ inputTokens: 0, outputTokens: 0, cachedInputTokens: 100_000 }, { input: 2, output: 10 }),
    ).toBeCloseTo(0.2);
    expect(costOf(undefined, price)).toBeUndefined();
    expect(costOf({ inputTokens: 1, outputTokens: 1 }, undefined)).toBeUndefined();
  });
});

describe('a usage', () => {
  it.each<[string, object | undefined]>([
    ['is none', undefined],
    ['has no output', { inputTokens: 1 }],
    ['is no number', { inputTokens: 1, outputTokens: Number.NaN }],
    ['is less than nothing', { inputTokens: -1, outputTokens: 1 }],
    ['has reasoning that is no number', { inputTokens: 1, outputTokens: 1, reasoningTokens: Number.NaN }],
  ])('does not count that %s', (_, usage) => {
    expect(countable(usage as never)).toBeUndefined();
  });
});

describe('a schema, and a script that takes more tokens', () => {
  it('count', () => {
    const jsonSchema = { type: 'object', description: 'x'.repeat(400) };
    const plain = estimateTokens({ prompt: 'Hi' }).input;
    expect(estimateTokens({ prompt: 'Hi', schema: { jsonSchema } }).input - plain).toBeGreaterThan(100);
    // One that cannot be described is the adapter's to refuse.
    const schema = { '~standard': { version: 1, vendor: 'x', validate: () => ({}) } } as const;
    expect(estimateTokens({ prompt: 'Hi', schema }).input).toBe(plain);
    expect([wideTokens({ prompt: 'Hello' }), wideTokens({ prompt: '日本語' }), wideTokens({ prompt: '🚀' })]).toEqual([
      0, 2, 1,
    ]);
  });
});
