import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Admission, type Ticket } from '../../../src/control/admission.ts';

const one = { input: 1, output: 0 };

/** An admission that has had its first answer, after so long. */
function warm(limits = {}, ms = 0): Admission {
  const admission = new Admission(limits, 0);
  const ticket = admission.sent(one, 1, 0);
  admission.answered(1, ms);
  admission.succeeded(ticket, 1, { inputTokens: 1, outputTokens: 0 }, 1, ms);
  return admission;
}

describe('what a provider is sent at once', () => {
  it('is two attempts until it has answered, then 32, or what its limit says', () => {
    const admission = new Admission({}, 0);
    expect([admission.size, admission.isCold]).toEqual([2, true]);
    admission.answered(2, 100);
    expect([admission.size, admission.isCold]).toEqual([32, false]);
    expect(warm({ concurrency: 5 }).size).toBe(5);
    expect(warm({ concurrency: Number.POSITIVE_INFINITY }).size).toBe(32);
    expect(new Admission({ concurrency: 1 }, 0).size).toBe(1);
  });

  it('is known as well when it has refused a request for its own sake', () => {
    const admission = new Admission({}, 0);
    admission.understood();
    expect(admission.size).toBe(32);
  });

  it('is fewer after overloads, and after a refusal that says no time', () => {
    const overloaded = warm();
    const tickets = Array.from({ length: 32 }, (_, index) => overloaded.sent(one, index + 1, 1_000));
    for (const ticket of tickets) overloaded.congested(ticket, 1_100);
    expect(overloaded.size).toBeLessThan(32);
    const refused = warm();
    refused.refused(refused.sent(one, 32, 1_000), 1_100, 0.5);
    expect(refused.size).toBeLessThan(32);
  });

  it('begins small again after an outage', () => {
    const admission = warm();
    admission.restart(1_000);
    expect(admission.size).toBe(8);
  });
});

describe('how long a provider is left alone that refuses and says no time', () => {
  it('is a second, then two, four …, and a second again after an answer', () => {
    const admission = warm();
    let inFlight = 1;
    const refuse = (at: number) => {
      inFlight += 4;
      return admission.refused(admission.sent(one, inFlight, at), at + 1, 0.5);
    };
    expect([refuse(1_000), refuse(3_000), refuse(9_000)]).toEqual([1_000, 2_000, 4_000]);
    admission.succeeded(admission.sent(one, 1, 20_000), 1, undefined, 1, 21_000);
    expect(refuse(30_000)).toBe(1_000);
  });

  it('is one guess for all attempts that were under way together', () => {
    const admission = warm();
    const tickets = [admission.sent(one, 1, 1_000), admission.sent(one, 2, 1_000)] as [Ticket, Ticket];
    expect(admission.refused(tickets[0], 1_100, 0.5)).toBe(1_000);
    expect(admission.refused(tickets[1], 1_100, 0.5)).toBeUndefined();
  });

  it('is no guess where its headers have said that it is empty, and until when', () => {
    const admission = warm();
    const ticket = admission.sent(one, 1, 1_000);
    admission.told({ requests: { limit: 60, remaining: 0, resetMs: 30_000, periodMs: 60_000 } }, ticket, 1_100);
    expect(admission.refused(ticket, 1_100, 0.5)).toBeUndefined();
    expect([admission.waitMs(one, 1_100) > 0, admission.size]).toEqual([true, 32]);
  });

  it('teaches the rate that it keeps, however empty what was learned of it is', () => {
    const admission = warm();
    let at = 1_000;
    const send = (count: number, everyMs: number): void => {
      for (let sent = 0; sent < count; sent += 1) {
        admission.sent(one, 3 + (sent % 9), at);
        at += everyMs;
      }
    };
    for (const inFlight of [3, 12, 5, 9]) {
      send(60, 1_000);
      admission.refused(admission.sent(one, inFlight, at), at, 0.5);
    }
    // It is held to what came in between two refusals: about one a second.
    admission.sent(one, 1, at);
    expect(admission.waitMs(one, at)).toBeGreaterThan(500);
    // And goes on learning: half as many get through from now on.
    for (const inFlight of [4, 6, 3, 8, 5, 7]) {
      send(30, 2_000);
      admission.refused(admission.sent(one, inFlight, at), at, 0.5);
    }
    admission.sent(one, 1, at);
    expect(admission.waitMs(one, at)).toBeGreaterThan(1_500);
  });

  it('goes on keeping a rate when it is always the third that is refused, and more than that were under way', () => {
    const admission = warm();
    let at = 1_000;
    const refuse = (letIn: number, inFlight: number, most: number): void => {
      for (let sent = 0; sent < letIn; sent += 1) {
        at += 30_000 / letIn;
        admission.sent(one, sent === 0 ? most : 1, at);
      }
      admission.refused(admission.sent(one, inFlight, at), at, 0.5);
    };
    const isKept = (): boolean => {
      admission.sent(one, 1, at);
      return admission.waitMs(one, at) > 0;
    };
    for (const inFlight of [3, 12, 5, 9, 4, 11]) refuse(10, inFlight, inFlight);
    expect(isKept()).toBe(true);
    const uneven = [10, 12, 9, 12, 10, 9, 12, 9];
    for (const letIn of uneven) refuse(letIn, 3, 6);
    expect(isKept()).toBe(true);
    for (const letIn of uneven) refuse(letIn, 3, 3);
    expect(isKept()).toBe(false);
  });
});

