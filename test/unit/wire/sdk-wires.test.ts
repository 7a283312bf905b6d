import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { type Route, routeOf } from '../../../src/wire/dialect.ts';
import { failuresOf } from '../../../src/wire/failures.ts';
import type { Follower } from '../../../src/wire/followers/follower.ts';
import { answerIn, itemsAfter } from '../../../src/wire/sdk-dialects.ts';

/** Where an SDK's items and results are told apart from the events of the wire: its own names, and what wrap() is stricter about. */

type Item = Readonly<Record<string, unknown>>;

const failures = failuresOf({ provider: 'p', secrets: () => [], texts: () => [] });
const paths = {
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  messages: '/v1/messages',
  gemini: '/v1beta/models/m:streamGenerateContent',
  cohere: '/v2/chat',
};
type Name = keyof typeof paths;
const onTheWire = (name: Name): Follower => (routeOf(paths[name], { model: 'm' }) as Route).dialect.follow(failures);

interface Taker {
  take(item: Item, event: string): boolean;
  end(): unknown;
}

/** Which items have content, and the end or the error. */
function followed(one: Taker | undefined, items: readonly Item[]) {
  const contents: number[] = [];
  try {
    for (const [at, item] of items.entries())
      if (one?.take(item, String(item.type ?? 'message')) === true) contents.push(at);
    return { contents, end: one?.end() };
  } catch (error) {
    return { contents, end: errorOf(error) };
  }
}
const fromTheSdk = (items: readonly Item[]) => followed(itemsAfter(items[0], failures), items);

function errorOf(error: unknown): unknown {
  if (!TransportError.is(error)) return error;
  const { code, message, partial } = error;
  return { code, message, ...(partial !== undefined && { partial }) };
}

/** A whole answer, from the SDK and on the wire. */
function judged(name: Name, body: Item): readonly [sdk: unknown, wire: unknown] {
  const attempt = (run: () => unknown): unknown => {
    try {
      return run();
    } catch (error) {
      return errorOf(error);
    }
  };
  return [
    attempt(() => answerIn(body, failures)),
    attempt(() => {
      const one = onTheWire(name);
      one.whole(body);
      return one.end();
    }),
  ];
}

const chunk = (delta: object, finish_reason: string | null = null, more: object = {}): Item => ({
  ...{ model: 'm', choices: [{ index: 0, delta, finish_reason }] },
  ...more,
});
const camelChunk = (delta: object, finishReason: string | null = null, more: object = {}): Item => ({
  ...{ model: 'm', choices: [{ index: 0, delta, finishReason }] },
  ...more,
});
const call = { id: 't', function: { name: 'f', arguments: '{}' } };
const cohereEnd = (...[delta]: object[]): Item => ({ type: 'message-end', delta });

