/** The rows of the table of clients under faults. */

import { type FaultChoice, faultOf } from '../../src/testing/index.ts';
import type { ClientName } from './fetch-clients.ts';

export const modes = ['whole', 'stream'] as const;
export type Mode = (typeof modes)[number];
export const columns = ['plain', 'createFetch'] as const;
export type Column = (typeof columns)[number];

/** Words of an answer, and after how many of them it is cut: two thirds. */
export const words = 60;
const cutAfter = 40;

/** Rounds after the first, under a fetch. */
export const retries = 2;

/** One thing that goes wrong. */
export interface FaultRow {
  readonly name: string;
  /** Made anew for each request: a date is one from now. */
  readonly fault: () => FaultChoice;
  /** With one request after which all is well, or with all of them. */
  readonly strikes: 'once' | 'always';
  /** Milliseconds after a refusal, received at this moment, before which nobody may ask again. */
  readonly toldMs?: (receivedAt: number) => number;
  /** The caller leaves, in one way or the other. */
  readonly leaves?: 'abort' | 'break';
  /** Garbage is collected before. */
  readonly collects?: true;
}

const limit = { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests' };
const limited = (headers: Record<string, string>): FaultChoice => ({
  kind: 'status',
  status: 429,
  error: limit,
  headers,
});
/** A date has whole seconds. */
const dateAfter = (at: number) => Math.ceil((at + 2_000) / 1_000) * 1_000;

/** The 16 of the field, and what else breaks an answer. */
export const faultRows: readonly FaultRow[] = [
  { name: '503 for ever', fault: () => 'http-503', strikes: 'always' },
  { name: '429, `Retry-After: 1`', fault: () => 'rate-limited', strikes: 'once', toldMs: () => 1_000 },
  {
    name: '429, `retry-after-ms: 700`',
    fault: () => limited({ 'retry-after-ms': '700' }),
    strikes: 'once',
    toldMs: () => 700,
  },
  {
    name: '429, `Retry-After` with a date',
    fault: () => limited({ 'retry-after': new Date(dateAfter(Date.now())).toUTCString() }),
    strikes: 'once',
    toldMs: (receivedAt) => dateAfter(receivedAt) - receivedAt,
  },
  { name: '429, `Retry-After: 600`', fault: () => 'rate-limited-600s', strikes: 'always', toldMs: () => 600_000 },
  {
    name: '503, `x-should-retry: false`',
    fault: () => ({ kind: 'status', status: 503, headers: { 'x-should-retry': 'false' } }),
    strikes: 'always',
    toldMs: () => Number.POSITIVE_INFINITY,
  },
  { name: '400, content policy', fault: () => 'content-policy', strikes: 'always' },
  { name: '401', fault: () => 'unauthorized', strikes: 'always' },
  { name: `closed at ${cutAfter} of ${words}`, fault: () => cut('close'), strikes: 'once' },
  { name: `clean end at ${cutAfter} of ${words}`, fault: () => cut('end'), strikes: 'once' },
  { name: 'stall after 5 words', fault: () => 'stall', strikes: 'once' },
  { name: '200, then silence', fault: () => 'silence-after-headers', strikes: 'once' },
  { name: 'an error before the content', fault: () => 'stream-error-before-content', strikes: 'once' },
  { name: '`stop` without content', fault: () => 'empty-answer', strikes: 'once' },
  { name: 'the caller aborts', fault: () => 'ok', strikes: 'always', leaves: 'abort' },
  {
    name: 'the caller aborts, after garbage was collected',
    fault: () => 'ok',
    strikes: 'always',
    leaves: 'abort',
    collects: true,
  },
  { name: 'the reader leaves the loop', fault: () => 'ok', strikes: 'always', leaves: 'break' },
  { name: '200 with an error in it', fault: () => 'error-in-200', strikes: 'once' },
  {
    name: 'end in the middle of an event',
    fault: () => ({ kind: 'truncatedJson', afterTokens: cutAfter }),
    strikes: 'once',
  },
  { name: `reset at ${cutAfter} of ${words}`, fault: () => cut('reset'), strikes: 'once' },
  { name: 'reset before the headers', fault: () => 'reset-before-headers', strikes: 'once' },
];

function cut(by: 'close' | 'end' | 'reset'): FaultChoice {
  return { kind: 'cut', afterTokens: cutAfter, by };
}

/** True where a stream breaks when content of it was delivered. */
export function isLate({ fault }: FaultRow): boolean {
  return ['cut', 'stall', 'truncatedJson'].includes(faultOf(fault())?.kind ?? '');
}

/** True where nothing but a clock could end the call. */
export function isSilent({ fault }: FaultRow): boolean {
  const kind = faultOf(fault())?.kind;
  return kind === 'stall' || kind === 'silence';
}

/** Ollama's client can abort a stream, and nothing else. */
export function canBe(client: ClientName, row: FaultRow, mode: Mode): boolean {
  if (row.leaves === 'break') return mode === 'stream';
  return row.leaves === undefined || mode === 'stream' || client !== 'ollama';
}
