import { parseDuration } from './duration.ts';
import { headerMap, serverNow } from './headers.ts';

/** The window that a limit counts over. */
export type Period = 'second' | '10 seconds' | 'minute' | 'hour' | 'day' | 'month';

/** One limit of a provider, as far as its headers tell. */
export interface RateLimit {
  readonly limit?: number;
  readonly remaining?: number;
  /** Milliseconds until it is whole again. */
  readonly resetMs?: number;
  /** Absent when neither the names nor the numbers tell. */
  readonly per?: Period;
}

/** The limits of a provider, by what they count. */
export interface RateLimits {
  readonly requests?: RateLimit;
  /** Input and output together. */
  readonly tokens?: RateLimit;
  readonly inputTokens?: RateLimit;
  readonly outputTokens?: RateLimit;
}

type Subject = keyof RateLimits;
type Found = { -readonly [K in keyof RateLimit]: RateLimit[K] } & { resetText?: string; renewalMs?: number };

const leading = /^(?:x-)?ratelimit-(limit|remaining|reset|renewalperiod)(?:-(.+))?$/;
const trailing = /^(?:anthropic-|x-)ratelimit-(.+)-(limit|remaining|reset)$/;

/**
 * What the headers of an answer, good or bad, say of the provider's limits. Read by pattern, because names differ by vendor and
 * change: OpenAI and Groq (Go durations), Anthropic (RFC 3339), Azure (integers, -1 and 0 for unknown), Mistral (`-req-minute`),
 * Together, xAI, and the IETF's `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
 */
export function rateLimitsOf(headers: unknown, now: number = Date.now()): RateLimits {
  const map = headerMap(headers);
  const found = new Map<string, Found>();
  for (const [name, value] of map) {
    const match = leading.exec(name);
    const [field, subject] = match
      ? [match[1], match[2] ?? 'requests']
      : (trailing.exec(name)?.slice(1, 3).reverse() ?? []);
    if (field === undefined || subject === undefined) continue;
    const limit = found.get(subject) ?? {};
    found.set(subject, limit);
    read(limit, field, value, serverNow(map, now));
  }
  const structured = ietf(map);
  if (structured !== undefined) found.set('requests', structured);

  const limits: { [K in Subject]?: RateLimit } = {};
  for (const [text, raw] of found) {
    const subject = subjectOf(text);
    if (subject === undefined) continue;
    const limit = settled(raw, periodIn(text) ?? vendorPeriod(map, subject));
    if (limit === undefined) continue;
    const other = limits[subject];
    if (other === undefined || tighter(limit, other)) limits[subject] = limit;
  }
  return limits;
}

/** Milliseconds until the limits that are used up are whole again; `undefined` when none is. The fallback on an answer that says "too many" and no more. */
export function limitResetMs(headers: unknown, now: number = Date.now()): number | undefined {
  let longest: number | undefined;
  for (const limit of Object.values(rateLimitsOf(headers, now)) as RateLimit[])
    if (limit.remaining === 0 && limit.resetMs !== undefined && limit.resetMs > (longest ?? 0)) longest = limit.resetMs;
  return longest;
}

function read(limit: Found, field: string, value: string, now: number): void {
  const number = /^\s*-?\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
  if (field === 'limit') {
    if (number !== undefined && number > 0) limit.limit = number;
  } else if (field === 'remaining') {
    if (number !== undefined && number >= 0) limit.remaining = number;
  } else if (field === 'renewalperiod') {
    if (number !== undefined && number > 0) limit.renewalMs = number * 1_000;
  } else {
    const ms = number === undefined ? (parseDuration(value) ?? Date.parse(value) - now) : untilNumber(number, now);
    if (ms !== undefined && !Number.isNaN(ms)) limit.resetMs = Math.max(0, Math.ceil(ms));
    if (number === undefined) limit.resetText = value;
  }
}

/** Seconds from now, or a moment in seconds or milliseconds; 0 and less is unknown. */
function untilNumber(number: number, now: number): number | undefined {
  if (number <= 0) return undefined;
  if (number > 1e12) return number - now;
  if (number > 1e9) return number * 1_000 - now;
  return number * 1_000;
}