describe('in the names of its own', () => {
  const wire = [
    chunk({ role: 'assistant', content: '', prefix: null }),
    chunk({ content: null, reasoning_content: 'Hm' }),
    chunk({ content: null, reasoning_details: [{ type: 'reasoning.text' }] }),
    chunk({ content: 'a' }),
    chunk({ content: '', tool_calls: [call] }, 'stop'),
    {
      ...{ model: 'm', choices: [] },
      usage: { prompt_tokens: 3, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } },
    },
  ];
  const sdk = [
    camelChunk({ role: 'assistant', content: '', prefix: null }),
    camelChunk({ content: null, reasoningContent: 'Hm' }),
    camelChunk({ content: null, reasoningDetails: [{ type: 'reasoning.text' }] }),
    camelChunk({ content: 'a' }),
    camelChunk({ content: '', toolCalls: [call] }, 'stop'),
    {
      ...{ model: 'm', choices: [] },
      usage: { promptTokens: 3, completionTokens: 2, promptTokensDetails: { cachedTokens: 1 } },
    },
  ];
  const expected = {
    contents: [1, 3, 4],
    end: {
      finishReason: 'tool_calls',
      model: 'm',
      usage: { inputTokens: 3, outputTokens: 2, cachedInputTokens: 1 },
    },
  };

  it.each([
    ["OpenRouter's", sdk],
    ["Mistral's", sdk.map((data) => ({ data }))],
  ])('a stream of %s is what it is on the wire', (_, items) => {
    expect(followed(onTheWire('chat'), wire)).toEqual(expected);
    expect(fromTheSdk(items)).toEqual(expected);
  });

  it("a whole answer of Mistral's is what it is on the wire", () => {
    const end = { finishReason: 'stop', model: 'm', usage: { inputTokens: 3, outputTokens: 2 } };
    const usage = { promptTokens: 3, completionTokens: 2 };
    const of = (message: object): Item => ({
      model: 'm',
      choices: [{ index: 0, message, finishReason: 'stop' }],
      usage,
    });
    expect(answerIn(of({ content: 'a', toolCalls: null, prefix: false }), failures)).toEqual(end);
    expect(judged('chat', of({ content: '', toolCalls: null, prefix: false }))[0]).toMatchObject({
      code: 'empty_response',
    });
    expect(answerIn(of({ content: '', toolCalls: [call] }), failures)).toMatchObject({ finishReason: 'tool_calls' });
  });

  it("a stream of Cohere's is what it is on the wire", () => {
    const start = { type: 'message-start' };
    const plan = (delta: object): Item => ({ type: 'tool-plan-delta', delta });
    const told = {
      contents: [1, 2],
      end: {
        finishReason: 'tool_calls',
        model: '',
        usage: { inputTokens: 3, outputTokens: 2, cachedInputTokens: 1 },
      },
    };
    const calling = { type: 'tool-call-start', delta: {} };
    expect(
      followed(onTheWire('cohere'), [
        start,
        plan({ message: { tool_plan: 'I will' } }),
        calling,
        cohereEnd({
          finish_reason: 'TOOL_CALL',
          usage: { tokens: { input_tokens: 3, output_tokens: 2 }, cached_tokens: 1 },
        }),
      ]),
    ).toEqual(told);
    expect(
      fromTheSdk([
        start,
        plan({ message: { toolPlan: 'I will' } }),
        calling,
        cohereEnd({
          finishReason: 'TOOL_CALL',
          usage: { tokens: { inputTokens: 3, outputTokens: 2 }, cachedTokens: 1 },
        }),
      ]),
    ).toEqual(told);
  });
});

const answer = (message: object, finish_reason = 'tool_calls'): Item => ({
  choices: [{ index: 0, message: { content: null, ...message }, finish_reason }],
});
const response = (status: string, ...output: object[]): Item => ({ object: 'response', status, output });
const message = (input: unknown, stop_reason = 'tool_use'): Item => ({
  ...{ type: 'message', role: 'assistant', stop_reason },
  content: [{ type: 'tool_use', id: 't', name: 'f', input }],
});
const cut = '{"city": "Ber';

describe('a call of a tool that is no JSON', () => {
  it.each<[string, Name, Item]>([
    ['a call', 'chat', answer({ tool_calls: [{ id: 't', function: { name: 'f', arguments: cut } }] })],
    ['a function call, as it was', 'chat', answer({ function_call: { name: 'f', arguments: cut } })],
    ['a call without a name', 'chat', answer({ tool_calls: [{ id: 't', function: { arguments: '{}' } }] })],
    ['a call', 'responses', response('completed', { type: 'function_call', name: 'f', arguments: cut })],
    ['a call', 'messages', message('Berlin')],
  ])('%s of %s is no answer for wrap(), and passes the fetch, whose client judges for itself', (_, name, body) => {
    const [sdk, wire] = judged(name, body);
    expect(sdk).toMatchObject({ code: 'bad_response' });
    expect(wire).toMatchObject({ finishReason: 'tool_calls' });
  });

  it.each<[string, Name, Item]>([
    [
      'one that was cut',
      'chat',
      answer({ tool_calls: [{ id: 't', function: { name: 'f', arguments: cut } }] }, 'length'),
    ],
    [
      'one that was cut',
      'responses',
      {
        ...response('incomplete', { type: 'function_call', status: 'incomplete', name: 'f', arguments: cut }),
        incomplete_details: { reason: 'max_output_tokens' },
      },
    ],
    ['one that was cut', 'messages', message('Ber', 'max_tokens')],
    ['one that takes a text', 'chat', answer({ tool_calls: [{ type: 'custom', custom: { name: 'f', input: cut } }] })],
  ])('%s of %s is none', (_, name, body) => {
    const [sdk, wire] = judged(name, body);
    expect(sdk).toEqual(wire);
    expect(sdk).toMatchObject({ finishReason: expect.stringMatching(/length|tool_calls/) });
  });
});

