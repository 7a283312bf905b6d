/** The bounds of the waits. */
export interface BackoffOptions {
  /** Milliseconds, the bound of the first wait. @default 500 */
  readonly baseMs?: number;
  /** Milliseconds. @default 20_000 */
  readonly maxMs?: number;
}

/**
 * Full jitter: any wait up to an exponentially growing bound is as likely as another, so that clients spread out. Gives the
 * milliseconds to wait before round `round` (1 is the first after the first try). The jitter is applied after the bound, else
 * everybody who has reached it waits alike.
 * Source: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog 2015.
 */
export function fullJitter(
  round: number,
  random: number,
  { baseMs = 500, maxMs = 20_000 }: BackoffOptions = {},
): number {
  return random * Math.min(maxMs, baseMs * 2 ** (round - 1));
}
