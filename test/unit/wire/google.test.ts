import { describe, expect, test } from 'vitest';
import { CallMarks, signaturesFor } from '../../../src/wire/google-call-marks.ts';
import { thinkingConfig } from '../../../src/wire/google-thinking.ts';
import { usageOfGemini } from '../../../src/wire/google-usage.ts';
import { SseParser } from '../../../src/wire/sse.ts';

describe('how much Gemini thinks', () => {
  test.each([
    ['gemini-3.5-flash', 'none', { thinkingLevel: 'MINIMAL' }],
    ['gemini-3-pro', 'low', { includeThoughts: true, thinkingLevel: 'LOW' }],
    ['gemini-flash-latest', 'medium', { includeThoughts: true, thinkingLevel: 'MEDIUM' }],
    ['models/gemini-3-pro', 'high', { includeThoughts: true, thinkingLevel: 'HIGH' }],
    ['gemini-2.5-flash', 'none', { thinkingBudget: 0 }],
    ['gemini-2.5-pro', 'none', { thinkingBudget: 128 }],
    ['gemini-2.5-flash', 'low', { includeThoughts: true, thinkingBudget: 1_024 }],
    ['gemini-2.5-pro-preview', 'high', { includeThoughts: true, thinkingBudget: 24_576 }],
    ['gemini-2.0-flash', 'none', undefined],
    ['gemini-1.5-pro', 'none', undefined],
  ] as const)('%s is told %s', (model, reasoning, expected) => {
    expect(thinkingConfig(reasoning, model)).toEqual(expected);
  });
});

describe('the marks of calls', () => {
  test('are found by model and id', () => {
    const marks = new CallMarks();
    marks.remember('m', 'a', { signature: 's', given: false });
    expect(marks.find('m', 'a')).toEqual({ signature: 's', given: false });
    expect([marks.find('m', 'b'), marks.find('other', 'a')]).toEqual([undefined, undefined]);
  });

  test('are at most ten thousand: what was not used for longest is forgotten', () => {
    const marks = new CallMarks();
    for (let index = 0; index < 10_000; index += 1) marks.remember('m', `${index}`, { given: true });
    marks.find('m', '0');
    marks.remember('m', 'new', { given: true });
    expect([marks.find('m', '0'), marks.find('m', '1'), marks.find('m', 'new')]).toEqual([
      { given: true },
      undefined,
      { given: true },
    ]);
  });

  test('hold at most eight million characters, also when one is said again and again', () => {
    const marks = new CallMarks();
    const signature = 's'.repeat(1_000_000);
    for (let turn = 0; turn < 20; turn += 1) marks.remember('m', 'same', { signature, given: false });
    for (let index = 0; index < 9; index += 1) marks.remember('m', `${index}`, { signature, given: false });
    const kept = [...Array(9).keys()].filter((index) => marks.find('m', `${index}`) !== undefined);
    expect(kept).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });

  test.each([
    ['gemini-3-pro', 'stand-in'],
    ['gemini-flash-latest', 'stand-in'],
    ['publishers/google/models/gemini-4', 'stand-in'],
    ['gemini-2.5-pro', undefined],
    ['gemini-2', undefined],
    ['gemini-1.5-flash', undefined],
    ['llama-4', undefined],
  ])('that are unknown of the first call have at %s the signature %s', (model, expected) => {
    const [first, second] = signaturesFor([undefined, undefined], model);
    expect(first === undefined ? undefined : 'stand-in').toBe(expected);
    expect(second).toBeUndefined();
  });
});

test.each([
  ['nothing', { trafficType: 'ON_DEMAND' }, undefined],
  ['a blocked answer', { promptTokenCount: 14 }, { inputTokens: 14, outputTokens: 0 }],
  ['nonsense', { promptTokenCount: 'many', candidatesTokenCount: -1 }, undefined],
  [
    'everything',
    {
      promptTokenCount: 10,
      toolUsePromptTokenCount: 2,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 7,
      cachedContentTokenCount: 4,
    },
    { inputTokens: 12, outputTokens: 12, cachedInputTokens: 4, reasoningTokens: 7 },
  ],
])('the usage of %s is counted as everywhere', (_, metadata, expected) => {
  expect(usageOfGemini(metadata)).toEqual(expected);
});

describe('JSON between the events of a stream', () => {
  const strayIn = (...pieces: string[]) => {
    const parser = new SseParser();
    const events = pieces.flatMap((piece) => parser.push(new TextEncoder().encode(piece)));
    return { events: events.map(({ data }) => data), truncated: parser.end(), stray: parser.stray };
  };

  test('is kept, wherever it is cut, and the events are the same', () => {
    const body = JSON.stringify({ error: { code: 503, message: 'busy' } }, null, 2);
    const all = `data: 1\r\n\r\n${body}\r\ndata: 2\r\n\r\n`;
    for (let at = 0; at <= all.length; at += 1) {
      const { events, stray } = strayIn(all.slice(0, at), all.slice(at));
      expect([events, JSON.parse(stray)]).toEqual([['1', '2'], JSON.parse(body)]);
    }
  });

  test('may end without a line end', () => {
    expect(strayIn('data: 1\n\n{"error"', ':1}').stray.trim()).toBe('{"error":1}');
  });

  test('is none of the fields, comments and blank lines of a stream', () => {
    expect(strayIn(': hi\nid: 1\nretry: 5\nevent: x\ndata: {"a":1}\n\nnonsense\n').stray).toBe('');
  });

  test('is kept up to a bound', () => {
    expect(strayIn(...Array.from({ length: 100 }, () => `{${'x'.repeat(1_000)}\n`)).stray.length).toBeLessThan(18_000);
  });
});
