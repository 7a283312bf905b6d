import type { FinishReason, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { count, type Fields, fieldsOf } from './openai-chat-parts.ts';
import { hasOther, type ItemReader, type SdkDialect, textIn } from './sdk-items.ts';

const finishes: ReadonlyMap<unknown, FinishReason> = new Map([
  ['COMPLETE', 'stop'],
  ['STOP_SEQUENCE', 'stop'],
  ['MAX_TOKENS', 'length'],
  ['TOOL_CALL', 'tool_calls'],
  ['ERROR_TOXIC', 'content_filter'],
]);

/** Cohere's chat (version 2), as its SDK hands it out. */
export const cohereDialect: SdkDialect = {
  whole(result, failures) {
    const { id, message, finishReason, usage } = result;
    if (typeof id !== 'string' || !/^[A-Z_]+$/.test(String(finishReason)) || typeof message !== 'object')
      return undefined;
    const { content, toolCalls } = fieldsOf(message);
    const called = Array.isArray(toolCalls) && toolCalls.length > 0;
    const answer = { finishReason: finishOf(finishReason, failures), usage: usageOf(usage) };
    const text = textIn(content);
    return (called || hasOther(content, ['text', 'thinking'])) && text === '' ? answer : { text, ...answer };
  },
  reader: ({ type }) => (type === 'message-start' ? readItem : undefined),
};

const readItem: ItemReader = ({ type, delta }, { failures }) => {
  const { message, finishReason, usage, error } = fieldsOf(delta);
  const content = fieldsOf(fieldsOf(message).content);
  switch (type) {
    case 'content-delta':
      if (typeof content.thinking === 'string') return { reasoning: content.thinking };
      return typeof content.text === 'string' ? { text: content.text } : {};
    case 'tool-plan-delta':
    case 'tool-call-start':
      return { other: true };
    case 'message-end':
      if (typeof error === 'string' && error !== '') throw failures.inBand({ message: error });
      return { finish: finishOf(finishReason, failures), usage: usageOf(usage) };
    default:
      return {};
  }
};

function finishOf(reason: unknown, failures: Failures): FinishReason {
  if (reason === 'ERROR' || reason === 'TIMEOUT')
    throw failures.of('server_error', 'broke off its answer with an error');
  return finishes.get(reason) ?? 'unknown';
}

/** All that the model has read, and not only what is billed. */
function usageOf(value: unknown): Usage | undefined {
  const usage = fieldsOf(value);
  const tokens: Fields = fieldsOf(usage.tokens ?? usage.billedUnits);
  const inputTokens = count(tokens.inputTokens);
  const outputTokens = count(tokens.outputTokens);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const cached = count(usage.cachedTokens);
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    ...(cached !== undefined && { cachedInputTokens: cached }),
  };
}
