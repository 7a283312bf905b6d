import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk';
import type { Provider } from '../../src/core/types.ts';
import { type AnthropicOptions, anthropic } from '../../src/providers/anthropic.ts';
import type { Server } from './support.ts';

export const apiKey = 'sk-ant-canary-0123456789abcdef';

export function clientOf(server: Server, options: ClientOptions = {}): Anthropic {
  return new Anthropic({ baseURL: server.baseURL.replace(/\/v1$/, ''), apiKey, logLevel: 'off', ...options });
}

export function providerOf(server: Server, options: Partial<AnthropicOptions> = {}): Provider {
  return anthropic({ client: clientOf(server), model: 'claude-test', name: 'primary', ...options });
}

/** An event as the API writes it, with spaces behind the JSON. */
export function event(type: string, fields: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}   \n\n`;
}

export const ping = event('ping');
export const start = event('message_start', {
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-test-2026',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: 10,
      cache_creation_input_tokens: 5,
      cache_read_input_tokens: 7,
      output_tokens: 1,
      service_tier: 'standard',
    },
  },
});
export const open = (index: number, content_block: object) => event('content_block_start', { index, content_block });
export const delta = (index: number, fields: object) => event('content_block_delta', { index, delta: fields });
export const close = (index: number) => event('content_block_stop', { index });
export const openText = (index = 0) => open(index, { type: 'text', text: '' });
export const text = (words: string, index = 0) => delta(index, { type: 'text_delta', text: words });
export const thinking = (words: string, index = 0) => delta(index, { type: 'thinking_delta', thinking: words });
export const openTool = (index: number, id: string, name: string) =>
  open(index, { type: 'tool_use', id, name, input: {}, caller: { type: 'direct' } });
export const input = (partial_json: string, index = 0) => delta(index, { type: 'input_json_delta', partial_json });
export const turn = (stop_reason: string | null, fields: object = {}, usage: object = { output_tokens: 9 }) =>
  event('message_delta', { delta: { stop_reason, stop_sequence: null, ...fields }, usage });
export const stop = event('message_stop');
export const failure = (error: object) => event('error', { error, request_id: 'req_in_stream' });

export const half = [start, openText(), ping, text('Hel')];
export const good = [...half, text('lo'), close(0), turn('end_turn'), stop];

/** A whole message. */
export const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-test-2026',
  content: [{ type: 'text', text: 'Hello' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: {
    input_tokens: 10,
    cache_creation_input_tokens: 5,
    cache_read_input_tokens: 7,
    output_tokens: 9,
    output_tokens_details: { thinking_tokens: 4 },
  },
};
