import type { Attempt } from '../../src/core/types.ts';
import type { RequestRecord } from '../../src/testing/index.ts';

/** What the tests of the ledger share: its lines beside the records of those who bill. */

interface Tokens {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** A line of the ledger, and the request that it is of. */
export interface Entry {
  readonly line: Attempt;
  readonly record: RequestRecord | undefined;
}

/** Lines by what is known of their usage. */
export interface Books {
  /** The provider has told it. */
  readonly told: readonly Entry[];
  /** It is an estimate, and marked as one. */
  readonly estimated: readonly Entry[];
  /** There is none. */
  readonly silent: readonly Entry[];
}

export function bookOf(entries: readonly Entry[]): Books {
  const has = ({ line }: Entry): boolean => line.usage !== undefined;
  return {
    told: entries.filter((entry) => has(entry) && !entry.line.usageEstimated),
    estimated: entries.filter((entry) => has(entry) && entry.line.usageEstimated),
    silent: entries.filter((entry) => !has(entry)),
  };
}

/** The requests of each attempt. An adapter may have to ask twice: what it was refused first is not billed. */
export function matched(
  attempts: readonly Attempt[],
  servers: Readonly<Record<string, readonly RequestRecord[]>>,
): Entry[] {
  return Object.entries(servers).flatMap(([name, records]) => {
    const lines = attempts.filter(({ provider }) => provider === name);
    const asked = records.length === lines.length ? records : records.filter(({ status }) => status === 200);
    return lines.map((line, index) => ({ line, record: asked[index] }));
  });
}

/** An entry as a failing test shows it. */
export function briefly({ line, record }: Entry): string {
  return `${line.provider} ${line.outcome}: ${tokensIn(line.usage)} of ${tokensIn(record?.billed)} (${record?.stream === true ? 'stream' : 'whole'})`;
}

export function tokensIn(tokens: Tokens | undefined): number {
  return (tokens?.inputTokens ?? 0) + (tokens?.outputTokens ?? 0);
}

/** How close estimates are to what is billed: in sum, and of one attempt the middle, and the one that nine of ten are closer than. */
export function closeness(entries: readonly Entry[]): {
  readonly truth: number;
  readonly estimate: number;
  readonly ratio: number;
  readonly middleOff: number;
  readonly ninthOff: number;
} {
  const truth = entries.reduce((sum, { record }) => sum + tokensIn(record?.billed), 0);
  const estimate = entries.reduce((sum, { line }) => sum + tokensIn(line.usage), 0);
  const off = entries
    .map(({ line, record }) => Math.abs(tokensIn(line.usage) / Math.max(1, tokensIn(record?.billed)) - 1))
    .sort((one, other) => one - other);
  const at = (share: number): number => off[Math.floor(share * off.length)] ?? 0;
  return { truth, estimate, ratio: truth === 0 ? 1 : estimate / truth, middleOff: at(0.5), ninthOff: at(0.9) };
}
