/** Looks on at the control of every transport that is made while it is there: its books are private to it. */

import { Admission } from '../../../src/control/admission.ts';
import { HedgeThrottle } from '../../../src/control/hedge-throttle.ts';
import { RateBuckets, type TokenCost } from '../../../src/control/rate-buckets.ts';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { LedgerLine } from '../../../src/core/ledger.ts';
import type { Usage } from '../../../src/core/types.ts';
import { type Waiter, WaitingLine } from '../../../src/middleware/rate-limit/waiting-line.ts';

/** Of what is said more often than this, the rest is the same. */
const mostComplaints = 5;
/** Documented: tokens of hedges to tokens of other attempts, and hedges that can be saved up. */
const hedgeRatio = 0.05;
const savedHedges = 20;

interface Purse {
  /** The most that was in it at the moment when it was last touched, and that moment. */
  at: number;
  most: number;
  /** Retries that were paid for and not given back. */
  paid: number;
}

interface Savings {
  /** Never less than what it has. */
  level: number;
  /** Tokens of the largest attempt. */
  largest: number;
  /** Tokens of all hedges that were paid for and not given back, and of all other attempts. */
  spent: number;
  earned: number;
}

/** What was counted of attempts that have ended. */
interface Books {
  /** By the buckets: those that were put right, and the tokens that they have used. */
  right: number;
  rightTokens: number;
  /** By the ledger: those whose usage is known, and their tokens. */
  known: number;
  knownTokens: number;
  /** By the ledger: those that broke, or whose usage is not known. */
  unknown: number;
}

/** What looks on at a method, before it does what it does and after. */
interface Looks<T, One, Other> {
  readonly before?: (self: T, one: One, other: Other) => void;
  readonly after?: (self: T, result: unknown, one: One) => void;
}

/**
 * Keeps books of its own beside those of the control, and says where the two differ. What was taken from the buckets for an attempt is put
 * right with what it has used, given back, or stays taken because it broke; slots and lines are empty at the end; purses hold neither
 * less than nothing nor more than they can, and give back only what was paid.
 */
export class ControlWitness {
  readonly broken: string[] = [];
  readonly #restores: (() => void)[] = [];
  readonly #purses = new Map<RetryQuota, Purse>();
  readonly #savings = new Map<HedgeThrottle, Savings>();
  readonly #lines = new Set<WaitingLine<Waiter>>();
  /** What was taken from buckets, and not put right. */
  readonly #taken = new Set<TokenCost>();
  #books: Books = { right: 0, rightTokens: 0, known: 0, knownTokens: 0, unknown: 0 };

  constructor() {
    this.#watchPurses();
    this.#watchSavings();
    this.#watchBuckets();
    this.#watchLines();
    this.#watchLedger();
  }

  /** Forgets all that was seen: another run begins. To replace the methods anew for each would have all their callers compiled anew. */
  begin(): void {
    this.broken.length = 0;
    this.#purses.clear();
    this.#savings.clear();
    this.#lines.clear();
    this.#taken.clear();
    this.#books = { right: 0, rightTokens: 0, known: 0, knownTokens: 0, unknown: 0 };
  }

