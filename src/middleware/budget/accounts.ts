/** What may be spent, was spent, or is set aside. */
export interface Amount {
  /** US dollars. */
  readonly dollars: number;
  /** Input and output together. */
  readonly tokens: number;
}

/** What is left of the rounding of many sums of dollars: less than a millionth of the smallest price of a token. */
const dust = 1e-12;

/** One budget in one period: whoever has reserved in it settles in it, also when the next one has begun. */
class Account {
  readonly #limit: Amount;
  readonly #spent = { dollars: 0, tokens: 0 };
  readonly #reserved = { dollars: 0, tokens: 0 };
  #open = 0;

  constructor(limit: Amount) {
    this.#limit = limit;
  }

  get spent(): Amount {
    return { ...this.#spent };
  }

  get reserved(): Amount {
    return { ...this.#reserved };
  }

  /** What may still be set aside. */
  left(unit: keyof Amount): number {
    return Math.max(0, this.#limit[unit] - this.#spent[unit] - this.#reserved[unit]);
  }

  get isUntouched(): boolean {
    return this.#open === 0 && this.#spent.dollars === 0 && this.#spent.tokens === 0;
  }

  /** Sets aside what is wanted. False when that is more than there is: then nothing is set aside. */
  reserve(wanted: Amount): boolean {
    for (const unit of ['dollars', 'tokens'] as const)
      if (this.#spent[unit] + this.#reserved[unit] + wanted[unit] > this.#limit[unit] + dust) return false;
    this.#open += 1;
    this.#reserved.dollars += wanted.dollars;
    this.#reserved.tokens += wanted.tokens;
    return true;
  }

  /** Puts what was used in the place of what was set aside. */
  settle(wanted: Amount, used: Amount): void {
    this.#open -= 1;
    this.#spent.dollars += used.dollars;
    this.#spent.tokens += used.tokens;
    // Dollars are fractions, and the sum of what was added and taken away again is seldom nothing.
    this.#reserved.dollars = this.#open === 0 ? 0 : this.#reserved.dollars - wanted.dollars;
    this.#reserved.tokens = this.#open === 0 ? 0 : this.#reserved.tokens - wanted.tokens;
  }
}

/** The budgets of all keys, in periods. */
export class BudgetAccounts {
  readonly #limit: Amount;
  readonly #everyMs: number;
  #period = 0;
  /** The one before; `Infinity`: not known. */
  #before = Number.POSITIVE_INFINITY;
  #accounts = new Map<string, Account>();

  constructor(limit: Amount, everyMs: number) {
    this.#limit = limit;
    this.#everyMs = everyMs;
  }

  of(key: string): Account {
    this.#turn();
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = new Account(this.#limit);
      this.#accounts.set(key, account);
    }
    return account;
  }

  /** Keeps nothing of a key that has spent nothing. */
  release(key: string, account: Account): void {
    if (account.isUntouched && this.#accounts.get(key) === account) this.#accounts.delete(key);
  }

  /** Milliseconds until the budgets are whole again; `undefined`: never. */
  get leftMs(): number | undefined {
    if (this.#everyMs === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(0, (this.#period + 1) * this.#everyMs - Date.now());
  }

  all(): readonly (readonly [string, Account])[] {
    this.#turn();
    return [...this.#accounts];
  }

  #turn(): void {
    const period = Math.floor(Date.now() / this.#everyMs);
    if (period === this.#period) return;
    // A clock that is set back begins no period anew, nor the next one at an edge that may be close: the budget would be whole twice. One
    // that had been ahead is right again in a period that has not been yet.
    if (period < this.#period && (period <= this.#before || period === this.#period - 1)) {
      this.#period = period + 1;
      return;
    }
    this.#before = this.#period || Number.POSITIVE_INFINITY;
    this.#period = period;
    this.#accounts = new Map();
  }
}
