import { GenerateContentResponse } from '@google/genai';
import { describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { type Route, routeOf } from '../../../src/wire/dialect.ts';
import { type Billed, failuresOf } from '../../../src/wire/failures.ts';
import { answerIn, itemsAfter } from '../../../src/wire/sdk-dialects.ts';

type Item = Readonly<Record<string, unknown>>;

/** Answers that are no plain text: what an SDK hands out of them means what it means on the wire. */

const failures = failuresOf({ provider: 'p', secrets: () => [], texts: () => [] });
const paths = {
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  gemini: '/v1beta/models/m:streamGenerateContent',
  ollama: '/api/chat',
};
type Name = keyof typeof paths;

const followerOf = (name: Name) => (routeOf(paths[name], { model: 'm' }) as Route).dialect.follow(failures);

/** Which item has the first content, and how it ended. */
function verdict(take: (item: Item) => boolean | undefined, end: () => string | undefined, items: readonly Item[]) {
  let content: number | undefined;
  try {
    for (const [at, item] of items.entries()) if (take(item)) content ??= at;
    return { content, end: end() };
  } catch (error) {
    return { content, end: TransportError.is(error) ? error.code : error };
  }
}

function onTheWire(name: Name, items: readonly Item[]) {
  const one = followerOf(name);
  return verdict(
    (item) => one.take(item, typeof item.type === 'string' ? item.type : 'message'),
    () => one.end().finishReason,
    items,
  );
}

function fromTheSdk(items: readonly Item[]) {
  const one = itemsAfter(items[0], failures);
  return verdict(
    (item) => one?.take(item),
    () => one?.end().finishReason,
    items,
  );
}

const chunk = (delta: object, finish_reason: string | null = null, index = 0): Item => ({
  object: 'chat.completion.chunk',
  choices: [{ index, delta, finish_reason }],
});
const candidates = (...all: readonly object[]): Item => ({ candidates: all });
const part = (one: object, finishReason?: string): Item =>
  candidates({ index: 0, content: { parts: [one] }, ...(finishReason !== undefined && { finishReason }) });
const event = (type: string, more: object = {}): Item => ({ type, ...more });
const created = event('response.created', { response: { model: 'm' } });
const completed = (...output: readonly object[]): Item =>
  event('response.completed', { response: { status: 'completed', output } });
const piece = (message: object, more: object = {}): Item => ({
  ...{ model: 'm', created_at: '2026-11-22T00:00:00Z', message: { role: 'assistant', content: '', ...message } },
  ...{ done: false, ...more },
});
const text = { type: 'message', content: [{ type: 'output_text', text: 'Hi' }] };

const streams: readonly (readonly [string, Name, readonly Item[], object])[] = [
  [
    'a sound',
    'chat',
    [chunk({ role: 'assistant' }), chunk({ audio: { id: 'a', data: 'AA' } }), chunk({}, 'stop')],
    { content: 1, end: 'stop' },
  ],
  ['a picture', 'chat', [chunk({ content: '', images: [{}] }), chunk({}, 'stop')], { content: 0, end: 'stop' }],
  [
    'a function call, as it was',
    'chat',
    [chunk({ function_call: { name: 'f', arguments: '' } }), chunk({}, 'function_call')],
    { content: 0, end: 'tool_calls' },
  ],
  [
    'two choices, one of them cut',
    'chat',
    [chunk({ content: 'a' }), chunk({ content: 'b' }, null, 1), chunk({}, 'stop')],
    { content: 0, end: 'truncated' },
  ],
  [
    'two choices',
    'chat',
    [chunk({ content: 'a' }), chunk({ content: 'b' }, null, 1), chunk({}, 'stop', 1), chunk({}, 'stop')],
    { content: 0, end: 'stop' },
  ],
  ['a file', 'gemini', [part({ fileData: { fileUri: 'gs://f' } }, 'STOP')], { content: 0, end: 'stop' }],
  ['the result of code', 'gemini', [part({ codeExecutionResult: {} }, 'STOP')], { content: 0, end: 'stop' }],
  [
    'two candidates, one of them cut',
    'gemini',
    [
      candidates({ index: 0, content: { parts: [{ text: 'a' }] } }, { index: 1, content: { parts: [{ text: 'b' }] } }),
      candidates({ index: 0, finishReason: 'STOP' }),
    ],
    { content: 0, end: 'truncated' },
  ],
  [
    'a search',
    'responses',
    [
      created,
      event('response.output_item.added', { item: { type: 'web_search_call' } }),
      event('response.web_search_call.searching'),
      event('response.output_text.delta', { delta: 'Hi' }),
      completed({ type: 'web_search_call' }, text),
    ],
    { content: 1, end: 'stop' },
  ],
  [
    'a picture in the making',
    'responses',
    [
      created,
      event('response.image_generation_call.partial_image', { partial_image_b64: 'AA' }),
      completed({ type: 'image_generation_call' }),
    ],
    { content: 1, end: 'stop' },
  ],
  [
    'a tool that takes a text',
    'responses',
    [
      created,
      event('response.output_item.added', { item: { type: 'custom_tool_call' } }),
      completed({ type: 'custom_tool_call' }),
    ],
    { content: 1, end: 'tool_calls' },
  ],
  [
    "a picture of Ollama's",
    'ollama',
    [piece({ images: ['AA'] }), piece({}, { done: true, done_reason: 'stop' })],
    { content: 0, end: 'stop' },
  ],
];

describe('a stream of', () => {
  it.each(streams)('%s means the same on the wire and from the SDK', (_, name, items, expected) => {
    expect(fromTheSdk(items)).toEqual(expected);
    expect(onTheWire(name, items)).toEqual(expected);
  });

  it('text that only its end has is not empty', () => {
    expect(fromTheSdk([created, completed(text)]).end).toBe('stop');
    expect(onTheWire('responses', [created, completed(text)]).end).toBe('stop');
  });
});

it('a model of Ollama that is only loaded has said nothing, and is not empty', () => {
  const loaded = piece({}, { done: true, done_reason: 'load' });
  expect([fromTheSdk([loaded]).end, onTheWire('ollama', [loaded]).end]).toEqual(['unknown', 'unknown']);
});

it('the first piece of a stream is no whole answer', () => {
  const first = piece({ content: 'Hi' });
  const one = followerOf('ollama');
  expect(() => one.whole(first)).toThrow('before it was whole');
  expect(() => answerIn(first, failures)).toThrow('before it was whole');
});

/** What a whole result of an SDK amounts to. */
function judged(body: Item): string | undefined {
  try {
    const { text, finishReason } = answerIn(body, failures) ?? {};
    return text === '' ? 'empty_response' : finishReason;
  } catch (error) {
    return TransportError.is(error) ? error.code : String(error);
  }
}

const whole = (message: object, finish_reason = 'stop', ...others: readonly object[]): Item => ({
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason }, ...others],
});

