import { readMessage } from './anthropic-answer.ts';
import { anthropicUsageOf, laterUsage, stopReasonOf } from './anthropic-parts.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import { hasOther, type ItemReader, type SdkDialect } from './sdk-items.ts';

/** Anthropic's Messages, as its SDK hands them out. */
export const anthropicDialect: SdkDialect = {
  whole(result, failures) {
    if (result.type !== 'message' || result.role !== 'assistant' || !Array.isArray(result.content)) return undefined;
    const { text, ...answer } = readMessage(result, '', failures);
    const other = hasOther(result.content, ['text', 'thinking', 'redacted_thinking']);
    return other && text === '' ? answer : { text, ...answer };
  },
  reader: ({ type }) => (type === 'message_start' ? readItem() : undefined),
};

function readItem(): ItemReader {
  let usage: Fields = {};
  let stopReason: unknown;
  let tools = false;
  return (event, { failures, partial }) => {
    switch (event.type) {
      case 'message_start': {
        const message = fieldsOf(event.message);
        usage = laterUsage(usage, message.usage);
        return { model: message.model };
      }
      case 'content_block_start': {
        const { type } = fieldsOf(event.content_block);
        tools ||= type === 'tool_use';
        return { other: type !== 'text' && type !== 'thinking' && type !== 'redacted_thinking' };
      }
      case 'content_block_delta': {
        const { type, text, thinking } = fieldsOf(event.delta);
        if (type === 'text_delta' && typeof text === 'string') return { text };
        return type === 'thinking_delta' && typeof thinking === 'string' ? { reasoning: thinking } : {};
      }
      case 'message_delta':
        usage = laterUsage(usage, event.usage);
        stopReason = fieldsOf(event.delta).stop_reason ?? stopReason;
        return {};
      case 'message_stop':
        return { finish: stopReasonOf(stopReason, tools), usage: anthropicUsageOf(usage) };
      case 'error':
        throw failures.inBand(event, { partial: partial() });
      default:
        return {};
    }
  };
}
