import { TransportError } from '../core/errors.ts';
import type { Chunk, ProviderAnswer, ToolCall } from '../core/types.ts';

/** What a function returned, as a whole answer. @throws TransportError `bad_response` when it is neither a text nor an object */
export function answerFrom(
  value: unknown,
  { name, model }: { readonly name: string; readonly model: string },
): ProviderAnswer {
  const given: Partial<ProviderAnswer> | undefined =
    typeof value === 'string' ? { text: value } : typeof value === 'object' && value !== null ? value : undefined;
  if (given === undefined) throw bad(name, 'answered with neither a text nor an object');
  const toolCalls = given.toolCalls ?? [];
  if (typeof (given.text ?? '') !== 'string') throw bad(name, 'answered with a text that is none');
  if (!Array.isArray(toolCalls)) throw bad(name, 'answered with tool calls that are no list');
  return {
    text: given.text ?? '',
    toolCalls,
    reasoning: given.reasoning,
    finishReason: given.finishReason ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    usage: given.usage,
    model: given.model ?? model,
    raw: given.raw === undefined ? value : given.raw,
  };
}

/** What a function yielded, as a chunk; `undefined` for an empty text. @throws TransportError `bad_response` for anything else */
export function chunkFrom(value: unknown, name: string): Chunk | undefined {
  if (typeof value === 'string') return value === '' ? undefined : { type: 'text', text: value };
  const chunk = (typeof value === 'object' && value !== null ? value : {}) as Partial<Chunk> & { text?: unknown };
  switch (chunk.type) {
    case 'text':
    case 'reasoning':
      if (typeof chunk.text !== 'string') break;
      return chunk.text === '' ? undefined : (chunk as Chunk);
    case 'toolCall':
    case 'raw':
    case 'finish':
      return chunk as Chunk;
    default:
  }
  throw bad(name, 'yielded something that is neither a text nor a chunk');
}

/** The chunks of a stream, put together. The last one must be `finish`. */
export async function collectAnswer(chunks: AsyncIterable<Chunk>, model: string): Promise<ProviderAnswer> {
  let text = '';
  let reasoning: string | undefined;
  const toolCalls: ToolCall[] = [];
  const values: unknown[] = [];
  let finish: Extract<Chunk, { type: 'finish' }> | undefined;
  for await (const chunk of chunks) {
    if (chunk.type === 'text') text += chunk.text;
    else if (chunk.type === 'reasoning') reasoning = (reasoning ?? '') + chunk.text;
    else if (chunk.type === 'toolCall') toolCalls.push(chunk.toolCall);
    else if (chunk.type === 'raw') values.push(chunk.value);
    else if (chunk.type === 'finish') finish = chunk;
  }
  return {
    text,
    toolCalls,
    reasoning,
    finishReason: finish?.finishReason ?? 'unknown',
    usage: finish?.usage,
    model: finish?.model ?? model,
    raw: values.length > 0 ? values : undefined,
  };
}

function bad(provider: string, says: string): TransportError {
  return new TransportError('bad_response', `${provider} ${says}`, { provider });
}
