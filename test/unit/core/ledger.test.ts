import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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

describe('the cost of a call', () => {
  it('is that of all its attempts', () => {
    expect(totalCost([attempt({ cost: 1 }), attempt({ cost: 2 }), attempt({ cost: 0 })])).toBe(3);
    expect(totalCost([])).toBe(0);
  });

  it('is not known when that of one attempt is not', () => {
    expect(totalCost([attempt({ cost: 1 }), attempt({ cost: undefined })])).toBeUndefined();
  });
});
