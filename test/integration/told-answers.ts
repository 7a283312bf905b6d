/** Answers that are none, or hardly one, and tell all the same what they have used: as they are on each wire. */

import type { Client } from './wrap-clients.ts';

export interface ToldAnswer {
  readonly wire: Client['wire'];
  readonly name: string;
  /** In one piece. */
  readonly whole: object;
  /** As a stream: the data of its events, and their names where the wire has any. */
  readonly events: readonly object[];
}

/** Tokens that each of them tells. */
export const used = { inputTokens: 70, outputTokens: 9 } as const;
/** US dollars that those of Chat Completions tell, as OpenRouter does. */
export const dollars = 0.0123;

/** Chat Completions: the usage comes last, in an event of its own, or with the last one. */
function chat(
  name: string,
  message: object,
  finish_reason: string,
  { delta = message, together = false }: { readonly delta?: object; readonly together?: boolean } = {},
): ToldAnswer {
  const usage = { prompt_tokens: 70, completion_tokens: 9, total_tokens: 79, cost: dollars };
  const head = { id: 'chatcmpl-1', created: 1_700_000_000, model: 'm', system_fingerprint: 'fp_1' };
  const piece = { ...head, object: 'chat.completion.chunk' };
  const begun = { ...piece, choices: [{ index: 0, delta: { role: 'assistant' }, finish_reason: null }] };
  const last = { ...piece, choices: [{ index: 0, delta: {}, finish_reason }], ...(together && { usage }) };
  return {
    ...{ wire: 'openai', name },
    whole: {
      ...{ ...head, object: 'chat.completion', usage },
      choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason }],
    },
    events: [
      begun,
      { ...piece, choices: [{ index: 0, delta, finish_reason: null }] },
      last,
      ...(together ? [] : [{ ...piece, choices: [], usage }]),
    ],
  };
}

const brokenCall = { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city": ' } };

const chats: readonly ToldAnswer[] = [
  chat('whole', { content: 'Hello' }, 'stop'),
  chat('refused by its finish reason', { content: 'I' }, 'content_filter'),
  chat('refused by its finish reason, with the usage beside it', { content: 'I' }, 'content_filter', {
    together: true,
  }),
  chat('refused in words', { refusal: 'I will not' }, 'stop'),
  chat('empty', { content: '' }, 'stop'),
  chat('broken off', { content: 'I' }, 'error', { together: true }),
  chat('a tool call that is cut', { tool_calls: [brokenCall] }, 'tool_calls', {
    delta: { tool_calls: [{ index: 0, ...brokenCall }] },
  }),
];

/** Responses: all of it once more in the last event. */
function responses(name: string, output: readonly object[], fields: object = {}): ToldAnswer {
  const whole = {
    ...{ id: 'resp_1', object: 'response', created_at: 1_700_000_000, model: 'm', status: 'completed', output },
    ...{ error: null, incomplete_details: null, parallel_tool_calls: true, tools: [], tool_choice: 'auto' },
    ...{ metadata: {}, instructions: null, temperature: 1, top_p: 1 },
    usage: {
      ...{ input_tokens: 70, output_tokens: 9, total_tokens: 79 },
      ...{ input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } },
    },
    ...fields,
  };
  const created = { ...whole, status: 'in_progress', output: [], usage: null, error: null };
  const events = [
    { type: 'response.created', response: created },
    ...output.flatMap((item, at) => [
      { type: 'response.output_item.added', output_index: at, item: { ...item, status: 'in_progress', content: [] } },
      ...deltasOf(item).map((delta) => ({ ...delta, item_id: 'msg_1', output_index: at, content_index: 0 })),
      { type: 'response.output_item.done', output_index: at, item },
    ]),
    { type: `response.${whole.status}`, response: whole },
  ];
  return {
    ...{ wire: 'openai-responses', name, whole },
    events: events.map((event, sequence_number) => ({ ...event, sequence_number })),
  };
}

function deltasOf(item: {
  readonly content?: readonly { readonly text?: string; readonly refusal?: string }[];
}): object[] {
  return (item.content ?? []).map(({ text, refusal }) =>
    text === undefined
      ? { type: 'response.refusal.delta', delta: refusal }
      : { type: 'response.output_text.delta', delta: text },
  );
}

const says = (part: object) => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [part],
});
const text = says({ type: 'output_text', text: 'Hello', annotations: [] });

const made: readonly ToldAnswer[] = [
  responses('whole', [text]),
  responses('refused by its status', [text], {
    ...{ status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
  }),
  responses('refused in words', [says({ type: 'refusal', refusal: 'I will not' })]),
  responses('empty', []),
  responses('failed', [], { status: 'failed', error: { code: 'server_error', message: 'It went wrong' } }),
  responses('a tool call that is cut', [
    {
      type: 'function_call',
      id: 'fc_1',
      call_id: 'call_1',
      name: 'get_weather',
      arguments: '{"city": ',
      status: 'completed',
    },
  ]),
];

/** Messages: the prompt in the first event, the rest in the last but one. */
function message(name: string, content: readonly object[], stop_reason: string, deltas: readonly object[]): ToldAnswer {
  const head = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', stop_sequence: null };
  const blocks = content.flatMap((block, index) => [
    {
      type: 'content_block_start',
      index,
      content_block: { ...block, ...('text' in block ? { text: '' } : { input: {} }) },
    },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]);
  const usage = { input_tokens: 70, output_tokens: 9 };
  return {
    ...{ wire: 'anthropic', name, whole: { ...head, content, stop_reason, usage } },
    events: [
      {
        type: 'message_start',
        message: { ...head, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
      },
      ...blocks,
      { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 9 } },
      { type: 'message_stop' },
    ],
  };
}

const messages: readonly ToldAnswer[] = [
  message('whole', [{ type: 'text', text: 'Hello' }], 'end_turn', [{ type: 'text_delta', text: 'Hello' }]),
  message('refused by its stop reason', [{ type: 'text', text: 'I' }], 'refusal', [{ type: 'text_delta', text: 'I' }]),
  message('empty', [], 'end_turn', []),
  message(
    'a tool call that is cut',
    [{ type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: '{"city": ' }],
    'tool_use',
    [{ type: 'input_json_delta', partial_json: '{"city": ' }],
  ),
];

/** Gemini: everything in each event. */
function gemini(name: string, answer: object): ToldAnswer {
  const usageMetadata = { promptTokenCount: 70, candidatesTokenCount: 9, totalTokenCount: 79 };
  const whole = { ...answer, usageMetadata, modelVersion: 'm', responseId: 'r_1' };
  return { wire: 'google', name, whole, events: [whole] };
}

const candidate = (parts: readonly object[], finishReason: string) => ({
  candidates: [{ index: 0, content: { role: 'model', parts }, finishReason }],
});

const geminis: readonly ToldAnswer[] = [
  gemini('whole', candidate([{ text: 'Hello' }], 'STOP')),
  gemini('a prompt that is blocked', { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } }),
  gemini('refused by its finish reason', candidate([{ text: 'I' }], 'SAFETY')),
  gemini('empty', candidate([], 'STOP')),
  gemini('a tool call that is cut', candidate([], 'MALFORMED_FUNCTION_CALL')),
];

export const toldAnswers: readonly ToldAnswer[] = [...chats, ...made, ...messages, ...geminis];
