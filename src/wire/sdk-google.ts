import type { PartialAnswer } from '../core/errors.ts';
import type { FinishReason } from '../core/types.ts';
import type { Failures } from './failures.ts';
import { blocked, finishReasonOf } from './google-ending.ts';
import { partsOf } from './google-raw.ts';
import { usageOfGemini } from './google-usage.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import type { ItemReader, SdkDialect } from './sdk-items.ts';

/** Gemini's `GenerateContentResponse`, as its SDK hands it out. */
export const googleDialect: SdkDialect = {
  whole(result, failures) {
    if (!isResponse(result)) return undefined;
    const { text, reasoning, calls, other } = saidIn(result);
    const partial = { text, toolCalls: [], reasoning: reasoning || undefined };
    const finishReason = finishOf(result, calls, failures, partial) ?? 'unknown';
    const usage = usageOfGemini(fieldsOf(result.usageMetadata));
    const model = typeof result.modelVersion === 'string' ? result.modelVersion : '';
    return { ...(!(calls || other) && { text }), finishReason, usage, model };
  },
  reader: (item) => (isResponse(item) ? readItem() : undefined),
};

function isResponse(value: Fields): boolean {
  return Array.isArray(value.candidates) || 'promptFeedback' in value || 'usageMetadata' in value;
}

function readItem(): ItemReader {
  let called = false;
  return (item, { failures, partial }) => {
    const { text, reasoning, calls, other } = saidIn(item);
    called ||= calls;
    const finish = finishOf(item, called, failures, partial());
    return {
      ...{ text, reasoning, other: calls || other },
      ...(finish !== undefined && { finish }),
      usage: usageOfGemini(fieldsOf(item.usageMetadata)),
      model: item.modelVersion,
    };
  };
}

function saidIn(response: Fields) {
  const said = { text: '', reasoning: '', calls: false, other: false };
  for (const part of partsOf(candidateOf(response))) {
    if (typeof part.text === 'string') {
      if (part.thought === true) said.reasoning += part.text;
      else said.text += part.text;
    } else if (part.functionCall !== undefined) said.calls = true;
    else if (part.inlineData !== undefined || part.executableCode !== undefined) said.other = true;
  }
  return said;
}

function finishOf(
  response: Fields,
  calls: boolean,
  failures: Failures,
  partial: PartialAnswer,
): FinishReason | undefined {
  const { blockReason } = fieldsOf(response.promptFeedback);
  if (typeof blockReason === 'string' && blockReason !== '') throw blocked(blockReason, failures, partial);
  const { finishReason } = candidateOf(response);
  if (typeof finishReason !== 'string' || finishReason === 'FINISH_REASON_UNSPECIFIED') return undefined;
  return finishReasonOf(finishReason, calls, failures, partial);
}

function candidateOf({ candidates }: Fields): Fields {
  return Array.isArray(candidates) ? fieldsOf(candidates[0]) : {};
}
