import { describe, expect, it } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { backAfterMs, itinerary, nobodyLeft } from '../../../src/core/itinerary.ts';
import { aCall } from './support.ts';

describe('the itinerary of a call', () => {
  it('begins with nobody asked, nobody given up, and no patience', () => {
    expect(aCall().above.get(itinerary)).toEqual({
      ...{ tried: new Set(), givenUp: new Set(), asked: new Set(), last: undefined },
      ...{ patienceMs: 0, paid: false, hop: undefined },
    });
  });
});

describe('the error that nobody can be asked', () => {
  it('tells when somebody can be, and remains the error that it is', () => {
    for (const backMs of [0, 250, Number.POSITIVE_INFINITY]) {
      const error = new TransportError('circuit_open', 'x');
      expect(nobodyLeft(backMs, error)).toBe(error);
      expect(backAfterMs(error)).toBe(backMs);
    }
  });

  it('is told from any other, also of the same code, and from what is no error', () => {
    nobodyLeft(250, new TransportError('circuit_open', 'x'));
    for (const other of [new TransportError('circuit_open', 'x'), new Error('x'), 'x', undefined])
      expect(backAfterMs(other)).toBeUndefined();
  });
});