  /** Whether a purse is below half, and was all the time at this moment: before the hedge that is made now was paid for, too. */
  isLow(): boolean {
    const now = performance.now();
    return [...this.#purses].some(([{ left, capacity }, { at, most }]) => (at === now ? most : left) < capacity / 2);
  }

  /** When all calls have ended. */
  checkRest(): void {
    for (const { pending, size, tokens } of this.#lines)
      if (pending !== 0 || size !== 0 || tokens !== 0)
        this.#complain(`a line has ${pending} slots taken, ${size} calls and ${tokens} tokens waiting at the end`);
    // Without a rate limit nothing is taken.
    if (this.#lines.size === 0) return;
    const { right, rightTokens, known, knownTokens, unknown } = this.#books;
    if (this.#taken.size !== unknown)
      this.#complain(`${this.#taken.size} attempts are still taken from buckets, and ${unknown} have broken`);
    if (right !== known || rightTokens !== knownTokens)
      this.#complain(
        `buckets know of ${rightTokens} tokens of ${right} attempts, the ledger of ${knownTokens} of ${known}`,
      );
  }

  restore(): void {
    for (const restore of this.#restores.splice(0)) restore();
  }

  #watchPurses(): void {
    const purseOf = (quota: RetryQuota): Purse =>
      memo(this.#purses, quota, () => ({ at: performance.now(), most: 0, paid: 0 }));
    const before = (quota: RetryQuota): void => {
      const purse = purseOf(quota);
      const at = performance.now();
      purse.most = purse.at === at ? Math.max(purse.most, quota.left) : quota.left;
      purse.at = at;
    };
    const check = (quota: RetryQuota, paid: number): void => {
      const { left, capacity } = quota;
      const purse = purseOf(quota);
      purse.paid += paid;
      if (!(left >= 0 && left <= capacity)) this.#complain(`a quota of ${capacity} has ${left} left`);
      if (purse.paid < 0) this.#complain('a quota gives back what nobody has paid');
    };
    const { prototype } = RetryQuota;
    this.#watch(prototype, 'withdraw', { before, after: (quota, isPaid) => check(quota, isPaid === true ? 1 : 0) });
    this.#watch(prototype, 'refund', { before, after: (quota) => check(quota, -1) });
    this.#watch(prototype, 'deposit', { before, after: (quota) => check(quota, 0) });
  }

  #watchSavings(): void {
    const savingsOf = (throttle: HedgeThrottle): Savings =>
      memo(this.#savings, throttle, () => ({ level: 0, largest: 0, spent: 0, earned: 0 }));
    const earn = (throttle: HedgeThrottle, tokens: number): void => {
      const savings = savingsOf(throttle);
      savings.earned += tokens;
      savings.largest = Math.max(savings.largest, tokens);
      savings.level = Math.min(savings.level + hedgeRatio * tokens, savedHedges * savings.largest);
    };
    const spend = (throttle: HedgeThrottle, tokens: number): void => {
      const savings = savingsOf(throttle);
      savings.level -= tokens;
      savings.spent += tokens;
      const { level, spent, earned } = savings;
      if (isLess(level, 0)) this.#complain(`hedges of ${-level} tokens more were paid for than was saved`);
      if (isLess(hedgeRatio * earned, spent)) this.#complain(`hedges took ${spent} tokens beside ${earned}`);
      if (isLess(spent, 0)) this.#complain('a hedge throttle gives back what nobody has paid');
    };
    const { prototype } = HedgeThrottle;
    this.#watch(prototype, 'sent', { before: earn });
    this.#watch(prototype, 'withdraw', {
      after: (throttle, isPaid, tokens: number) => {
        if (isPaid === true) spend(throttle, tokens);
      },
    });
    this.#watch(prototype, 'refund', { before: (throttle, tokens: number) => spend(throttle, -tokens) });
  }

  #watchBuckets(): void {
    const putRight = (cost: TokenCost, how: string): void => {
      if (!this.#taken.delete(cost))
        this.#complain(`an attempt is ${how} that was not taken from the buckets, or twice`);
    };
    const { prototype } = RateBuckets;
    this.#watch(prototype, 'debit', {
      before: (_, cost: TokenCost) => {
        if (this.#taken.has(cost)) this.#complain('an attempt is taken from the buckets twice');
        this.#taken.add(cost);
      },
    });
    this.#watch(prototype, 'refund', { before: (_, cost: TokenCost) => putRight(cost, 'given back') });
    this.#watch(prototype, 'trueUp', {
      before: (_, cost: TokenCost, used: Usage) => {
        putRight(cost, 'put right');
        this.#books.right += 1;
        this.#books.rightTokens += used.inputTokens + used.outputTokens;
      },
    });
  }

  #watchLines(): void {
    this.#watch(WaitingLine.prototype, 'run', { before: (line) => void this.#lines.add(line) });
    this.#watch(Admission.prototype, 'sent', {
      before: ({ size }, _cost: TokenCost, inFlight: number) => {
        if (inFlight > size) this.#complain(`an attempt is sent as number ${inFlight} of ${size} at once`);
      },
    });
  }

  #watchLedger(): void {
    this.#watch(LedgerLine.prototype, 'succeeded', {
      before: (_, usage: Usage | undefined) => {
        if (usage === undefined) this.#books.unknown += 1;
        else {
          this.#books.known += 1;
          this.#books.knownTokens += usage.inputTokens + usage.outputTokens;
        }
      },
    });
    this.#watch(LedgerLine.prototype, 'broke', {
      before: () => {
        this.#books.unknown += 1;
      },
    });
  }

  /** Looks at all calls of a method, of three arguments at most. */
  #watch<T extends object, One, Other>(prototype: T, name: keyof T, { before, after }: Looks<T, One, Other>): void {
    const real = prototype[name] as (this: T, one: One, other: Other, third: unknown) => unknown;
    const put = (method: typeof real): unknown => Object.assign(prototype, { [name]: method });
    put(function watched(one, other, third) {
      before?.(this, one, other);
      const result = real.call(this, one, other, third);
      after?.(this, result, one);
      return result;
    });
    this.#restores.unshift(() => put(real));
  }

  #complain(text: string): void {
    if (this.broken.length < mostComplaints && !this.broken.includes(text)) this.broken.push(text);
  }
}

/** Of sums of fractions. */
function isLess(one: number, other: number): boolean {
  return one < other - 1e-6;
}

function memo<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
