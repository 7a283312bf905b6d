import { describe, expect, it } from 'vitest';
import { type LinePolicy, type Waiter, WaitingLine } from '../../../src/middleware/rate-limit/waiting-line.ts';
import { listenersOf } from '../core/support.ts';
import { flush, virtualTime, watch } from './support.ts';

virtualTime();

let ids = 0;

function aWaiter(): Waiter {
  ids += 1;
  return {
    ...{ id: `${ids}`, cost: { input: 1, output: 0 }, queueClass: 'default', enteredAt: 0 },
    ...{ leftMs: Number.POSITIVE_INFINITY, controller: undefined, startedAt: undefined, stop: () => {} },
  };
}

describe('who enters a line', () => {
  it('follows the signal of its call when there are fewer slots by the time that somebody has looked', async () => {
    let slots = 2;
    const policy: LinePolicy<Waiter> = {
      heldMs: () => {
        line.slots = slots;
        return 0;
      },
      admit: () => {},
      look: () => {},
      changed: () => {},
    };
    const line: WaitingLine<Waiter> = new WaitingLine<Waiter>(slots, policy);
    void line.run(aWaiter(), new AbortController().signal, () => new Promise(() => {}));
    slots = 1;
    const controller = new AbortController();
    const listeners = listenersOf(controller.signal);
    const second = watch(line.run(aWaiter(), controller.signal, () => Promise.resolve()));
    await flush();
    expect([line.size, line.pending, listeners()]).toEqual([1, 1, 1]);
    controller.abort();
    await flush();
    expect(second.result).toMatchObject({ code: 'cancelled' });
    expect([line.size, listeners()]).toEqual([0, 0]);
    line.close();
  });
});