describe('a whole answer of', () => {
  it.each<[string, Name, Item]>([
    ['a sound', 'chat', whole({ audio: { id: 'a', data: 'AA' } })],
    ['a picture', 'chat', whole({ content: '', images: [{}] })],
    [
      'a tool that takes a text',
      'chat',
      whole({ tool_calls: [{ id: 't', type: 'custom', custom: { name: 'f', input: 'x' } }] }, 'tool_calls'),
    ],
    [
      'an empty choice and one that is not',
      'chat',
      whole({ content: '' }, 'stop', { index: 1, message: { content: 'b' }, finish_reason: 'stop' }),
    ],
    ['a file', 'gemini', part({ fileData: { fileUri: 'gs://f' } }, 'STOP')],
    ['the result of code', 'gemini', part({ codeExecutionResult: {} }, 'STOP')],
    ["a picture of Ollama's", 'ollama', piece({ images: ['AA'] }, { done: true, done_reason: 'stop' })],
  ])('%s is not empty', (_, name, body) => {
    // Without a text it is not looked at for one.
    expect(answerIn(body, failures)).toMatchObject({ finishReason: expect.stringMatching(/stop|tool_calls/) });
    expect(answerIn(body, failures)).not.toHaveProperty('text');
    const one = followerOf(name);
    one.whole(body);
    expect(one.end().finishReason).toMatch(/stop|tool_calls/);
  });

  it('nothing is empty all the same', () => {
    expect(judged(whole({ content: '', refusal: null, annotations: [], audio: null }))).toBe('empty_response');
    expect(judged(part({ text: '', thoughtSignature: 'AA' }, 'STOP'))).toBe('empty_response');
  });
});

it("asks nothing of a chunk of Google's that it warns of", () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const item = Object.assign(new GenerateContentResponse(), part({ text: 'Hi' }, 'STOP'));
  expect(fromTheSdk([item as unknown as Item])).toEqual({ content: 0, end: 'stop' });
  answerIn(item, failures);
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

describe('what an SDK counts', () => {
  /** What is told of an answer that turns out to be none. */
  function told(read: (known: typeof failures) => unknown): readonly Billed[] {
    const facts: Billed[] = [];
    const received = (fact: Billed): void => void facts.push(fact);
    const known = failuresOf({ provider: 'p', secrets: () => [], texts: () => [], received });
    expect(() => read(known)).toThrow(TransportError);
    return facts;
  }
  const usage = { inputTokens: 70, outputTokens: 9 };

  it.each<[boolean, Item]>([
    [true, { finishReason: 'content-filter', rawFinishReason: 'SAFETY' }],
    [true, { finishReason: 'error', rawFinishReason: 'MALFORMED_FUNCTION_CALL' }],
    [true, { finishReason: { unified: 'content-filter' } }],
    [false, { finishReason: 'interrupted' }],
    [false, { finishReason: 'error' }],
    [false, { finishReason: { unified: 'error', raw: undefined } }],
  ])('is of all of it: %s, for a stream of the AI SDK with %o', (usageIsWhole, finish) => {
    const items = [event('start-step'), event('finish', { ...finish, totalUsage: usage })];
    const facts = told((known) => {
      const one = itemsAfter(items[0], known);
      for (const item of items) one?.take(item);
      one?.end();
    });
    expect(facts).toContainEqual({ usage, usageIsWhole });
    expect(facts.some((fact) => fact.usageIsWhole === true)).toBe(usageIsWhole);
  });

  it('is of all of it in one piece, also where no reason for its end is told', () => {
    const call = { id: 'a', type: 'function', function: { name: 'now', arguments: '{' } };
    const body = {
      ...{ object: 'chat.completion', usage: { prompt_tokens: 70, completion_tokens: 9 } },
      choices: [{ index: 0, message: { tool_calls: [call] }, finish_reason: null }],
    };
    expect(told((known) => answerIn(body, known)).at(-1)).toEqual({ usage, usageIsWhole: true });
  });
});
