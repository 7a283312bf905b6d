import type { PartialAnswer, TransportError } from '../core/errors.ts';
import type { Chunk, ProviderAnswer, ToolCall } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { type Fields, fieldsOf, finishReasonOf, reasoningOf, textOf, usageOf } from './openai-chat-parts.ts';
import { ToolCallAssembler } from './openai-chat-tools.ts';

/**
 * A whole Chat Completions answer, read. An empty answer that ended normally is returned as it is: the transport judges it.
 * @throws TransportError what an error inside the 200 means, `content_filtered` for a refusal, `bad_response` for anything else
 */
export function readChatAnswer(
  body: Readonly<Record<string, unknown>>,
  model: string,
  failures: Failures,
): ProviderAnswer {
  const choice = Array.isArray(body.choices) ? fieldsOf(body.choices[0]) : {};
  const error = body.error ?? choice.error;
  if (error !== undefined && error !== null) throw failures.inBand({ error });
  const hasMessage = typeof choice.message === 'object' && choice.message !== null;
  const reason = typeof choice.finish_reason === 'string' ? choice.finish_reason : '';
  if (!hasMessage && reason !== 'content_filter')
    throw 'choices' in body && !Array.isArray(body.choices)
      ? failures.of('bad_response', 'answered with choices that are no list')
      : 'choices' in body
        ? failures.of('bad_response', 'answered without a choice')
        : failures.inBand(body);
  const message = fieldsOf(choice.message);
  const text = textOf(message.content);
  const reasoning = reasoningOf(message) || undefined;
  throwIfStopped(reason, failures, { text, toolCalls: [], reasoning });

  const toolCalls = toolCallsOf(message, reason, failures);
  const finishReason = finishReasonOf(reason, toolCalls.length > 0);
  const refusal = typeof message.refusal === 'string' ? message.refusal : '';
  if (finishReason === 'content_filter' || refusal !== '') throw refused(failures, { text, toolCalls, reasoning });
  return {
    text,
    toolCalls,
    reasoning,
    finishReason,
    usage: usageOf(body.usage),
    model: typeof body.model === 'string' && body.model !== '' ? body.model : model,
    raw: body,
  };
}

/** A whole answer as the chunks it would have been. */
export function* chunksOf(answer: ProviderAnswer): Generator<Chunk, void, undefined> {
  const { text, reasoning, toolCalls, finishReason, usage, model } = answer;
  if (reasoning !== undefined && reasoning !== '') yield { type: 'reasoning', text: reasoning };
  if (text !== '') yield { type: 'text', text };
  for (const toolCall of toolCalls) yield { type: 'toolCall', toolCall };
  yield { type: 'finish', finishReason, usage, model };
}

/** The error of an answer that was refused by policy; `partial` is what had arrived of it. */
export function refused(failures: Failures, partial: PartialAnswer): TransportError {
  return failures.of('content_filtered', 'refused to answer by policy', { partial });
}

/** Finish reasons that are failures: OpenRouter's `error`, DeepSeek's lack of resources, vLLM's `abort`. */
export function throwIfStopped(reason: string, failures: Failures, partial: PartialAnswer | undefined): void {
  if (reason === 'insufficient_system_resource')
    throw failures.of('overloaded', 'broke off its answer for lack of resources', { partial });
  if (reason === 'error' || reason === 'abort')
    throw failures.of('server_error', 'broke off its answer with an error', { partial });
}

/** Those in a whole message. @throws TransportError `bad_response` for one that is none */
export function toolCallsOf(message: Fields, reason: string, failures: Failures): ToolCall[] {
  const legacy = message.function_call;
  const listed = Array.isArray(message.tool_calls) ? (message.tool_calls as unknown[]) : [];
  const calls = listed.length === 0 && typeof legacy === 'object' && legacy !== null ? [{ function: legacy }] : listed;
  const assembler = new ToolCallAssembler(failures);
  // Each is whole here, whatever index the server gives it.
  const pieces = calls.map((call, index) => ({ ...fieldsOf(call), index }));
  const whole = assembler.push(pieces);
  // What was cut off or filtered inside a tool call must not look like one.
  const ended = finishReasonOf(reason, false);
  const cut = ended === 'length' || ended === 'content_filter';
  whole.push(...(cut ? assembler.finishIfWhole() : assembler.finish()));
  return whole;
}
