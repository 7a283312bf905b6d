import { describe, expect, it } from 'vitest';
import { reachOf, unsent, withReach } from '../../../src/core/reach.ts';

const thrownBy = (prepare: () => unknown): unknown => {
  try {
    unsent(prepare);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('how far a request has come', () => {
  it('is noted beside its error, which is the same and says nothing of it', () => {
    const error = new Error('oops');
    expect(withReach(error, 'accepted')).toBe(error);
    expect([reachOf(error), Object.keys(error), reachOf(new Error('oops'))]).toEqual(['accepted', [], undefined]);
  });

  it('stays what it was when nothing is known any more', () => {
    const error = withReach(new Error('oops'), 'unsent');
    expect(reachOf(withReach(error, undefined))).toBe('unsent');
  });

  it('is nowhere where it could not be prepared, and whatever was thrown is thrown on', () => {
    expect(unsent(() => 5)).toBe(5);
    const error = new Error('oops');
    expect(
      thrownBy(() => {
        throw error;
      }),
    ).toBe(error);
    expect(reachOf(error)).toBe('unsent');
    for (const odd of ['oops', null, 7])
      expect(
        thrownBy(() => {
          throw odd;
        }),
      ).toBe(odd);
  });
});
