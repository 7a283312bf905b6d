import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { maxOutputTokensOf, type Route, routeOf } from '../../../src/wire/dialect.ts';
import { type Billed, failuresOf } from '../../../src/wire/failures.ts';
import type { Follower } from '../../../src/wire/followers/follower.ts';
import { NdjsonParser } from '../../../src/wire/ndjson.ts';

type Item = readonly [event: string, data: object];

const failures = failuresOf({ provider: 'p', secrets: () => [], texts: () => [] });
const paths = {
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  messages: '/v1/messages',
  gemini: '/v1beta/models/m:streamGenerateContent',
  ollama: '/api/chat',
  cohere: '/v2/chat',
};
type Name = keyof typeof paths;

function follower(name: Name, told = failures): Follower {
  return (routeOf(paths[name], { model: 'm' }) as Route).dialect.follow(told);
}

/** What a stream amounts to: the text, and how it ended. */
function followed(name: Name, items: readonly Item[], skims = true) {
  const one = follower(name);
  let text = '';
  let contents = 0;
  try {
    for (const [event, data] of items) {
      const json = JSON.stringify(data);
      if (!((skims && one.skim(json, event)) || one.take(JSON.parse(json), event))) continue;
      contents += 1;
      text += one.itemText;
    }
    return { text, contents, end: one.end().finishReason };
  } catch (error) {
    return { text, contents, end: TransportError.is(error) ? error.code : error };
  }
}

const event = (data: { readonly type: string; readonly [key: string]: unknown }): Item => [data.type, data];
const plain = (data: object): Item => ['message', data];
const chat = (delta: object, finish_reason: string | null = null, index = 0): Item =>
  plain({ model: 'm', choices: [{ index, delta, finish_reason }] });
const gemini = (parts: readonly object[], finishReason?: string): Item =>
  plain({ candidates: [{ index: 0, content: { parts }, ...(finishReason !== undefined && { finishReason }) }] });

