import { describe, expect, it } from 'vitest';
import { ResponsePlace, type Standing } from '../../../src/integrations/fetch/response-place.ts';

/** A place that these events have led to; what each was. */
function after(...items: readonly (object | string)[]): { place: ResponsePlace; standings: Standing[] } {
  const place = new ResponsePlace();
  return { place, standings: items.map((item) => take(place, item)) };
}

function take(place: ResponsePlace, item: object | string, event = 'message'): Standing {
  return place.take({ event, data: typeof item === 'string' ? item : JSON.stringify(item) });
}

const created = (sequence_number: number) => ({
  type: 'response.created',
  sequence_number,
  response: { id: 'resp_1' },
});
const text = (sequence_number?: number, delta = 'Hi') => ({
  type: 'response.output_text.delta',
  sequence_number,
  delta,
});

describe('the place of a Response', () => {
  it('is behind the event with the highest number, once an id is known', () => {
    expect(after().place).toMatchObject({ id: undefined, after: -1, isBegun: false });
    expect(after(created(1), text(2, ''), text(5)).place).toMatchObject({ id: 'resp_1', after: 5, isBegun: true });
    expect(after(created(1), text(2, '')).place.isBegun).toBe(false);
  });

  it.each([
    ['what servers put between the events', ['[DONE]', ' ', { type: 'keepalive' }]],
    ['an event with a number that is not of the answer', [{ type: 'keepalive', sequence_number: 3 }], 3],
  ])('is not lost by %s', (_, items, number = 2) => {
    const { place, standings } = after(created(1), text(2), ...items);
    expect([place.id, place.after, new Set(standings)]).toEqual(['resp_1', number, new Set(['next'])]);
  });

  it.each([
    ['the last event', { type: 'response.completed', sequence_number: 3, response: {} }],
    ['a failure', { type: 'response.failed', sequence_number: 3, response: {} }],
    ['an error of the provider', { type: 'error', code: 'server_error' }],
    ['an event without a number', text()],
    ['a number that has been there', text(2)],
    ['a number that is none', { ...text(), sequence_number: '3' }],
  ])('is none any more after %s', (_, item) => {
    const { place, standings } = after(created(1), text(2), item);
    expect([place.id, place.isFinal, standings.at(-1)]).toEqual([undefined, true, 'next']);
  });

  it('is told by an error whatever its event is called', () => {
    const { place } = after(created(1));
    expect([take(place, { message: 'Sorry' }, 'error'), place.isFinal]).toEqual(['next', true]);
  });

  it('knows garbage of its own from what is none of its business', () => {
    const { place } = after(created(1));
    const names = ['message', 'error', 'response.output_text.delta', 'ping'];
    expect(names.map((name) => take(place, '{"half', name))).toEqual(['garbled', 'garbled', 'garbled', 'next']);
    expect(place.id).toBe('resp_1');
  });

  it('goes on behind a seam with the next number alone, and from there on with any', () => {
    const { place } = after(created(1), text(2));
    place.takenUp();
    const items = [created(1), text(2), { type: 'keepalive' }, text(4), text(), text(3), text(5)];
    expect(items.map((item) => take(place, item))).toEqual([
      ...['known', 'known', 'next', 'astray', 'astray', 'next', 'next'],
    ]);
    expect(place).toMatchObject({ id: 'resp_1', after: 5 });
    place.takenUp();
    // Not every gateway gives its errors a number.
    expect(take(place, { type: 'error' })).toBe('next');
  });

  it.each(['', '.', '..', 7, undefined])('has no id by %j', (id) => {
    expect(after({ ...created(1), response: { id } }, text(2)).place.id).toBeUndefined();
  });
});
