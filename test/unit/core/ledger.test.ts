import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TokenScale } from '../../../src/control/token-scale.ts';
import { Accounts } from '../../../src/core/accounts.ts';
import { attemptReason, waitedMs } from '../../../src/core/context.ts';
import { LedgerLine, totalCost } from '../../../src/core/ledger.ts';
import { aCall, aProvider, attempt } from './support.ts';

const price = { input: 1_000_000, output: 1_000_000 };
const request = { prompt: 'x'.repeat(40) };

beforeEach(() => {
  vi.useFakeTimers();
  // Not at zero, where a sum of two times is as good as their difference.
  vi.advanceTimersByTime(1_000);
});
afterEach(() => {
  vi.useRealTimers();
});

/** A line of a provider that costs a dollar a token. */
function aLine(fields: Parameters<typeof aProvider>[0] = { traits: { price } }) {
  const call = aCall();
  const context = call.context.with(attemptReason.of('failover'), waitedMs.of(7));
  return { ...call, line: new LedgerLine(aProvider(fields), request, context) };
}

describe("an attempt's line in the ledger", () => {
  it('is there from the start, and tells who, why and how long it had waited', () => {
    const { call, seen } = aLine();
    expect(call.attempts).toEqual([
      {
        ...{ number: 1, reason: 'failover', provider: 'one', model: 'm-1', startedAt: Date.now(), waitMs: 7 },
        ...{ firstContentMs: undefined, durationMs: undefined, outcome: undefined, usage: undefined },
        ...{ usageEstimated: false, cost: undefined, mayBeBilled: true, providerRequestId: undefined },
      },
    ]);
    expect(seen).toMatchObject([{ type: 'attempt:start', attempt: 1, ledger: { outcome: undefined } }]);
  });

  it('has the times, the usage, the cost and the model of a success', async () => {
    const { call, seen, line } = aLine();
    await vi.advanceTimersByTimeAsync(20);
    expect(line.answered()).toBeCloseTo(20);
    await vi.advanceTimersByTimeAsync(30);
    line.succeeded({ inputTokens: 10, outputTokens: 5 }, 'Hello', 'm-1-2026');
    expect(call.attempts[0]).toMatchObject({
      ...{ firstContentMs: 20, durationMs: 50, outcome: 'ok', model: 'm-1-2026' },
      ...{ usage: { inputTokens: 10, outputTokens: 5 }, usageEstimated: false, cost: 15 },
    });
    expect(seen).toMatchObject([
      { type: 'attempt:start', ledger: { provider: 'one', firstContentMs: undefined } },
      { type: 'attempt:answer', ledger: { provider: 'one', firstContentMs: 20, outcome: undefined } },
      { type: 'attempt:end', ledger: { provider: 'one', firstContentMs: 20, outcome: 'ok' } },
    ]);
  });

  it('estimates the usage that the provider has not told, and says so', () => {
    const { call, line } = aLine();
    line.succeeded(undefined, 'x'.repeat(20), '');
    expect(call.attempts[0]).toMatchObject({
      ...{ usage: { inputTokens: 10, outputTokens: 5 }, usageEstimated: true, cost: 15, model: 'm-1' },
    });
  });

  it('takes nothing to be billed of a failure before any content', () => {
    const { call, line } = aLine();
    line.broke('overloaded', '');
    expect(call.attempts[0]).toMatchObject({
      ...{ outcome: 'overloaded', usage: undefined, usageEstimated: false, cost: 0, mayBeBilled: true },
    });
  });

  it('cannot have been billed when it never left, unless something was heard of it', () => {
    const { call, line } = aLine();
    line.broke('connection', '', 'unsent');
    expect(call.attempts[0]).toMatchObject({ usage: undefined, usageEstimated: false, cost: 0, mayBeBilled: false });
    const heard = [
      (line: LedgerLine) => line.heard(),
      (line: LedgerLine) => line.accepted(),
      (line: LedgerLine) => void line.answered(),
      (line: LedgerLine) => line.uses({ inputTokens: 3, outputTokens: 0 }),
      (line: LedgerLine) => line.uses({ inputTokens: 3, outputTokens: 0 }, true),
    ];
    for (const hear of heard) {
      const other = aLine();
      hear(other.line);
      other.line.broke('connection', '', 'unsent');
      expect(other.call.attempts[0]?.mayBeBilled).toBe(true);
    }
  });

  it('estimates the prompt of an attempt whose answer had begun, as its error shows', () => {
    const { call, line } = aLine();
    line.broke('connection', '', 'accepted');
    expect(call.attempts[0]).toMatchObject({
      ...{ usage: { inputTokens: 10, outputTokens: 0 }, usageEstimated: true, cost: 10, mayBeBilled: true },
    });
  });

  it('estimates what a break after content has cost', () => {
    const { call, line } = aLine();
    line.answered();
    line.broke('connection', 'x'.repeat(8));
    expect(call.attempts[0]).toMatchObject({
      ...{ outcome: 'connection', usage: { inputTokens: 10, outputTokens: 2 }, usageEstimated: true, cost: 12 },
    });
  });

  it('estimates it also where the first content had come and no text is left, or where nobody told of it', () => {
    const answered = aLine();
    answered.line.answered();
    answered.line.broke('connection', '');
    expect(answered.call.attempts[0]).toMatchObject({ usage: { inputTokens: 10, outputTokens: 0 }, cost: 10 });
    const untold = aLine();
    untold.line.broke('connection', 'x'.repeat(8));
    expect(untold.call.attempts[0]).toMatchObject({ usage: { inputTokens: 10, outputTokens: 2 }, cost: 12 });
  });

  it('has the cost that the provider has named, whatever its price is', () => {
    const { call, line } = aLine();
    line.costs(0.5);
    line.succeeded({ inputTokens: 10, outputTokens: 5 }, 'Hello', '');
    expect(call.attempts[0]?.cost).toBe(0.5);
  });

  it('does not know the cost without a price', () => {
    const { call, line } = aLine({});
    line.succeeded({ inputTokens: 10, outputTokens: 5 }, 'Hello', '');
    expect(call.attempts[0]?.cost).toBeUndefined();
  });

  it('cannot be changed once it has ended, nor can what was published of it before', () => {
    const { call, seen, line } = aLine();
    line.requestId('req_1');
    line.succeeded(undefined, '', '');
    expect(call.attempts[0]?.providerRequestId).toBe('req_1');
    expect(Object.isFrozen(call.attempts[0])).toBe(true);
    const start = seen[0] as { ledger?: { outcome?: string } } | undefined;
    expect(Object.isFrozen(start?.ledger)).toBe(true);
    expect(start?.ledger?.outcome).toBeUndefined();
  });
});