describe('what an attempt takes of the buckets', () => {
  it('is put right with its usage, and expected of the next', () => {
    const admission = new Admission({ tokensPerMinute: 6_000 }, 0);
    const cost = admission.expect(100, 200);
    expect(cost).toEqual({ input: 100, output: 200 });
    const ticket = admission.sent(cost, 1, 0);
    admission.succeeded(ticket, 100, { inputTokens: 200, outputTokens: 50 }, 1, 0);
    // 1,000 fit in, and 250 were taken.
    expect(admission.waitMs({ input: 750, output: 0 }, 0)).toBe(0);
    expect(admission.waitMs({ input: 760, output: 0 }, 0)).toBe(100);
    const next = admission.expect(100, 200);
    expect([next.input > 100, next.output]).toEqual([true, 50]);
  });

  it('is given back when nothing was sent', () => {
    const admission = new Admission({ requestsPerMinute: 6 }, 0);
    admission.returned(admission.sent(one, 1, 0), 0);
    expect(admission.waitMs(one, 0)).toBe(0);
    admission.sent(one, 1, 0);
    expect(admission.waitMs(one, 0)).toBe(10_000);
  });

  it('is all put back, whatever becomes of attempts whose usage is what was expected', () => {
    const steps = fc.array(
      fc.record({ input: fc.nat(500), how: fc.constantFrom('returned', 'succeeded'), pauseMs: fc.nat(1_000) }),
      { maxLength: 50 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const admission = new Admission({ inputTokensPerMinute: 60_000 }, 0);
        let at = 0;
        for (const { input, how, pauseMs } of list) {
          const cost = { input, output: 0 };
          const ticket = admission.sent(cost, 1, at);
          at += pauseMs;
          if (how === 'returned') admission.returned(ticket, at);
          else admission.succeeded(ticket, input, { inputTokens: 0, outputTokens: 0 }, 1, at);
        }
        expect(admission.waitMs({ input: 10_000, output: 0 }, at)).toBe(0);
      }),
    );
  });
});

describe('how long an attempt would wait behind others', () => {
  it('is as long as those before it take in the slots that there are', () => {
    const admission = warm({ concurrency: 2 }, 300);
    const wait = (attempts: number, pending: number) =>
      admission.waitBehindMs({ attempts, tokens: attempts, pending }, one, 300);
    expect([wait(0, 1), wait(0, 2), wait(2, 2)]).toEqual([0, 150, 450]);
  });

  it('is as long as their tokens take to flow in', () => {
    const admission = warm({ inputTokensPerMinute: 6_000 });
    const behind = { attempts: 3, tokens: 3_000, pending: 1 };
    expect(admission.waitBehindMs(behind, { input: 1_000, output: 0 }, 0)).toBeCloseTo(30_010, -2);
  });
});