function settled(found: Found, named: Period | undefined): RateLimit | undefined {
  const { limit, resetText, renewalMs } = found;
  let { remaining, resetMs } = found;
  // Azure says 0 where it does not know: a zero counts only beside a limit.
  if (remaining === 0 && limit === undefined) remaining = undefined;
  if (resetMs !== undefined && renewalMs !== undefined && resetMs > renewalMs) resetMs = undefined;
  const per =
    named ??
    (renewalMs === undefined ? undefined : periodOfMs(renewalMs)) ??
    (resetText === undefined ? undefined : inferred({ limit, remaining, resetMs }));
  if (limit === undefined && remaining === undefined && resetMs === undefined) return undefined;
  return {
    ...(limit !== undefined && { limit }),
    ...(remaining !== undefined && { remaining }),
    ...(resetMs !== undefined && { resetMs }),
    ...(per !== undefined && { per }),
  };
}

/** A leaky bucket that needs 8.64 s for one of 10,000 is one per day: the numbers tell what the names do not. */
function inferred({ limit, remaining, resetMs }: RateLimit): Period | undefined {
  if (limit === undefined || remaining === undefined || resetMs === undefined) return undefined;
  const used = limit - remaining;
  const period = used > 0 && resetMs >= 5 ? periodOfMs((resetMs / used) * limit) : undefined;
  // A bucket that holds less than its period's worth looks like a shorter one: those are only ever told by name.
  return period === 'second' || period === '10 seconds' ? undefined : period;
}

const periods: readonly (readonly [Period, number])[] = [
  ['second', 1_000],
  ['10 seconds', 10_000],
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
  ['month', 2_592_000_000],
];

function periodOfMs(ms: number): Period | undefined {
  return periods.find(([, length]) => ms > length * 0.8 && ms < length * 1.25)?.[0];
}

function periodIn(subject: string): Period | undefined {
  const match = /(10-?)?(second|minute|hour|day|month)/.exec(subject);
  if (match === null) return undefined;
  return match[1] !== undefined && match[2] === 'second' ? '10 seconds' : (match[2] as Period);
}

/** Vendors that say it only in their documentation. */
function vendorPeriod(headers: ReadonlyMap<string, string>, subject: Subject): Period | undefined {
  for (const name of headers.keys()) {
    if (name.startsWith('x-groq-')) return subject === 'requests' ? 'day' : 'minute';
    if (name.startsWith('anthropic-ratelimit-')) return 'minute';
  }
  return undefined;
}

function subjectOf(text: string): Subject | undefined {
  if (/query-cost|image|audio/.test(text)) return undefined;
  if (/^req/.test(text)) return 'requests';
  if (/input[-_]tokens/.test(text)) return 'inputTokens';
  if (/output[-_]tokens/.test(text)) return 'outputTokens';
  return /tokens/.test(text) ? 'tokens' : undefined;
}

/** Of two limits on the same thing, what is used up binds, else the shorter window. */
function tighter(one: RateLimit, other: RateLimit): boolean {
  if ((one.remaining === 0) !== (other.remaining === 0)) return one.remaining === 0;
  const rank = (limit: RateLimit): number => {
    const at = periods.findIndex(([period]) => period === limit.per);
    return at === -1 ? periods.length : at;
  };
  return rank(one) < rank(other);
}

function ietf(headers: ReadonlyMap<string, string>): Found | undefined {
  const value = headers.get('ratelimit');
  if (value === undefined) return undefined;
  const number = (text: string, ...names: string[]): number | undefined => {
    for (const name of names) {
      const match = new RegExp(`(?:^|[;,\\s])${name}=(\\d+)`).exec(text);
      if (match !== null) return Number(match[1]);
    }
    return undefined;
  };
  const policy = headers.get('ratelimit-policy') ?? '';
  const limit =
    number(value, 'limit') ??
    number(policy, 'q') ??
    (/^\s*(\d+)/.exec(policy)?.[1] === undefined ? undefined : Number.parseInt(policy, 10));
  const remaining = number(value, 'r', 'remaining');
  const reset = number(value, 't', 'reset');
  const window = number(policy, 'w');
  return {
    ...(limit !== undefined && { limit }),
    ...(remaining !== undefined && { remaining }),
    ...(reset !== undefined && { resetMs: reset * 1_000 }),
    ...(window !== undefined && { renewalMs: window * 1_000 }),
  };
}
