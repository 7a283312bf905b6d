import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BudgetAccounts } from '../../../src/middleware/budget/accounts.ts';

const none = { dollars: 0, tokens: 0 };
const minute = 60_000;
const forEver = Number.POSITIVE_INFINITY;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 * minute });
});
afterEach(() => {
  vi.useRealTimers();
});

const accountOf = (dollars: number, tokens: number) => new BudgetAccounts({ dollars, tokens }, forEver).of('');

describe('the account of a budget', () => {
  it('sets aside what is left to the last token, and nothing of what is more', () => {
    const account = accountOf(10, 100);
    expect(account.reserve({ dollars: 4, tokens: 60 })).toBe(true);
    expect([account.left('dollars'), account.left('tokens')]).toEqual([6, 40]);
    expect(account.reserve({ dollars: 1, tokens: 41 })).toBe(false);
    expect(account.reserve({ dollars: 6.000001, tokens: 1 })).toBe(false);
    expect(account.reserved).toEqual({ dollars: 4, tokens: 60 });
    expect(account.reserve({ dollars: 6, tokens: 40 })).toBe(true);
    expect([account.reserved, account.spent]).toEqual([{ dollars: 10, tokens: 100 }, none]);
  });

  it('has less by what was spent, however little was set aside for it, and never less than nothing', () => {
    const account = accountOf(10, 100);
    const wanted = { dollars: 1, tokens: 10 };
    account.reserve(wanted);
    account.settle(wanted, { dollars: 7, tokens: 30 });
    expect([account.spent, account.reserved]).toEqual([{ dollars: 7, tokens: 30 }, none]);
    expect([account.left('dollars'), account.left('tokens')]).toEqual([3, 70]);
    expect([account.reserve({ dollars: 3, tokens: 71 }), account.reserve({ dollars: 4, tokens: 70 })]).toEqual([
      ...[false, false],
    ]);
    account.reserve(wanted);
    account.settle(wanted, { dollars: 9, tokens: 300 });
    expect([account.left('dollars'), account.left('tokens')]).toEqual([0, 0]);
  });

  it('keeps what others have set aside when one of them settles', () => {
    const account = accountOf(10, 100);
    account.reserve({ dollars: 1, tokens: 10 });
    account.reserve({ dollars: 2, tokens: 20 });
    account.settle({ dollars: 1, tokens: 10 }, none);
    expect(account.reserved).toEqual({ dollars: 2, tokens: 20 });
  });

  it('is not short of a dollar by rounding, and has nothing set aside that is only that', () => {
    const account = accountOf(0.3, forEver);
    const [tenth, fifth] = [0.1, 0.2].map((dollars) => ({ dollars, tokens: 0 })) as [typeof none, typeof none];
    // Together they are more than 0.3 to a computer.
    expect([account.reserve(tenth), account.reserve(fifth), account.reserve({ dollars: 1e-9, tokens: 0 })]).toEqual([
      ...[true, true, false],
    ]);
    account.settle(tenth, none);
    account.settle(fifth, none);
    expect(account.reserved).toEqual(none);
  });
});

describe('the accounts of a budget', () => {
  const keys = (accounts: BudgetAccounts) => accounts.all().map(([key]) => key);

  it('are forgotten of who has spent nothing, and of nobody else', () => {
    const accounts = new BudgetAccounts({ dollars: 10, tokens: 10 }, forEver);
    for (const key of ['idle', 'waits', 'dollars', 'tokens']) accounts.of(key);
    accounts.of('waits').reserve(none);
    for (const key of ['dollars', 'tokens']) {
      accounts.of(key).reserve(none);
      accounts.of(key).settle(none, { ...none, [key]: 1 });
    }
    for (const [key, account] of accounts.all()) accounts.release(key, account);
    expect(keys(accounts)).toEqual(['waits', 'dollars', 'tokens']);
  });

  it('are not forgotten for one of the period before', () => {
    const accounts = new BudgetAccounts({ dollars: 10, tokens: 10 }, minute);
    const before = accounts.of('a');
    vi.setSystemTime(1_001 * minute);
    const now = accounts.of('a');
    accounts.release('a', before);
    expect(accounts.of('a')).toBe(now);
    expect(now).not.toBe(before);
  });

  it('are whole again at the edge of a period, to the millisecond, and tell when that is', () => {
    const accounts = new BudgetAccounts({ dollars: 10, tokens: 10 }, minute);
    const account = accounts.of('a');
    expect(accounts.leftMs).toBe(minute);
    vi.setSystemTime(1_001 * minute - 1);
    expect([accounts.of('a') === account, accounts.leftMs]).toEqual([true, 1]);
    vi.setSystemTime(1_001 * minute + 500);
    // Nobody has asked since.
    expect(accounts.leftMs).toBe(0);
    expect(keys(accounts)).toEqual([]);
    expect(accounts.leftMs).toBe(minute - 500);
  });

  it('are never whole again without a period', () => {
    const accounts = new BudgetAccounts({ dollars: 10, tokens: 10 }, forEver);
    const account = accounts.of('a');
    vi.setSystemTime(9_000_000 * minute);
    expect([accounts.of('a') === account, accounts.leftMs]).toEqual([true, undefined]);
  });

  /** Which of the accounts it has been given so far each is, at one minute after another. */
  const turns = (...minutes: readonly number[]): number[] => {
    const accounts = new BudgetAccounts({ dollars: 10, tokens: 10 }, minute);
    const seen: object[] = [];
    return minutes.map((at) => {
      vi.setSystemTime(at * minute);
      const account = accounts.of('a');
      if (!seen.includes(account)) seen.push(account);
      return seen.indexOf(account);
    });
  };

  it.each<[string, readonly number[], readonly number[]]>([
    ['a clock that goes right', [10, 10.5, 11, 12, 20], [0, 0, 1, 2, 3]],
    [
      'one that is set back a period: that lasts until the next after it is over',
      [10, 11, 10, 11, 12],
      [0, 1, 1, 1, 2],
    ],
    ['one that is set back to before all that was', [10, 11, 5, 6, 7], [0, 1, 1, 1, 2]],
    ['one that is set back a little behind a gap', [10, 20, 19, 20, 21], [0, 1, 1, 1, 2]],
    ['one that was years ahead, and is right again', [10, 1_000, 12, 13], [0, 1, 2, 3]],
    [
      'one that was years ahead, and is right again in the same period as before',
      [10, 1_000, 10, 11, 12],
      [0, 1, 1, 1, 2],
    ],
    ['one that was ahead from the first', [1_000, 12, 13, 14], [0, 0, 0, 1]],
    ['one that is set back from years ahead twice', [10, 1_000, 12, 13, 12, 13, 14], [0, 1, 2, 3, 3, 3, 4]],
  ])('have the period of their clock, but never twice: %s', (_, minutes, expected) => {
    expect(turns(...minutes)).toEqual(expected);
  });
});