describe('a Response', () => {
  it.each([
    ['that somebody has cancelled', response('cancelled'), 'cancelled'],
    ['that is not whole', response('in_progress'), 'truncated'],
  ])('%s is no answer for wrap()', (_, body, code) => {
    expect(judged('responses', body)[0]).toMatchObject({ code });
  });

  it('that is made in the background is one for both, and is not asked for again', () => {
    const end = { finishReason: 'unknown' };
    expect(judged('responses', { ...response('queued'), background: true })).toMatchObject([end, end]);
    const created = { type: 'response.created', response: { background: true } };
    expect(fromTheSdk([created]).contents).toEqual([0]);
    expect(followed(onTheWire('responses'), [created]).contents).toEqual([0]);
  });

  it('ends as its last event says, whatever that repeats', () => {
    const items = [
      { type: 'response.created', response: {} },
      { type: 'response.output_text.delta', delta: 'a' },
      { type: 'response.incomplete', response: { incomplete_details: { reason: 'max_output_tokens' } } },
    ];
    expect(fromTheSdk(items).end).toMatchObject({ finishReason: 'length' });
    expect(followed(onTheWire('responses'), items).end).toMatchObject({ finishReason: 'length' });
  });
});

describe('a refusal', () => {
  const refused = { code: 'content_filtered' };

  it.each<[Name, Item[]]>([
    ['chat', [chunk({ role: 'assistant' }), chunk({ refusal: 'No' }), chunk({}, 'stop')]],
    [
      'responses',
      [
        { type: 'response.created', response: {} },
        { type: 'response.refusal.delta', delta: 'No' },
        { type: 'response.completed', response: { output: [] } },
      ],
    ],
  ])('of %s passes the fetch in its words, and wrap() holds them back', (name, items) => {
    expect(followed(onTheWire(name), items)).toMatchObject({ contents: [1], end: refused });
    expect(fromTheSdk(items)).toMatchObject({ contents: [], end: refused });
  });

  it.each<[Name, Item, string]>([
    ['chat', answer({ content: 'I', reasoning: 'Hm' }, 'content_filter'), 'by policy'],
    [
      'messages',
      {
        ...{ type: 'message', role: 'assistant', stop_reason: 'refusal', stop_details: { category: 'cyber' } },
        content: [
          { type: 'thinking', thinking: 'Hm' },
          { type: 'text', text: 'I' },
        ],
      },
      'by policy (cyber)',
    ],
    [
      'gemini',
      {
        candidates: [{ finishReason: 'SAFETY', content: { parts: [{ text: 'Hm', thought: true }, { text: 'I' }] } }],
      },
      'by policy (SAFETY)',
    ],
  ])('of %s in one piece tells what had come', (name, body, says) => {
    const partial = { text: 'I', toolCalls: [], reasoning: 'Hm' };
    for (const end of judged(name, body))
      expect(end).toEqual({ ...refused, partial, message: expect.stringContaining(says) });
  });

  it('of another choice than the first is none', () => {
    const first = { index: 0, message: { content: 'a' }, finish_reason: 'stop' };
    const second = { index: 1, message: { content: null, refusal: 'No' }, finish_reason: 'stop' };
    const end = { finishReason: 'stop' };
    expect(judged('chat', { choices: [first, second] })).toMatchObject([end, end]);
    expect(
      judged('chat', {
        choices: [
          { ...second, index: 0 },
          { ...first, index: 1 },
        ],
      }),
    ).toMatchObject([refused, refused]);
  });
});

it('what ends an answer badly is not handed out before that is told', () => {
  const last = { candidates: [{ content: { parts: [{ text: 'a' }] }, finishReason: 'MALFORMED_FUNCTION_CALL' }] };
  expect(followed(onTheWire('gemini'), [last])).toMatchObject({ contents: [0], end: { code: 'bad_response' } });
  expect(fromTheSdk([last])).toMatchObject({ contents: [], end: { code: 'bad_response' } });
});

