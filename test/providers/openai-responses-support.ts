import OpenAI from 'openai';
import type { Provider } from '../../src/core/types.ts';
import { type OpenAIResponsesOptions, openaiResponses } from '../../src/providers/openai-responses.ts';
import { apiKey, type Server } from './support.ts';

export function responsesOf(server: Pick<Server, 'baseURL'>, options: Partial<OpenAIResponsesOptions> = {}): Provider {
  const client = new OpenAI({ baseURL: server.baseURL, apiKey, logLevel: 'off' });
  return openaiResponses({ client, model: 'gpt-test', name: 'primary', ...options });
}

/** A Response as it is told in the beginning. */
export const begun = {
  id: 'resp_1',
  object: 'response',
  status: 'in_progress',
  model: 'gpt-test-2026',
  error: null,
  incomplete_details: null,
  output: [],
  usage: null,
};

export const usage = {
  input_tokens: 12,
  input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 3 },
};
export const counted = {
  inputTokens: 12,
  outputTokens: 5,
  cachedInputTokens: 4,
  cacheWriteInputTokens: 2,
  reasoningTokens: 3,
};

export function message(text: string, status = 'completed') {
  return {
    ...{ id: 'msg_1', type: 'message', role: 'assistant', status },
    content: [{ type: 'output_text', annotations: [], text }],
  };
}

export function functionCall(call_id: string, name: string, json: string, status = 'completed') {
  return { id: `fc_${call_id}`, type: 'function_call', status, call_id, name, arguments: json };
}

export function completed(output: readonly object[], fields: object = {}) {
  return { ...begun, status: 'completed', output, usage, ...fields };
}

/** Events in the order in which they are sent, numbered. */
export function numbered(events: readonly object[], first = 0): string[] {
  return events.map((event, index) => eventText({ ...event, sequence_number: first + index }));
}

export function eventText(event: object): string {
  return `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`;
}

export const created = { type: 'response.created', response: begun };
export const textOf = (delta: string) => ({ type: 'response.output_text.delta', item_id: 'msg_1', delta });
export const thoughtOf = (delta: string, summary_index = 0) => ({
  ...{ type: 'response.reasoning_summary_text.delta', item_id: 'rs_1', summary_index, delta },
});
export const callDone = (item: object) => ({ type: 'response.output_item.done', item });
export const ended = (response: { readonly status: string }) => ({ type: `response.${response.status}`, response });

export const good = [created, textOf('Hel'), textOf('lo'), ended(completed([message('Hello')]))];
