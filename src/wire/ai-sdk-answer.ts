import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import type { FinishReason, ProviderAnswer, ToolCall, Usage } from '../core/types.ts';
import { answerOfResult, originalCalls } from './ai-sdk-carried.ts';
import type { Failures } from './failures.ts';
import { fieldsOf } from './openai-chat-parts.ts';

/** Tokens as the AI SDK counts them: totals with what was cached, and with reasoning. `undefined` when it knows of none. */
export function usageFrom(usage: LanguageModelV4Usage | undefined): Usage | undefined {
  const { inputTokens: input, outputTokens: output } = usage ?? {};
  const inputTokens = input?.total ?? sum(input?.noCache, input?.cacheRead, input?.cacheWrite);
  const outputTokens = output?.total ?? sum(output?.text, output?.reasoning);
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  return {
    inputTokens,
    outputTokens,
    ...counted('cachedInputTokens', input?.cacheRead),
    ...counted('cacheWriteInputTokens', input?.cacheWrite),
    ...counted('reasoningTokens', output?.reasoning),
  };
}

function sum(...counts: readonly (number | undefined)[]): number | undefined {
  const known = counts.filter((count) => count !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, count) => total + count, 0);
}

function counted(name: keyof Usage, count: number | undefined): Partial<Usage> {
  return typeof count === 'number' ? { [name]: count } : {};
}

/** US dollars, where the vendor tells them with the usage, as OpenRouter does. */
export function costFrom(usage: LanguageModelV4Usage | undefined): number | undefined {
  const { cost } = fieldsOf(usage?.raw);
  return typeof cost === 'number' && Number.isFinite(cost) && cost >= 0 ? cost : undefined;
}

const reasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
};

/** Why the answer ended. @throws TransportError when it broke off, or was refused */
export function finishFrom(
  reason: LanguageModelV4FinishReason | undefined,
  hasToolCalls: boolean,
  failures: Failures,
): FinishReason {
  const unified = reason?.unified;
  if (unified === 'error') throw failures.of('server_error', 'broke off its answer with an error');
  if (unified === 'interrupted') throw failures.of('truncated', 'ended its answer before it was whole');
  if (unified === 'content-filter') throw failures.of('content_filtered', 'refused to answer by policy');
  const known = reasons[unified ?? ''] ?? 'unknown';
  return hasToolCalls && (known === 'stop' || known === 'unknown') ? 'tool_calls' : known;
}

/**
 * The call of a tool, with its input parsed; `undefined` when the input was cut off or is otherwise no JSON.
 */
export function toolCallFrom(part: {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: string;
}): ToolCall | undefined {
  const { toolCallId: id, toolName: name, input } = part;
  try {
    return { id, name, input: input.trim() === '' ? {} : (JSON.parse(input) as unknown) };
  } catch {
    return undefined;
  }
}

/** A whole result, read. @throws TransportError when it broke off, was refused, or has a tool call that is no JSON */
export function answerFromResult(
  result: LanguageModelV4GenerateResult,
  asked: { readonly model: string; readonly schema: boolean },
  failures: Failures,
): ProviderAnswer {
  const content = Array.isArray(result?.content) ? result.content : [];
  const { calls, broken } = callsIn(content);
  const finishReason = finishFrom(result?.finishReason, calls.length > 0, failures);
  if (content.length === 0 && finishReason === 'unknown')
    throw failures.of('bad_response', 'answered with something that is no answer');
  // What was cut off inside a tool call must not look like one.
  if (broken && finishReason !== 'length')
    throw failures.of('bad_response', 'asked for a tool with an input that is not JSON');
  const text = textIn(content, 'text');
  const answer = {
    // Where the model has written drafts too, this is the text that is meant to be the object.
    text: asked.schema ? (result.structuredOutputText ?? text) : text,
    toolCalls: calls,
    reasoning: textIn(content, 'reasoning') || undefined,
    finishReason,
    usage: usageFrom(result.usage),
    model: result.response?.modelId || asked.model,
  };
  answerOfResult.set(result, answer);
  return { ...answer, raw: result };
}

/** The text of one kind in a content. */
export function textIn(content: readonly LanguageModelV4Content[], type: 'text' | 'reasoning'): string {
  return content.map((part) => (part.type === type ? part.text : '')).join('');
}

function callsIn(content: readonly LanguageModelV4Content[]): { calls: ToolCall[]; broken: boolean } {
  const calls: ToolCall[] = [];
  let broken = false;
  for (const part of content) {
    // What the vendor runs by itself is nobody else's to run.
    if (part.type !== 'tool-call' || part.providerExecuted === true) continue;
    const call = toolCallFrom(part);
    if (call === undefined) broken = true;
    else {
      originalCalls.set(call, part);
      calls.push(call);
    }
  }
  return { calls, broken };
}
