import type { FinishReason, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { count, type Fields, fieldsOf, finishReasonOf } from './openai-chat-parts.ts';
import { hasOther, type ItemReader, type SdkDialect, textIn } from './sdk-items.ts';

/** LangChain's `AIMessage`, and the chunks of one. */
export const langchainDialect: SdkDialect = {
  whole(result, failures) {
    if (!isMessage(result)) return undefined;
    tellCost(result, failures);
    const { text, other, refused, usage, model } = saidIn(result);
    const called = Array.isArray(result.tool_calls) && result.tool_calls.length > 0;
    const finishReason = refused ? 'content_filter' : (finishOf(result, called) ?? 'unknown');
    return { ...(!(other && text === '') && { text }), finishReason, usage, model };
  },
  reader(item, failures) {
    if (!isMessage(item)) return undefined;
    failures.tell({ accepted: true });
    return readChunk();
  },
};

/** Models that say why they ended: when one of them does not, it was cut off. */
const telling = new Set(['openai', 'anthropic']);

function readChunk(): ItemReader {
  let called = false;
  let tells = false;
  let usage: Usage | undefined;
  return (chunk, failures) => {
    const said = saidIn(chunk);
    tellCost(chunk, failures);
    called ||= Array.isArray(chunk.tool_call_chunks) && chunk.tool_call_chunks.length > 0;
    tells ||= telling.has(String(fieldsOf(chunk.response_metadata).model_provider));
    // Some tell it piece by piece, others anew each time, and it never becomes less.
    if (said.usage !== undefined) usage = larger(usage, said.usage);
    const finish = finishOf(chunk, called) ?? (tells ? undefined : 'unknown');
    return { ...said, usage, ...(finish !== undefined && { finish }) };
  };
}

/** Where the vendor has named a price, LangChain keeps it with the usage as it came. */
function tellCost({ response_metadata: metadata }: Fields, failures: Failures): void {
  const cost = count(fieldsOf(fieldsOf(metadata).usage).cost);
  if (cost !== undefined) failures.tell({ cost });
}

function isMessage({ lc_namespace: namespace, type }: Fields): boolean {
  return Array.isArray(namespace) && namespace.includes('messages') && type === 'ai';
}

function saidIn(message: Fields) {
  const { content, additional_kwargs, response_metadata, usage_metadata } = message;
  const { refusal } = fieldsOf(additional_kwargs);
  const { model_name, model } = fieldsOf(response_metadata);
  const calls = [message.tool_calls, message.tool_call_chunks, message.invalid_tool_calls];
  return {
    text: textIn(content),
    reasoning: textIn(content, 'reasoning') || textIn(content, 'thinking'),
    other:
      calls.some((list) => Array.isArray(list) && list.length > 0) ||
      hasOther(content, ['text', 'text_delta', 'reasoning', 'thinking']),
    refused: typeof refusal === 'string' && refusal !== '',
    usage: usageOf(fieldsOf(usage_metadata)),
    model: typeof model_name === 'string' ? model_name : typeof model === 'string' ? model : '',
  };
}

/** Under the name that the vendor gives it. */
function finishOf({ response_metadata, additional_kwargs }: Fields, called: boolean): FinishReason | undefined {
  const told: Fields = { ...fieldsOf(additional_kwargs), ...fieldsOf(response_metadata) };
  const reason = told.finish_reason ?? told.stop_reason ?? told.finishReason ?? told.done_reason;
  if (typeof reason === 'string' && reason !== '')
    return reason === 'refusal' ? 'content_filter' : finishReasonOf(reason, called);
  if (told.status === 'completed') return called ? 'tool_calls' : 'stop';
  if (told.status !== 'incomplete') return undefined;
  return fieldsOf(told.incomplete_details).reason === 'content_filter' ? 'content_filter' : 'length';
}

function usageOf({
  input_tokens,
  output_tokens,
  input_token_details,
  output_token_details,
}: Fields): Usage | undefined {
  const inputTokens = count(input_tokens);
  const outputTokens = count(output_tokens);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const { cache_read, cache_creation } = fieldsOf(input_token_details);
  const [cached, written] = [count(cache_read), count(cache_creation)];
  const reasoning = count(fieldsOf(output_token_details).reasoning);
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteInputTokens: written }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
  };
}

function larger(one: Usage | undefined, other: Usage): Usage {
  if (one === undefined) return other;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof Usage>;
  const most = [...names].map((name) => [name, Math.max(one[name] ?? 0, other[name] ?? 0)]);
  return Object.fromEntries(most) as unknown as Usage;
}
