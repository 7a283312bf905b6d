import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HedgeThrottle } from '../../../src/control/hedge-throttle.ts';

const sent = (throttle: HedgeThrottle, count: number, tokens: number): void => {
  for (let attempt = 0; attempt < count; attempt += 1) throttle.sent(tokens);
};

describe('a throttle of hedges', () => {
  it('pays for one of twenty, and for none before the twentieth', () => {
    const throttle = new HedgeThrottle();
    sent(throttle, 19, 400);
    expect(throttle.withdraw(400)).toBe(false);
    sent(throttle, 1, 400);
    expect(throttle.withdraw(400)).toBe(true);
    expect(throttle.withdraw(400)).toBe(false);
  });

  it('counts tokens: a long one costs as much as many short ones earn', () => {
    const throttle = new HedgeThrottle();
    sent(throttle, 40, 1_000);
    expect(throttle.withdraw(2_001)).toBe(false);
    expect(throttle.withdraw(2_000)).toBe(true);
  });

  it('saves up no more than twenty of average size', () => {
    const throttle = new HedgeThrottle();
    sent(throttle, 10_000, 100);
    let made = 0;
    while (throttle.withdraw(100)) made += 1;
    expect(made).toBe(20);
  });

  it('gets back what was not used', () => {
    const throttle = new HedgeThrottle();
    sent(throttle, 20, 100);
    expect(throttle.withdraw(100)).toBe(true);
    throttle.refund(100);
    expect(throttle.withdraw(100)).toBe(true);
  });

  it('gets back no more than can be saved up', () => {
    const throttle = new HedgeThrottle();
    sent(throttle, 10_000, 100);
    expect(throttle.withdraw(1_000)).toBe(true);
    // Meanwhile as much was earned again.
    sent(throttle, 200, 100);
    throttle.refund(1_000);
    throttle.refund(1e12);
    expect(throttle.withdraw(2_001)).toBe(false);
    expect(throttle.withdraw(2_000)).toBe(true);
    // Nor when what is asked has become smaller since.
    const shrunken = new HedgeThrottle();
    sent(shrunken, 10_000, 1_000);
    expect(shrunken.withdraw(20_000)).toBe(true);
    sent(shrunken, 10_000, 10);
    shrunken.refund(20_000);
    expect(shrunken.withdraw(201)).toBe(false);
  });

  it('never pays for more than a twentieth of what was sent, in whatever order it comes', () => {
    const steps = fc.array(fc.record({ tokens: fc.integer({ min: 1, max: 50_000 }), hedges: fc.boolean() }), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const throttle = new HedgeThrottle();
        let [asked, paid] = [0, 0];
        for (const { tokens, hedges } of all) {
          throttle.sent(tokens);
          asked += tokens;
          if (hedges && throttle.withdraw(tokens)) paid += tokens;
          expect(paid).toBeLessThanOrEqual(0.05 * asked + 1e-6);
        }
      }),
      { seed: 5 },
    );
  });

  it('never pays for more at once than twenty of the largest, and gets all back, also of absurd sizes', () => {
    const sizes = fc.oneof(fc.nat(50_000), fc.constant(0), fc.constant(1e12));
    fc.assert(
      fc.property(
        fc.array(sizes, { minLength: 1, maxLength: 30, size: 'max' }),
        fc.integer({ min: 1, max: 50_000 }),
        (all, hedge) => {
          const throttle = new HedgeThrottle();
          for (const tokens of all) sent(throttle, 50, tokens);
          const saved = 20 * Math.max(...all);
          expect(throttle.withdraw(saved * (1 + 1e-9) + 1)).toBe(false);
          const drained = (): number => {
            let paid = 0;
            while (paid < 1_000 && throttle.withdraw(hedge)) paid += 1;
            return paid;
          };
          const paid = drained();
          expect(paid * hedge).toBeLessThanOrEqual(saved);
          for (let back = 0; back < paid; back += 1) throttle.refund(hedge);
          // What is not paid for is not taken either.
          expect(throttle.withdraw(1e15)).toBe(false);
          expect(drained()).toBe(paid);
        },
      ),
    );
  });
});
