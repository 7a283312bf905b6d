/** What the middleware contract promises of answers and errors. */

import assert from 'node:assert/strict';
import { TransportError } from '../core/errors.ts';
import type { Completion, ErrorCode } from '../core/types.ts';
import { turns } from './contract-traces.ts';
import { breaks, type Plan, stalls } from './middleware-contract-below.ts';
import {
  type MiddlewareBench,
  type MiddlewareRule,
  Place,
  placeFor,
  until,
  ways,
} from './middleware-contract-bench.ts';
import { described, type Ended, type Made, textOf, unanswered } from './middleware-contract-caller.ts';

const answering: readonly MiddlewareRule[] = [
  {
    name: 'hands out a whole answer as it came',
    async run(bench) {
      const place = await placeFor(bench);
      const ended = await place.begin('whole').ended();
      textOf(ended);
      const came = (await place.below.asked.at(-1)?.reply?.done) ?? { ok: false };
      if (bench.changes.includes('chunks') || !came.ok) return;
      assert.deepEqual(answerOf(ended.completion), answerOf(came.completion), 'another answer');
    },
  },
  {
    name: 'hands out the chunks of a stream as they came',
    async run(bench) {
      for (const streaming of [true, false]) {
        const place = await placeFor(bench, { streaming });
        const { chunks, ...ended } = await place.begin('streamed').ended();
        const text = textOf(ended as Ended);
        assert.ok(text !== '' && chunks.length > 1, 'the stream had nothing in it');
        assert.equal(chunks.at(-1)?.type, 'finish', 'the last chunk is not finish');
        if (bench.changes.includes('chunks')) continue;
        const came = await place.below.asked.at(-1)?.reply?.done;
        if (came?.ok) assert.equal(text, came.completion.text, 'other chunks');
      }
    },
  },
  {
    name: 'leaves the chunks alone, and the stream of them',
    async run(bench) {
      if (bench.changes.includes('chunks')) return;
      const place = await placeFor(bench);
      const { chunks } = await place.begin('streamed').answered();
      const given = place.below.asked.at(-1)?.reply?.chunks;
      if (given === undefined) return;
      assert.ok(chunks === given, 'every chunk passes through it: pass the reply on, or say that it changes chunks');
    },
  },
  {
    name: 'is done when the stream is over, and not before',
    async run(bench) {
      let open = () => {};
      const place = await placeFor(bench);
      place.below.plan = stalls(12, new Promise((resolve) => (open = resolve)));
      const made = place.begin('streamed');
      const { done } = await made.answered();
      let over = false;
      const end = (): void => {
        over = true;
      };
      done.then(end, end);
      await turns();
      assert.ok(!over, 'it is done in the middle of the stream');
      open();
      await made.ended();
      await until(bench, () => over, 'done to settle');
    },
  },
  {
    name: 'says in done how it ended, and never rejects',
    async run(bench) {
      for (const way of ways) {
        const whole = (await placeFor(bench)).begin(way);
        if (way === 'whole') {
          const { done } = await whole.answered();
          const first = await Promise.race([done, turns()]);
          assert.ok(first !== undefined, 'a unary reply is done when it is there');
        }
        const text = textOf(await whole.ended());
        const outcome = await whole.outcome();
        assert.ok(outcome.ok, `${way}: done says that it failed`);
        assert.equal(outcome.completion.text, text, `${way}: done has another text`);
      }
      const enders: [string, Plan, (made: Made) => unknown][] = [
        ['broke', breaks(5), (made) => made.ended()],
        ['was left', stalls(12), (made) => made.leave()],
        ['was aborted', stalls(12), (made) => made.abort()],
      ];
      for (const [what, plan, end] of enders) {
        const place = await placeFor(bench);
        place.below.plan = plan;
        const made = place.begin('streamed');
        await made.answered();
        await end(made);
        assert.ok(!(await made.outcome()).ok, `a stream that ${what} is whole, says done`);
      }
    },
  },
  {
    name: 'does not mix calls under way at once',
    async run(bench) {
      for (const way of ways) {
        const alone = [];
        for (const number of [0, 1]) alone.push(textOf(await (await placeFor(bench)).begin(way, { number }).ended()));
        const place = await placeFor(bench);
        const gates: (() => void)[] = [];
        place.below.plan = (chunks) => stalls(2, new Promise((resolve) => gates.push(resolve)))(chunks);
        const both = Promise.all([0, 1].map((number) => place.begin(way, { number }).ended()));
        let over = false;
        const end = (): void => {
          over = true;
        };
        both.then(end, end);
        await turns();
        // The one that came last is answered first.
        const open = (): void => {
          for (const gate of gates.splice(0).reverse()) gate();
        };
        await until(bench, () => [open(), over][1] === true, 'two answers');
        assert.deepEqual((await both).map(textOf), alone, `${way}: the answers were mixed`);
      }
    },
  },
  {
    name: 'serves each place where it is put from below that place',
    async run(bench) {
      if (bench.changes.includes('asking')) return;
      const middleware = await bench.make();
      const places = [new Place(bench, middleware), new Place(bench, middleware)];
      for (const [index, place] of places.entries()) textOf(await place.begin('whole', { number: index }).ended());
      const counts = places.map(({ below }) => below.asked.length);
      assert.deepEqual(counts, [1, 1], `two places were asked ${counts} times by one call each`);
    },
  },
];