/** A stream that says these texts and ends well. */
const saying: Readonly<Record<Name, (texts: readonly string[]) => Item[]>> = {
  chat: (texts) => [chat({ role: 'assistant' }), ...texts.map((content) => chat({ content })), chat({}, 'stop')],
  responses: (texts) => [
    event({ type: 'response.created', response: { model: 'm' } }),
    ...texts.map((delta) => event({ type: 'response.output_text.delta', delta })),
    event({ type: 'response.completed', response: { status: 'completed' } }),
  ],
  messages: (texts) => [
    event({ type: 'message_start', message: { model: 'm' } }),
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    ...texts.map((text) => event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    event({ type: 'message_delta', delta: { stop_reason: 'end_turn' } }),
    event({ type: 'message_stop' }),
  ],
  gemini: (texts) => [...texts.map((text) => gemini([{ text }])), gemini([], 'STOP')],
  ollama: (texts) => [
    ...texts.map((content) => plain({ model: 'm', message: { content }, done: false })),
    plain({ done: true, done_reason: 'stop' }),
  ],
  cohere: (texts) => [
    event({ type: 'message-start' }),
    ...texts.map((text) => event({ type: 'content-delta', delta: { message: { content: { text } } } })),
    event({ type: 'message-end', delta: { finish_reason: 'COMPLETE' } }),
  ],
};
const names = Object.keys(paths) as Name[];

describe.each(names)('a follower of %s', (name) => {
  const tricky = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('"error":', '","finish_reason":"stop"', '\\', '"', '\\"', '{"text":"', 'done":true', '\n'),
  );

  it('finds the same text by skimming as by reading closely', () => {
    fc.assert(
      fc.property(fc.array(tricky, { minLength: 1 }), (texts) => {
        const items = saying[name](texts);
        const whole = texts.join('');
        const expected = {
          text: whole,
          contents: texts.filter(Boolean).length,
          end: whole === '' ? 'empty_response' : 'stop',
        };
        expect(followed(name, items, false)).toEqual(expected);
        expect(followed(name, items, true)).toEqual(expected);
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it('skims most of a long answer', () => {
    const one = follower(name);
    let skimmed = 0;
    for (const [kind, data] of saying[name](Array.from({ length: 20 }, () => 'word ')))
      if (one.skim(JSON.stringify(data), kind)) skimmed += 1;
      else one.take(data as never, kind);
    expect(skimmed).toBeGreaterThanOrEqual(19);
  });

  it('takes no stream for whole that was cut anywhere', () => {
    const items = saying[name](['One', ' two', ' three']);
    for (let length = 0; length < items.length; length += 1)
      expect([length, followed(name, items.slice(0, length)).end]).toEqual([length, 'truncated']);
  });
});

const failedResponse = { status: 'failed', error: { code: 'server_error', message: 'Oh' } };
const tool = { type: 'tool_use', id: 't', name: 'f', input: {} };

describe('the end of an answer', () => {
  it.each<[string, Name, Item[], string]>([
    ['nothing but a reason', 'chat', [chat({ role: 'assistant', content: '' }), chat({}, 'stop')], 'empty_response'],
    ['reasoning alone', 'chat', [chat({ reasoning_content: 'Hm' }), chat({}, 'stop')], 'empty_response'],
    ['reasoning up to the limit', 'chat', [chat({ reasoning: 'Hm' }), chat({}, 'length')], 'length'],
    ['a tool alone', 'chat', [chat({ tool_calls: [{ index: 0, id: 'c' }] }), chat({}, 'tool_calls')], 'tool_calls'],
    ['a sound', 'chat', [chat({ audio: { data: 'AA' } }), chat({}, 'stop')], 'stop'],
    [
      'a second choice that is not whole',
      'chat',
      [chat({ content: 'a' }), chat({ content: 'b' }, null, 1), chat({}, 'stop')],
      'truncated',
    ],
    [
      'two choices',
      'chat',
      [chat({ content: 'a' }), chat({ content: 'b' }, null, 1), chat({}, 'stop'), chat({}, 'stop', 1)],
      'stop',
    ],
    ['a refusal by reason', 'chat', [chat({ content: 'a' }), chat({}, 'content_filter')], 'content_filtered'],
    ['a refusal in words', 'chat', [chat({ refusal: 'No' }), chat({}, 'stop')], 'content_filtered'],
    [
      'an error in a chunk',
      'chat',
      [chat({ content: 'a' }), plain({ error: { code: 502, message: 'Bad' } })],
      'server_error',
    ],
    ['a reason that is an error', 'chat', [chat({ content: 'a' }), chat({}, 'error')], 'server_error'],
    [
      'an older completion',
      'chat',
      [
        plain({ choices: [{ index: 0, text: 'a', finish_reason: null }] }),
        plain({ choices: [{ index: 0, text: '', finish_reason: 'stop' }] }),
      ],
      'stop',
    ],
    ['a failed response', 'responses', [event({ type: 'response.failed', response: failedResponse })], 'server_error'],
    ['an error', 'responses', [event({ type: 'error', code: 'server_overloaded', message: 'Full' })], 'overloaded'],
    [
      'a call of a function',
      'responses',
      [
        event({ type: 'response.output_item.added', item: { type: 'function_call' } }),
        event({ type: 'response.completed', response: {} }),
      ],
      'tool_calls',
    ],
    [
      'a limit',
      'responses',
      [
        event({
          type: 'response.incomplete',
          response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
        }),
      ],
      'length',
    ],
    [
      'a filter',
      'responses',
      [
        event({
          type: 'response.incomplete',
          response: { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
        }),
      ],
      'content_filtered',
    ],
    [
      'an output that is told at the end',
      'responses',
      [event({ type: 'response.completed', response: { output: [{ type: 'message', content: [{ text: 'a' }] }] } })],
      'stop',
    ],
    [
      'nothing',
      'responses',
      [event({ type: 'response.completed', response: { output: [{ type: 'reasoning' }] } })],
      'empty_response',
    ],
    [
      'a tool',
      'messages',
      [event({ type: 'content_block_start', content_block: tool }), event({ type: 'message_stop' })],
      'tool_calls',
    ],
    [
      'an overload',
      'messages',
      [event({ type: 'error', error: { type: 'overloaded_error', message: 'Full' } })],
      'overloaded',
    ],
    [
      'a refusal',
      'messages',
      [event({ type: 'message_delta', delta: { stop_reason: 'refusal' } }), event({ type: 'message_stop' })],
      'content_filtered',
    ],
    [
      'a turn that is over and no stop',
      'messages',
      [
        event({ type: 'content_block_delta', delta: { type: 'text_delta', text: 'a' } }),
        event({ type: 'message_delta', delta: { stop_reason: 'end_turn' } }),
      ],
      'truncated',
    ],
    ['a blocked prompt', 'gemini', [plain({ promptFeedback: { blockReason: 'SAFETY' } })], 'content_filtered'],
    ['a call that is malformed', 'gemini', [gemini([], 'MALFORMED_FUNCTION_CALL')], 'bad_response'],
    ['a call', 'gemini', [gemini([{ functionCall: { name: 'f' } }], 'STOP')], 'tool_calls'],
    ['thoughts alone', 'gemini', [gemini([{ text: 'Hm', thought: true }], 'STOP')], 'empty_response'],
    ['an error', 'gemini', [plain({ error: { code: 503, message: 'Full', status: 'UNAVAILABLE' } })], 'overloaded'],
    [
      'a model that was only loaded',
      'ollama',
      [plain({ model: 'm', message: {}, done: true, done_reason: 'load' })],
      'unknown',
    ],
    ['an error in a line', 'ollama', [plain({ error: 'model runner has stopped' })], 'bad_response'],
    [
      'an error at the end',
      'cohere',
      [event({ type: 'message-end', delta: { finish_reason: 'ERROR', error: 'Oh' } })],
      'server_error',
    ],
    [
      'a toxic answer',
      'cohere',
      [event({ type: 'message-end', delta: { finish_reason: 'ERROR_TOXIC' } })],
      'content_filtered',
    ],
  ])('%s, in %s', (_, name, items, end) => {
    expect(followed(name, items).end).toBe(end);
    expect(followed(name, items, false).end).toBe(end);
  });

  it.each<[string, Name, object, string]>([
    ['an answer', 'chat', { choices: [{ message: { content: 'a' }, finish_reason: 'stop' }] }, 'stop'],
    ['an answer without a reason', 'chat', { choices: [{ message: { content: 'a' } }] }, 'unknown'],
    ['no choice', 'chat', { choices: [] }, 'bad_response'],
    ['an error', 'chat', { error: { message: 'The server is overloaded' } }, 'overloaded'],
    ['an empty answer', 'chat', { choices: [{ message: { content: '' }, finish_reason: 'stop' }] }, 'empty_response'],
    [
      'an answer',
      'responses',
      { status: 'completed', output: [{ type: 'message', content: [{ text: 'a' }] }] },
      'stop',
    ],
    ['one that is made in the background', 'responses', { status: 'queued', output: [] }, 'unknown'],
    ['one that failed', 'responses', { output: [], ...failedResponse }, 'server_error'],
    ['an answer', 'messages', { content: [{ type: 'text', text: 'a' }], stop_reason: 'end_turn' }, 'stop'],
    ['an error', 'messages', { type: 'error', error: { type: 'api_error', message: 'Oh' } }, 'server_error'],
    ['an answer without a reason', 'gemini', { candidates: [{ content: { parts: [{ text: 'a' }] } }] }, 'unknown'],
    ['something else', 'gemini', { hello: 1 }, 'bad_response'],
    ['no candidate', 'gemini', { usageMetadata: {} }, 'empty_response'],
    ['an answer', 'ollama', { message: { content: 'a' }, done: true, done_reason: 'stop' }, 'stop'],
    ['a generated one', 'ollama', { response: 'a', done: true }, 'stop'],
    ['an answer', 'cohere', { message: { content: [{ type: 'text', text: 'a' }] }, finish_reason: 'COMPLETE' }, 'stop'],
    ['an older answer', 'cohere', { text: 'a', finish_reason: 'COMPLETE' }, 'stop'],
    ['an error', 'cohere', { message: 'no' }, 'bad_response'],
  ])('%s in one piece, in %s', (_, name, body, end) => {
    const one = follower(name);
    const judged = (): string => {
      try {
        one.whole(body as never);
        return one.end().finishReason;
      } catch (error) {
        return TransportError.is(error) ? error.code : String(error);
      }
    };
    expect(judged()).toBe(end);
  });
});

describe('a path', () => {
  it.each<[string, object, string | undefined, string, boolean]>([
    ['/v1/chat/completions', { model: 'a', stream: true }, 'chat', 'a', true],
    ['/openai/v1/chat/completions', { model: 'a' }, 'chat', 'a', false],
    ['/api/v1/chat/completions', {}, 'chat', '', false],
    ['/openai/deployments/d1/chat/completions', { model: 'a' }, 'chat', 'd1', false],
    ['/v1/responses', { model: 'a', stream: true }, 'responses', 'a', true],
    ['/v1/responses', {}, undefined, '', false],
    ['/v1/messages', { model: 'a' }, 'messages', 'a', false],
    ['/v1/threads/t1/messages', { role: 'user' }, undefined, '', false],
    ['/v1/messages/count_tokens', { model: 'a' }, undefined, '', false],
    ['/v1/projects/p/locations/l/publishers/anthropic/models/c@1:streamRawPredict', {}, 'messages', 'c@1', true],
    ['/v1beta/models/g:generateContent', {}, 'gemini', 'g', false],
    ['/v1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent', {}, 'gemini', 'g', true],
    ['/v1beta/models/g:embedContent', {}, undefined, '', false],
    ['/api/chat', { model: 'a' }, 'ollama', 'a', true],
    ['/api/generate', { model: 'a', stream: false }, 'ollama', 'a', false],
    ['/api/chat', { messages: [] }, undefined, '', false],
    ['/v2/chat', { model: 'a', stream: true }, 'cohere', 'a', true],
    ['/v1/embeddings', { model: 'a' }, undefined, '', false],
  ])('%s with %j is %s', (path, body, name, model, streams) => {
    const route = routeOf(path, body as never);
    expect(route?.dialect.name).toBe(name);
    if (name !== undefined) expect([route?.model, route?.streams]).toEqual([model, streams]);
  });

  it('has its room for an answer in one of many fields', () => {
    const bodies = [{ max_tokens: 5 }, { generationConfig: { maxOutputTokens: 5 } }, { options: { num_predict: 5 } }];
    expect(bodies.map(maxOutputTokensOf)).toEqual([5, 5, 5]);
    expect(maxOutputTokensOf({ max_tokens: -1 })).toBeUndefined();
  });
});

it('lines of JSON come out whole, wherever they are cut', () => {
  const bytes = new TextEncoder().encode('{"a":"ü"}\r\n\n{"b":1}\n{"c"');
  for (let size = 1; size <= bytes.length; size += 1) {
    const parser = new NdjsonParser();
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += size)
      lines.push(...parser.push(bytes.subarray(at, at + size)).map(({ data }) => data.trim()));
    expect(lines).toEqual(['{"a":"ü"}', '{"b":1}']);
    expect(parser.end()).toBe(true);
  }
});

describe('what a provider counts', () => {
  const used = { inputTokens: 70, outputTokens: 9 };
  const ollamaEnd = { done: true, done_reason: 'stop', prompt_eval_count: 70, eval_count: 9 };
  const tokens = { tokens: { input_tokens: 70, output_tokens: 9 } };
  const blocked = {
    promptFeedback: { blockReason: 'OTHER' },
    usageMetadata: { promptTokenCount: 70, candidatesTokenCount: 9 },
  };

  /** What is told of an answer, whether or not it is one. */
  function told(name: Name, read: (one: Follower) => void): readonly Billed[] {
    const facts: Billed[] = [];
    const received = (fact: Billed): void => void facts.push(fact);
    const one = follower(name, failuresOf({ provider: 'p', secrets: () => [], texts: () => [], received }));
    expect(() => {
      read(one);
      one.end();
    }).toThrow(TransportError);
    return facts;
  }

  it.each<[string, Name, object]>([
    ['an empty answer', 'ollama', { message: { content: '' }, ...ollamaEnd }],
    ['an empty answer', 'cohere', { message: { content: [] }, finish_reason: 'COMPLETE', usage: tokens }],
    ['an answer that was broken off', 'cohere', { text: 'a', finish_reason: 'ERROR', meta: tokens }],
    ['a prompt that was blocked', 'gemini', blocked],
  ])('is told of %s of %s in one piece', (_, name, body) => {
    expect(told(name, (one) => one.whole(body as never)).at(-1)).toEqual({ usage: used, usageIsWhole: true });
  });

  it.each<[string, Name, Item]>([
    ['an empty answer', 'ollama', plain({ message: { content: '' }, ...ollamaEnd })],
    ['a refusal', 'cohere', event({ type: 'message-end', delta: { finish_reason: 'ERROR_TOXIC', usage: tokens } })],
    [
      'an answer that failed',
      'cohere',
      event({ type: 'message-end', delta: { finish_reason: 'ERROR', usage: tokens } }),
    ],
    ['a prompt that was blocked', 'gemini', plain(blocked)],
  ])('is told of %s of %s in a stream', (_, name, [kind, data]) => {
    expect(told(name, (one) => one.take(data as never, kind)).at(-1)).toEqual({ usage: used, usageIsWhole: true });
  });

  it('is told before the end, as far as it goes', () => {
    const usage = { input_tokens: 70, output_tokens: 1 };
    const [start] = told('messages', (one) => one.take({ type: 'message_start', message: { usage } }, 'message_start'));
    expect(start).toEqual({ usage: { inputTokens: 70, outputTokens: 1 }, usageIsWhole: false });
    const metadata = { usageMetadata: { promptTokenCount: 70, candidatesTokenCount: 2 } };
    const [first] = told('gemini', (one) => one.take(metadata, 'message'));
    expect(first).toEqual({ usage: { inputTokens: 70, outputTokens: 2 }, usageIsWhole: false });
  });
});
