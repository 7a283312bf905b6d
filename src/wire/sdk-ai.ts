import type { FinishReason, Usage } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { count, type Fields, fieldsOf } from './openai-chat-parts.ts';
import type { ItemReader, SdkDialect } from './sdk-items.ts';

/** The AI SDK: results of `generateText` and `generateObject`, and the parts that `streamText` streams. */
export const aiDialect: SdkDialect = {
  whole(result, failures) {
    const { finishReason, text, toolCalls, files, object, response } = result;
    const usage = result.totalUsage ?? result.usage;
    if (typeof finishReason !== 'string' || typeof usage !== 'object' || !('inputTokens' in fieldsOf(usage)))
      return undefined;
    const { modelId } = fieldsOf(response);
    const used = usageOf(usage);
    if (used !== undefined) failures.tell({ usage: used, usageIsWhole: finishReason !== 'interrupted' });
    const other = object !== undefined || [toolCalls, files].some((list) => Array.isArray(list) && list.length > 0);
    return {
      ...(typeof text === 'string' && !(other && text === '') && { text }),
      finishReason: finishOf(finishReason, failures),
      usage: used,
      model: typeof modelId === 'string' ? modelId : '',
    };
  },
  reader(item) {
    if (item.type === 'start' && Object.keys(item).length === 1) return readParts(false);
    return item.type === 'stream-start' || item.type === 'start-step' ? readParts(true) : undefined;
  },
};

/** `sure`: it is the AI SDK's. Others begin with `start`, too, and have parts and an end of their own. */
function readParts(sure: boolean): ItemReader {
  let known = sure;
  return (part, failures) => {
    known ||= part.type === 'start-step' || (part.type === 'error' && part.error instanceof Error);
    if (known) return readPart(part, failures);
    return part.type === 'start' ? {} : { other: true, finish: 'unknown' };
  };
}

const readPart: ItemReader = (part, failures) => {
  const said = part.text ?? part.delta;
  switch (part.type) {
    case 'text-delta':
      return { text: typeof said === 'string' ? said : '' };
    case 'reasoning-delta':
      return { reasoning: typeof said === 'string' ? said : '' };
    case 'tool-input-start':
    case 'tool-call':
    case 'file':
      return { other: true };
    case 'error':
      throw failures.thrown(part.error);
    case 'abort':
      throw failures.of('cancelled', 'was told to break off its answer');
    case 'finish-step':
      return { model: fieldsOf(part.response).modelId };
    case 'finish': {
      // A model's own stream has it in two words: its own, and that of the AI SDK.
      const { unified = part.finishReason, raw = part.rawFinishReason } = fieldsOf(part.finishReason);
      const usage = usageOf(part.totalUsage ?? part.usage);
      if (usage !== undefined) failures.tell({ usage, usageIsWhole: hasEnded({ unified, raw }) });
      return { finish: finishOf(unified, failures), usage };
    }
    default:
      return {};
  }
};

/** True for what `streamText` returns: an object around a stream, and not the stream. */
export function isStreamedText(result: unknown): result is object {
  const { consumeStream, toUIMessageStream } = fieldsOf(result);
  return typeof consumeStream === 'function' && typeof toUIMessageStream === 'function';
}

/** The parts of what `streamText` returns, for one more reader: whoever has the result reads all of them as well. */
export function partsOfStreamed(result: object): AsyncIterable<unknown> {
  const { stream, fullStream } = result as { readonly [name: string]: AsyncIterable<unknown> };
  // Before version 7 there is only the latter.
  return (stream ?? fullStream) as AsyncIterable<unknown>;
}

/**
 * True for a reason that the vendor has given, for all of the answer. One of the AI SDK's own is what a stream that broke off ends with,
 * and beside it is what was counted until then.
 */
export function hasEnded({ unified, raw }: { readonly unified?: unknown; readonly raw?: unknown }): boolean {
  return raw !== undefined || (unified !== 'other' && unified !== 'error' && unified !== 'interrupted');
}

function finishOf(reason: unknown, failures: Failures): FinishReason {
  switch (reason) {
    case 'stop':
    case 'length':
      return reason;
    case 'tool-calls':
      return 'tool_calls';
    case 'content-filter':
      return 'content_filter';
    case 'error':
      throw failures.of('server_error', 'broke off its answer with an error');
    case 'interrupted':
      throw failures.of('truncated', 'ended its stream before the answer was whole');
    default:
      return 'unknown';
  }
}

/** Numbers, as the AI SDK gives them, or objects with a `total`, as its models do. */
function usageOf(value: unknown): Usage | undefined {
  const { inputTokens, outputTokens, inputTokenDetails, outputTokenDetails } = fieldsOf(value);
  const input = count(inputTokens) ?? count(fieldsOf(inputTokens).total);
  const output = count(outputTokens) ?? count(fieldsOf(outputTokens).total);
  if (input === undefined && output === undefined) return undefined;
  const of: Fields = { ...fieldsOf(inputTokens), ...fieldsOf(inputTokenDetails) };
  const cached = count(of.cacheReadTokens ?? of.cacheRead);
  const written = count(of.cacheWriteTokens ?? of.cacheWrite);
  const reasoning = count(fieldsOf(outputTokenDetails).reasoningTokens ?? fieldsOf(outputTokens).reasoning);
  return {
    inputTokens: input ?? 0,
    outputTokens: output ?? 0,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteInputTokens: written }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
  };
}
