import { type Period, type RateLimit, rateLimitsOf } from './rate-limit-headers.ts';

const periodsMs: Readonly<Record<Period, number>> = {
  second: 1_000,
  '10 seconds': 10_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 2_592_000_000,
};

/** One limit in figures: its period is milliseconds, not a word. */
export type LimitReading = Omit<RateLimit, 'per'> & { readonly periodMs?: number };

/** What the headers of an answer say of the provider's limits, in figures that buckets are set by. */
export function limitReadingsOf(headers: unknown): Readonly<Record<string, LimitReading>> {
  const readings: Record<string, LimitReading> = {};
  for (const [subject, { per, ...reading }] of Object.entries(rateLimitsOf(headers) as Record<string, RateLimit>))
    readings[subject] = per === undefined ? reading : { ...reading, periodMs: periodsMs[per] };
  return readings;
}
