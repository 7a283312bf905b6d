import { describe, expect, it } from 'vitest';
import { roundRobin } from '../../../src/routing/round-robin.ts';
import { candidates, choices } from './support.ts';

describe('roundRobin', () => {
  it('takes one after the other', () => {
    expect(choices(roundRobin(), candidates({}, {}, {}), 7)).toEqual(['1', '2', '3', '1', '2', '3', '1']);
  });

  it('gives each its turn when somebody is missing for a while', () => {
    const strategy = roundRobin();
    const [one, two, three] = candidates({}, {}, {});
    expect(choices(strategy, [one, three as never], 3)).toEqual(['1', '3', '1']);
    // The second has had no turn yet.
    expect(choices(strategy, [one, two as never, three as never], 4)).toEqual(['2', '3', '1', '2']);
  });

  it('passes over those that would make a call wait, and takes the least wait when all would', () => {
    expect(choices(roundRobin(), candidates({}, { waitMs: 201 }, { waitMs: 200 }), 4)).toEqual(['1', '3', '1', '3']);
    expect(choices(roundRobin(), candidates({ waitMs: 900 }, { waitMs: 300 }), 3)).toEqual(['2', '2', '2']);
  });

  it('shares no turns with another', () => {
    const among = candidates({}, {});
    expect(choices(roundRobin(), among, 1)).toEqual(['1']);
    expect(choices(roundRobin(), among, 1)).toEqual(['1']);
    expect(roundRobin().name).toBe('roundRobin');
  });
});
