/** What the middleware contract promises of what is left of a call: nothing, however it has ended. */

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import type { Way } from './contract-bench.ts';
import { collectGarbage, Timers, turns, unhandledIn } from './contract-traces.ts';
import { answers, breaks, type Plan, stalls } from './middleware-contract-below.ts';
import {
  type MiddlewareBench,
  type MiddlewareRule,
  type Place,
  placeFor,
  until,
  ways,
} from './middleware-contract-bench.ts';
import { type Made, read, textOf } from './middleware-contract-caller.ts';

interface Ending {
  /** 'calls that …' */
  readonly name: string;
  readonly ways: readonly Way[];
  readonly plan: Plan;
  readonly play: (bench: MiddlewareBench, made: Made) => Promise<unknown>;
}

const toTheEnd: Ending['play'] = (_, made) => made.ended();

const endings: readonly Ending[] = [
  { name: 'were answered', ways, plan: answers, play: toTheEnd },
  { name: 'were rejected', ways, plan: breaks(0), play: toTheEnd },
  { name: 'broke', ways, plan: breaks(5), play: toTheEnd },
  {
    name: 'were left by their reader',
    ways: ['streamed'],
    plan: stalls(12),
    async play(bench, made) {
      await read(bench, made, 3);
      await made.leave();
      await made.outcome();
    },
  },
  {
    name: 'were aborted before the answer',
    ways,
    plan: stalls(0),
    async play(_, made) {
      await turns();
      made.abort();
      await made.ended();
    },
  },
  {
    name: 'were aborted in the middle of a stream',
    ways: ['streamed'],
    plan: stalls(12),
    async play(_, made) {
      await made.answered();
      made.abort();
      await made.outcome();
    },
  },
];

/** Plays an ending so many times, and hands out each call when it is over. Resolves with the error of one that does not come to it. */
async function play(bench: MiddlewareBench, place: Place, ending: Ending, times: number, over?: (made: Made) => void) {
  place.below.plan = ending.plan;
  for (const way of ending.ways)
    for (let time = 0; time < times; time += 1) {
      const made = place.begin(way);
      try {
        await ending.play(bench, made);
      } catch (error) {
        return error;
      }
      over?.(made);
    }
  await turns();
  place.below.plan = answers;
  return undefined;
}

const many = 12;
const some = 8;

const leaving: readonly MiddlewareRule[] = endings.flatMap((ending) => [
  {
    name: `answers as before after many calls that ${ending.name}`,
    async run(bench: MiddlewareBench) {
      const place = await placeFor(bench);
      const all: Made[] = [];
      const error = await play(bench, place, ending, many, (made) => all.push(made));
      // That no call at all comes to this end is for another rule to find.
      if (error !== undefined && all.length === 0) return;
      if (error !== undefined) throw error;
      // Two at once: whoever has but one place left has lost the others.
      const both = ways.map((way) => place.begin(way));
      for (const made of both) textOf(await made.ended());
      await until(bench, () => place.below.inFlight === 0, 'what is below to be stopped');
    },
  },
  {
    name: `leaves no listener and no timer of calls that ${ending.name}`,
    async run(bench: MiddlewareBench) {
      const timers = new Timers();
      await timers.run(async () => {
        const place = await placeFor(bench);
        const all: Made[] = [];
        // What all calls share may come with the first.
        await play(bench, place, ending, 1);
        const before = await timers.count();
        await play(bench, place, ending, some, (made) => all.push(made));
        for (const { context } of all) {
          const listeners = getEventListeners(context.signal, 'abort').length;
          assert.equal(listeners, 0, `${listeners} listeners are left on the signal of a call that is over`);
        }
        const more = (await timers.count()) - before;
        assert.ok(more <= 0, `${more} timers more after ${all.length} calls that ${ending.name}`);
        await place.close().catch(() => {});
      });
    },
  },
]);

const keeping: readonly MiddlewareRule[] = [
  {
    name: 'keeps nothing of a call that is over',
    async run(bench) {
      const place = await placeFor(bench);
      const kept: WeakRef<object>[] = [];
      for (const ending of endings)
        await play(bench, place, ending, some, ({ call }) => void kept.push(new WeakRef(call)));
      place.below.asked.length = 0;
      await collectGarbage();
      const left = kept.filter((ref) => ref.deref() !== undefined).length;
      assert.ok(left < some / 2, `of ${kept.length} calls that are over the contexts of ${left} are still held`);
    },
  },
  {
    name: 'leaves no timer when the transport is closed',
    async run(bench) {
      for (const times of [0, 2]) {
        const timers = new Timers();
        await timers.run(async () => {
          const place = await placeFor(bench);
          if (times > 0) for (const ending of endings) await play(bench, place, ending, times);
          await place.close();
          const left = await timers.count();
          assert.equal(left, 0, `${left} timers are left: end them in mount.onClose`);
        });
      }
    },
  },
  {
    name: 'leaves no rejection unhandled',
    async run(bench) {
      const place = await placeFor(bench);
      const unhandled = await unhandledIn(async () => {
        for (const ending of endings) await play(bench, place, ending, 2);
      });
      assert.deepEqual(unhandled.map(String), [], 'promises were rejected that nobody looks after');
    },
  },
];

/** The rules of what is left. */
export const leftoverRules: readonly MiddlewareRule[] = [...leaving, ...keeping];
