import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FailureRow } from '../../../src/control/failure-row.ts';

describe('failures in a row', () => {
  it('are counted until a success', () => {
    const row = new FailureRow();
    row.failed(false, 1_000);
    row.failed(false, 2_000);
    expect([row.length, row.since]).toEqual([2, 1_000]);
    row.succeeded(1_500);
    expect(row.length).toBe(0);
    row.failed(false, 3_000);
    expect([row.length, row.since]).toEqual([1, 3_000]);
  });

  it('are not ended by the success of what was sent before they began', () => {
    const row = new FailureRow();
    row.failed(false, 1_000);
    row.succeeded(999);
    expect(row.length).toBe(1);
    row.succeeded(1_000);
    expect(row.length).toBe(0);
  });

  it('are of connections only when all of them are', () => {
    const row = new FailureRow();
    row.failed(true, 1);
    row.failed(true, 2);
    expect(row.areUnreached).toBe(true);
    row.failed(false, 3);
    row.failed(true, 4);
    expect(row.areUnreached).toBe(false);
    row.forget();
    row.failed(true, 5);
    expect([row.areUnreached, row.length]).toEqual([true, 1]);
  });

  it('are those since the latest success that was sent after the first of them, whatever happens', () => {
    const step = fc.record({
      what: fc.constantFrom('failed', 'failed', 'succeeded'),
      isUnreached: fc.boolean(),
      pauseMs: fc.oneof(fc.nat(1_000), fc.constant(1e12)),
      agoMs: fc.oneof(fc.nat(2_000), fc.constant(0), fc.constant(1e12)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const row = new FailureRow();
        let failures: { readonly at: number; readonly isUnreached: boolean }[] = [];
        let at = 0;
        for (const { what, isUnreached, pauseMs, agoMs } of steps) {
          at += pauseMs;
          if (what === 'failed') {
            row.failed(isUnreached, at);
            failures.push({ at, isUnreached });
          } else {
            row.succeeded(at - agoMs);
            if (at - agoMs >= (failures[0]?.at ?? 0)) failures = [];
          }
          expect(row.length).toBe(failures.length);
          if (failures[0] === undefined) continue;
          expect(row.since).toBe(failures[0].at);
          expect(row.areUnreached).toBe(failures.every((failure) => failure.isUnreached));
        }
      }),
    );
  });

  it('leave nothing behind when they are forgotten', () => {
    const failures = fc.array(fc.record({ isUnreached: fc.boolean(), at: fc.nat() }), { minLength: 1 });
    fc.assert(
      fc.property(failures, failures, (before, after) => {
        const [row, fresh] = [new FailureRow(), new FailureRow()];
        for (const { isUnreached, at } of before) row.failed(isUnreached, at);
        row.forget();
        expect(row.length).toBe(0);
        for (const { isUnreached, at } of after) {
          row.failed(isUnreached, at);
          fresh.failed(isUnreached, at);
          expect([row.length, row.since, row.areUnreached]).toEqual([fresh.length, fresh.since, fresh.areUnreached]);
        }
      }),
    );
  });
});