it('of several candidates the reason of the first one counts, and of several reasons the last', () => {
  const ended = (index: number, finishReason: string): Item => ({
    candidates: [{ index, content: { parts: [{ text: 'a' }] }, finishReason }],
  });
  const length = { end: { finishReason: 'length' } };
  for (const items of [
    [ended(0, 'MAX_TOKENS'), ended(1, 'STOP')],
    [ended(0, 'STOP'), ended(0, 'MAX_TOKENS')],
  ]) {
    expect(fromTheSdk(items)).toMatchObject(length);
    expect(followed(onTheWire('gemini'), items)).toMatchObject(length);
  }
});

it('a thought of Gemini alone is no answer yet, though it says that it stops', () => {
  const thought = { candidates: [{ content: { parts: [{ text: 'Hm', thought: true }] }, finishReason: 'STOP' }] };
  const said = { candidates: [{ content: { parts: [{ text: 'a' }] }, finishReason: 'STOP' }] };
  expect(fromTheSdk([thought, said])).toMatchObject({ contents: [0, 1], end: { finishReason: 'stop' } });
  expect(fromTheSdk([thought])).toMatchObject({ end: { code: 'empty_response' } });
});

it('an error at the end of a stream is what its words say', () => {
  const codeOf = (error: string): unknown =>
    followed(onTheWire('cohere'), [cohereEnd({ finish_reason: 'ERROR', error })]).end;
  expect(codeOf('server overloaded, please retry')).toMatchObject({ code: 'overloaded' });
  expect(codeOf('Oh')).toMatchObject({ code: 'server_error' });
});

it('of a stream that breaks, whoever has handed it out says what had come', () => {
  for (const end of [
    followed(onTheWire('chat'), [chunk({ content: 'a' }), chunk({}, 'error')]).end,
    followed(onTheWire('chat'), [chunk({ content: 'a' }), chunk({}, 'content_filter')]).end,
    followed(onTheWire('gemini'), [{ candidates: [{ content: { parts: [{ text: 'a' }] }, finishReason: 'OTHER' }] }])
      .end,
  ])
    expect(end).not.toHaveProperty('partial');
});

it('a refusal of Anthropic has its category, in a stream as well', () => {
  const items = [
    { type: 'message_start', message: {} },
    { type: 'message_delta', delta: { stop_reason: 'refusal', stop_details: { category: 'cyber' } } },
    { type: 'message_stop' },
  ];
  const end = { code: 'content_filtered', message: 'p refused to answer by policy (cyber)' };
  expect(fromTheSdk(items).end).toEqual(end);
  expect(followed(onTheWire('messages'), items).end).toEqual(end);
});

it('a text that a Response says once more at its end counts once', () => {
  const said = { type: 'message', content: [{ type: 'output_text', text: 'Hi' }] };
  const one = itemsAfter({ type: 'response.created' }, failures);
  const texts = [
    { type: 'response.created', response: {} },
    { type: 'response.output_text.delta', delta: 'Hi' },
    { type: 'response.output_item.done', item: said },
    { type: 'response.completed', response: { output: [said] } },
  ].map((item) => {
    one?.take(item);
    return one?.itemText;
  });
  expect(texts).toEqual(['', 'Hi', '', '']);
});

it('a picture that Gemini only thinks of is no answer', () => {
  const parts = [{ thought: true, inlineData: { mimeType: 'image/png', data: 'AA' } }];
  const [sdk, wire] = judged('gemini', { candidates: [{ content: { parts }, finishReason: 'STOP' }] });
  expect([sdk, wire]).toMatchObject([{ code: 'empty_response' }, { code: 'empty_response' }]);
});

it("what is no text of Cohere's is an answer", () => {
  const body = { id: 'c', message: { content: [{ type: 'image' }] } };
  expect(answerIn({ ...body, finishReason: 'COMPLETE' }, failures)).toMatchObject({ finishReason: 'stop' });
  expect(judged('cohere', { ...body, finish_reason: 'COMPLETE' })[1]).toMatchObject({ finishReason: 'stop' });
});
