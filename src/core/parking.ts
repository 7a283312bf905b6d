import { now } from './time.ts';

/** However far away the time is that somebody tells: one attempt a day finds out. */
const longestMs = 86_400_000;

/** Until when a provider is left alone. It is told by the clock that people read, and kept by one that nobody sets. */
export class Parking {
  /** Epoch milliseconds; 0: it never was. */
  until = 0;
  #endsAt = Number.NEGATIVE_INFINITY;

  /** Milliseconds that are left; 0: none. */
  get leftMs(): number {
    return Math.max(0, this.#endsAt - now());
  }

  /** Leaves it alone until a moment, at most for a day. A later one that is known already stays. Returns true when this is news. */
  park(until: number): boolean {
    const ms = Math.min(longestMs, until - Date.now());
    const endsAt = now() + ms;
    // Written so that no number at all is no time either.
    if (!(endsAt > this.#endsAt)) return false;
    const isNews = this.leftMs <= 0;
    this.until = Math.min(until, Date.now() + longestMs);
    this.#endsAt = endsAt;
    return isNews;
  }

  forget(): void {
    this.until = 0;
    this.#endsAt = Number.NEGATIVE_INFINITY;
  }
}
