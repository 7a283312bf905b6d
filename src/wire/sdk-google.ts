import type { PartialAnswer } from '../core/errors.ts';
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
    const { text, reasoning, calls, other, reasons } = saidIn(result);
    const partial = { text, toolCalls: [], reasoning: reasoning || undefined };
    throwIfBlocked(result, failures, partial);
    const [reason] = reasons;
    const finishReason = reason === undefined ? 'unknown' : finishReasonOf(reason, calls, failures, partial);
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
  /** The candidates that have begun and not ended. */
  const open = new Set<unknown>();
  let reason: string | undefined;
  let called = false;
  return (item, { failures, partial }) => {
    const { text, reasoning, calls, other, reasons, going, ended } = saidIn(item);
    called ||= calls;
    throwIfBlocked(item, failures, partial());
    for (const index of going) if (reason === undefined || text !== '' || calls || other) open.add(index);
    for (const index of ended) open.delete(index);
    reason ??= reasons[0];
    const isWhole = reason !== undefined && open.size === 0;
    return {
      ...{ text, reasoning, other: calls || other },
      ...(isWhole && { finish: finishReasonOf(reason as string, called, failures, partial()) }),
      usage: usageOfGemini(fieldsOf(item.usageMetadata)),
      model: item.modelVersion,
    };
  };
}

function saidIn({ candidates }: Fields) {
  const said = { text: '', reasoning: '', calls: false, other: false };
  const reasons: string[] = [];
  const going: unknown[] = [];
  const ended: unknown[] = [];
  for (const candidate of Array.isArray(candidates) ? candidates.map(fieldsOf) : []) {
    const { index = 0, finishReason } = candidate;
    for (const part of partsOf(candidate)) {
      if (typeof part.text === 'string') {
        if (part.thought === true) said.reasoning += part.text;
        else said.text += part.text;
      } else if (part.functionCall !== undefined) said.calls = true;
      // A picture, a file, code, the results of code.
      else said.other ||= Object.keys(part).some((name) => !ofThought.has(name));
    }
    // The unspecified one is what an absent one looks like.
    if (typeof finishReason === 'string' && finishReason !== '' && finishReason !== 'FINISH_REASON_UNSPECIFIED') {
      reasons.push(finishReason);
      ended.push(index);
    } else going.push(index);
  }
  return { ...said, reasons, going, ended };
}

const ofThought: ReadonlySet<string> = new Set(['thought', 'thoughtSignature']);

function throwIfBlocked({ promptFeedback }: Fields, failures: Failures, partial: PartialAnswer): void {
  const { blockReason } = fieldsOf(promptFeedback);
  if (typeof blockReason === 'string' && blockReason !== '') throw blocked(blockReason, failures, partial);
}