describe('a line whose end nobody has told', () => {
  const accounts = () =>
    new Accounts(
      () => 7,
      () => new TokenScale(),
    );
  const inAccounts = (some: Accounts) => {
    const { call, context } = aCall();
    Object.assign(call, { accounts: some });
    return { call, line: new LedgerLine(aProvider({}), { ...request, metadata: { team: 'a' } }, context) };
  };

  it('has the prompt of an attempt that the provider has accepted', () => {
    const { call, line } = aLine();
    line.accepted();
    line.broke('connection', '');
    expect(call.attempts[0]).toMatchObject({ usage: { inputTokens: 10, outputTokens: 0 }, usageEstimated: true });
  });

  it('has what the provider had counted by then, and more of the output when more has come', () => {
    const { call, line } = aLine();
    line.uses({ inputTokens: 33, outputTokens: 1, cachedInputTokens: 30 });
    line.broke('cancelled', 'x'.repeat(8));
    expect(call.attempts[0]).toMatchObject({
      ...{ usage: { inputTokens: 33, outputTokens: 2, cachedInputTokens: 30 }, usageEstimated: true },
    });
  });

  it('is no estimate when that was all: a refusal is billed as well', () => {
    const { call, line } = aLine();
    line.uses({ inputTokens: 33, outputTokens: 1 }, true);
    line.broke('content_filtered', 'x'.repeat(8));
    expect(call.attempts[0]).toMatchObject({ usage: { inputTokens: 33, outputTokens: 1 }, usageEstimated: false });
  });

  it('is estimated as the provider has counted before, without what it does not show', () => {
    const some = accounts();
    const told = inAccounts(some);
    told.line.succeeded({ inputTokens: 30, outputTokens: 11 }, 'x'.repeat(20), '', 1);
    const { call, line } = inAccounts(some);
    line.broke('connection', 'x'.repeat(40));
    expect(call.attempts[0]?.usage).toEqual({ inputTokens: 30, outputTokens: 20 });
    expect(some.sum()).toMatchObject({ attempts: 2, estimated: 1, inputTokens: 60, outputTokens: 31, cost: 14 });
    expect(some.sum({ metadata: 'team' })).toMatchObject([{ key: 'a', attempts: 2 }]);
  });

  it.each([
    ['abandoned', true],
    ['cancelled', true],
    ['deadline_exceeded', true],
    ['closed', true],
    ['connection', false],
    ['timeout', false],
  ] as const)(
    'has the prompt, when it ends as %s while the provider must be at work on it: %s',
    async (outcome, has) => {
      const some = accounts();
      const first = inAccounts(some);
      await vi.advanceTimersByTimeAsync(100);
      first.line.accepted();
      const [soon, late] = [inAccounts(some), inAccounts(some)];
      await vi.advanceTimersByTimeAsync(49);
      soon.line.broke(outcome, '');
      await vi.advanceTimersByTimeAsync(1);
      late.line.broke(outcome, '');
      expect(soon.call.attempts[0]?.usage).toBeUndefined();
      expect(late.call.attempts[0]?.usage).toEqual(has ? { inputTokens: 10, outputTokens: 0 } : undefined);
    },
  );
});

describe('what a provider says that an attempt costs', () => {
  it.each([
    [0.25, 0.25],
    [0, 0],
    [Number.NaN, 2],
    [Number.POSITIVE_INFINITY, 2],
    [-1, 2],
  ])('%d counts as %d', (told, cost) => {
    const { call, line } = aLine();
    line.costs(told);
    line.succeeded({ inputTokens: 1, outputTokens: 1 }, 'x', '');
    expect(call.attempts[0]?.cost).toBe(cost);
  });
});

describe('the cost of a call', () => {
  it('is that of all its attempts', () => {
    expect(totalCost([attempt({ cost: 1 }), attempt({ cost: 2 }), attempt({ cost: 0 })])).toBe(3);
    expect(totalCost([])).toBe(0);
  });

  it('is not known when that of one attempt is not', () => {
    expect(totalCost([attempt({ cost: 1 }), attempt({ cost: undefined })])).toBeUndefined();
  });
});
