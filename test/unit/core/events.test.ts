import { describe, expect, it } from 'vitest';
import { Events, type TransportEvent } from '../../../src/core/events.ts';
import { unhandledIn } from './support.ts';

/** The warnings that the process gives while `run` goes on. */
async function warningsIn(run: () => void): Promise<Error[]> {
  const warnings: Error[] = [];
  const listener = (warning: Error): void => {
    if (warning.name === 'LlmTransportWarning') warnings.push(warning);
  };
  process.on('warning', listener);
  try {
    run();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', listener);
  }
  return warnings;
}

describe('events', () => {
  it('reach the listeners of their type and those of all types, stamped', () => {
    const events = new Events();
    const seen: [string, TransportEvent][] = [];
    events.on('retry', (event) => seen.push(['retry', event]));
    events.on('*', (event) => seen.push(['*', event]));
    events.on('route', (event) => seen.push(['route', event]));
    events.publish({ type: 'retry', code: 'timeout', waitMs: 5 }, 't-1', 2);
    expect(seen.map(([where]) => where)).toEqual(['retry', '*']);
    expect(seen[0]?.[1]).toEqual({
      type: 'retry',
      code: 'timeout',
      waitMs: 5,
      transactionId: 't-1',
      attempt: 2,
      at: expect.any(Number),
    });
    expect(seen[0]?.[1]).toBe(seen[1]?.[1]);
  });

  it('cannot be changed', () => {
    const events = new Events();
    let event: TransportEvent | undefined;
    events.on('*', (one) => {
      event = one;
    });
    events.publish({ type: 'x' });
    expect(Object.isFrozen(event)).toBe(true);
  });

  it('cannot be published under another call, whatever they say of themselves', () => {
    const events = new Events();
    let event: TransportEvent | undefined;
    events.on('*', (one) => {
      event = one;
    });
    events.publish({ type: 'mine', transactionId: 'forged', attempt: 9, at: 0 }, 't-1', 1);
    expect(event).toMatchObject({ transactionId: 't-1', attempt: 1, at: expect.any(Number) });
    expect(event?.at).not.toBe(0);
  });

  it('are not heard any more after their listener is off; others still are', () => {
    const events = new Events();
    let [one, other] = [0, 0];
    const off = events.on('x', () => {
      one += 1;
    });
    events.on('x', () => {
      other += 1;
    });
    off();
    off();
    events.publish({ type: 'x' });
    expect([one, other]).toEqual([0, 1]);
  });

  it('count a listener that was added twice twice, and take off one at a time', () => {
    const events = new Events();
    let heard = 0;
    const listener = (): void => {
      heard += 1;
    };
    const off = events.on('x', listener);
    events.on('x', listener);
    events.publish({ type: 'x' });
    off();
    events.publish({ type: 'x' });
    expect(heard).toBe(3);
  });

  it('are not built when nobody listens', () => {
    const events = new Events();
    const event = {
      get type() {
        return 'x';
      },
      get costly(): never {
        throw new Error('was built');
      },
    };
    expect(events.heard('x')).toBe(false);
    expect(() => events.publish(event)).not.toThrow();
    events.on('y', () => {});
    expect(() => events.publish(event)).not.toThrow();
    const off = events.on('x', () => {});
    expect(events.heard('x')).toBe(true);
    off();
    events.on('*', () => {});
    expect(events.heard('anything')).toBe(true);
    events.clear();
    expect(events.heard('x')).toBe(false);
  });
});

describe('a listener that throws', () => {
  it('hurts neither the publisher nor the other listeners, and is warned of once', async () => {
    const events = new Events();
    let heard = 0;
    events.on('x', () => {
      throw new RangeError('its message may hold anything');
    });
    events.on('x', () => {
      heard += 1;
    });
    const warnings = await warningsIn(() => {
      events.publish({ type: 'x' });
      events.publish({ type: 'x' });
    });
    expect(heard).toBe(2);
    expect(warnings.map(({ message }) => message)).toEqual([
      "A listener for 'x' threw (RangeError); its errors are ignored.",
    ]);
  });

  it('may be async: its rejection is nobody else’s either', async () => {
    const events = new Events();
    events.on('x', (async () => {
      throw new RangeError('later');
    }) as never);
    let warnings: Error[] = [];
    const unhandled = await unhandledIn(async () => {
      warnings = await warningsIn(() => {
        events.publish({ type: 'x' });
        events.publish({ type: 'x' });
      });
    });
    expect(unhandled).toEqual([]);
    expect(warnings).toHaveLength(1);
  });
});
