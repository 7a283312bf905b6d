import { isDeepStrictEqual } from 'node:util';
import type { Completion, FinishReason, Usage } from '../../core/types.ts';

/** Of this form of what is kept; a version that writes another looks for other keys. */
export const recordVersion = 1;

/** What is kept of an answer. */
export interface TransactionRecord {
  readonly version: typeof recordVersion;
  /** What it is kept under: who finds it under another key has what is not theirs. */
  readonly key?: string;
  /** Of the request that was answered. */
  readonly digest: string;
  readonly answer: Pick<Completion, 'text' | 'toolCalls' | 'provider' | 'model' | 'finishReason' | 'resumed'> & {
    readonly reasoning?: string;
    readonly usage?: Usage;
    /** Only where there is one. */
    readonly object?: unknown;
  };
}

/**
 * An answer as it is kept, in plain JSON: all but `raw`, and the ledger, which is the call's that was sent. `undefined` when JSON would
 * not give it back as it is: an `object` with a date in it.
 */
export function recorded(key: string, digest: string, completion: Completion): string | undefined {
  const { text, toolCalls, reasoning, object, finishReason, usage, provider, model, resumed } = completion;
  const answer: TransactionRecord['answer'] = {
    ...{ text, toolCalls, finishReason, provider, model, resumed },
    ...(reasoning !== undefined && { reasoning }),
    ...(usage !== undefined && { usage: plain(usage) }),
    ...(object !== undefined && { object }),
  };
  const record: TransactionRecord = { version: recordVersion, key, digest, answer };
  try {
    const json = JSON.stringify(record);
    return isDeepStrictEqual(JSON.parse(json), record) ? json : undefined;
  } catch {
    return undefined;
  }
}

function plain(usage: Usage): Usage {
  return Object.fromEntries(Object.entries(usage).filter(([, count]) => count !== undefined)) as unknown as Usage;
}

/** What was kept under a key. `undefined` when it is none of ours, whoever has written it, or another key's. */
export function readRecord(key: string, kept: unknown): TransactionRecord | undefined {
  try {
    // A store that keeps what it was given as it is: of that, only what JSON can say.
    const record: unknown = JSON.parse(typeof kept === 'string' ? kept : JSON.stringify(kept));
    return isRecord(record) && (record.key ?? key) === key ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The answer again: a new one, of which nothing was sent. */
export function completionFrom({ answer }: TransactionRecord, transactionId: string): Completion {
  const { reasoning, object, usage, ...rest } = structuredClone(answer);
  return { ...rest, reasoning, object, usage, transactionId, attempts: [], cost: 0, raw: undefined };
}

const reasons: readonly FinishReason[] = ['stop', 'length', 'tool_calls', 'content_filter', 'unknown'];

function isRecord(value: unknown): value is TransactionRecord {
  if (!isObject(value) || value.version !== recordVersion || typeof value.digest !== 'string') return false;
  const { answer } = value;
  if (!isObject(answer)) return false;
  const { text, toolCalls, reasoning, usage, provider, model, finishReason, resumed } = answer;
  return (
    [text, provider, model].every((one) => typeof one === 'string') &&
    ['undefined', 'string'].includes(typeof reasoning) &&
    typeof resumed === 'boolean' &&
    reasons.includes(finishReason as FinishReason) &&
    (usage === undefined || isUsage(usage)) &&
    Array.isArray(toolCalls) &&
    toolCalls.every((call) => isObject(call) && typeof call.id === 'string' && typeof call.name === 'string')
  );
}

function isUsage(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { inputTokens, outputTokens, ...more } = value;
  const counts = [inputTokens, outputTokens, ...Object.values(more)];
  return counts.every((count) => typeof count === 'number' && count >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
