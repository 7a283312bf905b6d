import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Admission } from '../../src/control/admission.ts';
import { HedgeThrottle } from '../../src/control/hedge-throttle.ts';
import { RateBuckets } from '../../src/control/rate-buckets.ts';
import { RetryQuota } from '../../src/control/retry-quota.ts';
import { LedgerLine } from '../../src/core/ledger.ts';
import { createTransport } from '../../src/index.ts';
import { type Waiter, WaitingLine } from '../../src/middleware/rate-limit/waiting-line.ts';
import { simulate } from '../../src/testing/index.ts';
import { aCall } from '../unit/core/support.ts';
import { ControlWitness } from './support/control-witness.ts';

let witness: ControlWitness;
beforeEach(() => {
  witness = new ControlWitness();
});
afterEach(() => witness.restore());

const cost = () => ({ input: 10, output: 20 });
const used = { inputTokens: 12, outputTokens: 25 };

/** A line of the ledger. */
function line(): LedgerLine {
  return new LedgerLine({ name: 'a', model: 'm' } as never, { prompt: '' }, aCall().context);
}

/** A line with one slot, and a task in it. */
function occupy(task: () => Promise<void>): Promise<void> {
  const policy = { heldMs: () => 0, admit: () => {}, look: () => {}, changed: () => {} };
  const waiter: Waiter = {
    ...{ id: '1', cost: cost(), queueClass: 'default', enteredAt: 0, leftMs: 1_000, controller: undefined },
    ...{ startedAt: undefined, stop: () => {} },
  };
  return new WaitingLine<Waiter>(1, policy).run(waiter, new AbortController().signal, task);
}

describe('the witness of the control', () => {
  it('has nothing to say of a transport in trouble, and sees all that it does', async () => {
    const report = await simulate({
      forMs: 120_000,
      providers: [
        { name: 'a', errorRatio: 0.3, stragglerRatio: 0.2, enforcedLimits: { concurrency: 4 } },
        { name: 'b', errorRatio: 0.1, enforcedLimits: { tokensPerMinute: 40_000 } },
      ],
      client: (providers) => createTransport({ providers }),
      load: { perSecond: 4, timeoutMs: 20_000, cancelRatio: 0.1 },
    });
    witness.checkRest();
    expect([...report.broken, ...witness.broken]).toEqual([]);
  });

  it('tells of what is taken from buckets, and neither put right nor broken', async () => {
    const buckets = new RateBuckets({}, 0);
    await occupy(async () => {});
    buckets.debit(cost(), 0);
    witness.checkRest();
    expect(witness.broken).toEqual(['1 attempts are still taken from buckets, and 0 have broken']);
    witness.begin();
    await occupy(async () => {});
    buckets.debit(cost(), 0);
    // It has broken: then it stays taken.
    line().broke('timeout', '');
    witness.checkRest();
    expect(witness.broken).toEqual([]);
  });

  it('tells of an attempt that is taken twice, put right twice, or given back and put right', () => {
    const buckets = new RateBuckets({}, 0);
    const one = cost();
    buckets.debit(one, 0);
    buckets.debit(one, 0);
    expect(witness.broken).toEqual(['an attempt is taken from the buckets twice']);
    buckets.trueUp(one, used, 0);
    buckets.trueUp(one, used, 0);
    expect(witness.broken).toContain('an attempt is put right that was not taken from the buckets, or twice');
    buckets.refund(one, 0);
    expect(witness.broken).toContain('an attempt is given back that was not taken from the buckets, or twice');
  });

  it('tells of tokens that are put right as something else than what the ledger knows', async () => {
    const buckets = new RateBuckets({}, 0);
    await occupy(async () => {});
    const one = cost();
    buckets.debit(one, 0);
    buckets.trueUp(one, used, 0);
    line().succeeded({ inputTokens: 12, outputTokens: 26 }, '', '');
    witness.checkRest();
    expect(witness.broken).toEqual(['buckets know of 37 tokens of 1 attempts, the ledger of 38 of 1']);
  });

  it('tells of a slot that is not given back, and of more attempts at once than the window has', () => {
    void occupy(() => new Promise(() => {}));
    witness.checkRest();
    expect(witness.broken[0]).toMatch('a line has 1 slots taken, 0 calls and 0 tokens waiting at the end');
    const admission = new Admission({}, 0);
    admission.sent(cost(), 2, 0);
    admission.sent(cost(), 3, 0);
    expect(witness.broken).toContain('an attempt is sent as number 3 of 2 at once');
  });

  it('tells of a purse that holds what cannot be, or gives back what nobody has paid', () => {
    const quota = new RetryQuota(10, 5);
    quota.withdraw();
    quota.refund();
    quota.deposit();
    expect(witness.broken).toEqual([]);
    quota.refund();
    expect(witness.broken).toEqual(['a quota gives back what nobody has paid']);
    const small = new RetryQuota(-1);
    small.deposit();
    const odd = new RetryQuota(Number.NaN);
    odd.deposit();
    expect(witness.broken).toContain('a quota of NaN has NaN left');
    expect(witness.broken).toContain('a quota of -1 has -1 left');
  });

  it('knows which purse is below half, and was all the time at this moment', async () => {
    const quota = new RetryQuota(20, 5);
    quota.deposit();
    expect(witness.isLow()).toBe(false);
    for (let count = 0; count < 3; count += 1) quota.withdraw();
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(witness.isLow()).toBe(true);
  });

  it('tells of hedges that take more than a twentieth, more than can be saved up, or give back what nobody has paid', () => {
    const tenth = new HedgeThrottle(0.1);
    tenth.sent(1_000);
    tenth.withdraw(60);
    expect(witness.broken.join()).toMatch(/hedges of 10 tokens more .*,hedges took 60 tokens beside 1000/);
    witness.broken.length = 0;
    const saver = new HedgeThrottle(0.05, 1_000);
    for (let count = 0; count < 1_000; count += 1) saver.sent(100);
    for (let count = 0; count < 20; count += 1) saver.withdraw(100);
    expect(witness.broken).toEqual([]);
    saver.withdraw(100);
    expect(witness.broken).toEqual(['hedges of 100 tokens more were paid for than was saved']);
    const generous = new HedgeThrottle();
    generous.refund(10);
    expect(witness.broken).toContain('a hedge throttle gives back what nobody has paid');
  });

  it('leaves everything as it was', () => {
    const { withdraw } = RetryQuota.prototype;
    witness.restore();
    expect(RetryQuota.prototype.withdraw).not.toBe(withdraw);
    const own = RetryQuota.prototype.withdraw;
    const other = new ControlWitness();
    other.restore();
    expect(RetryQuota.prototype.withdraw).toBe(own);
  });
});