const codes: readonly ErrorCode[] = ['overloaded', 'rate_limited', 'authentication', 'content_filtered', 'timeout'];

const errors: readonly MiddlewareRule[] = [
  {
    name: 'rejects with what was thrown below',
    async run(bench) {
      for (const way of ways)
        for (const code of codes) {
          const place = await placeFor(bench);
          place.below.plan = breaks(0, () => new TransportError(code, 'So it is below', { provider: 'below' }));
          const ended = await place.begin(way).ended();
          // An answer in its stead, such as an older one from a cache.
          if (bench.changes.includes('asking') && bench.changes.includes('errors')) continue;
          unanswered(ended, `${code}, ${way}`);
          sameCode(bench, ended, code);
        }
    },
  },
  {
    name: 'lets a stream break where it broke below',
    async run(bench) {
      const place = await placeFor(bench);
      place.below.plan = breaks(5);
      const made = place.begin('streamed');
      const ended = await made.ended();
      assert.ok(ended.chunks.length > 0, 'what had come before was not handed out');
      unanswered(ended, 'a broken stream');
      sameCode(bench, ended, 'server_error');
    },
  },
  {
    name: 'does not take half an answer for a whole one',
    async run(bench) {
      const place = await placeFor(bench);
      place.below.plan = breaks(5);
      unanswered(await place.begin('whole').ended(), 'half an answer');
    },
  },
  {
    name: 'throws nothing but TransportErrors',
    async run(bench) {
      for (const way of ways) {
        const thrown: unknown[] = [];
        for (const plan of [breaks(0), breaks(5)]) {
          const place = await placeFor(bench);
          place.below.plan = plan;
          thrown.push((await place.begin(way).ended()).error);
        }
        // Many at once: it may refuse some.
        const place = await placeFor(bench);
        place.below.plan = stalls(0);
        const all = Array.from({ length: 50 }, () => place.begin(way));
        for (const { reply } of all) reply.catch((error: unknown) => thrown.push(error));
        await turns();
        for (const made of all) made.abort();
        await turns();
        for (const error of thrown)
          assert.ok(error === undefined || TransportError.is(error), `${way}: threw ${described(error)}`);
      }
    },
  },
];

/** The rules of answers and errors. */
export const answerRules: readonly MiddlewareRule[] = [...answering, ...errors];

/** The error is the one from below, unless it may be another. Of which class it is, another rule looks at. */
function sameCode({ changes }: MiddlewareBench, { error }: Ended, code: ErrorCode): void {
  if (!changes.includes('errors') && TransportError.is(error))
    assert.equal(error.code, code, `${code} became ${described(error)}`);
}

function answerOf(completion: Completion | undefined) {
  const { text, toolCalls, reasoning, finishReason, usage, model } = completion ?? ({} as Partial<Completion>);
  return { text, toolCalls, reasoning, finishReason, usage, model };
}
