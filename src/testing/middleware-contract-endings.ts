/** What the middleware contract promises of the flow of a stream, of readers who leave, and of aborts. */

import assert from 'node:assert/strict';
import { TransportError } from '../core/errors.ts';
import type { Chunk } from '../core/types.ts';
import { within } from './contract-bench.ts';
import { turns } from './contract-traces.ts';
import { stalls } from './middleware-contract-below.ts';
import { type MiddlewareRule, placeFor, until, ways } from './middleware-contract-bench.ts';
import { cancelled, type Made, read, unanswered } from './middleware-contract-caller.ts';

// ── The flow of a stream ───────────────────────────────────────────────────────────────────────────────────────────

/** Pieces of an endless answer, and of how many a reader who does not read may be ahead: twice 64 KiB, and some. */
const piece = 'x'.repeat(4 * 1024);
const endless = 400;
const ahead = 60;

const flowing: readonly MiddlewareRule[] = [
  {
    name: 'hands out the beginning of a stream while the rest is still to come',
    async run(bench) {
      const place = await placeFor(bench);
      place.below.plan = stalls(12);
      const { chunks } = await place.begin('streamed').answered();
      const first = await within(bench, chunks.next(), 'the first chunk');
      assert.ok(!first.done, 'the stream had no chunk');
    },
  },
  {
    name: 'reads no further ahead than its reader lets it',
    async run(bench) {
      const place = await placeFor(bench);
      let pulled = 0;
      place.below.plan = async function* plan(given): AsyncGenerator<Chunk> {
        for (; pulled < endless; pulled += 1) yield { type: 'text', text: piece };
        yield* given.slice(-1);
      };
      const { chunks } = await place.begin('streamed').answered();
      await within(bench, chunks.next(), 'the first chunk');
      for (let before = -1; before < pulled; await turns()) before = pulled;
      assert.ok(pulled <= ahead, `${pulled} of ${endless} chunks were read although nobody takes them`);
    },
  },
  {
    name: 'stops what is below when the reader leaves',
    async run(bench) {
      for (const stuck of bench.place === 'call' ? [false, true] : [false])
        for (const chunks of [3, 24]) {
          const place = await placeFor(bench, { stuck });
          place.below.plan = stalls(12);
          const made = place.begin('streamed');
          await read(bench, made, chunks);
          await made.leave();
          made.stop();
          await until(bench, () => place.below.inFlight === 0, 'what is below to be stopped');
        }
    },
  },
];

// ── Aborts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const aborting: readonly MiddlewareRule[] = [
  {
    name: 'rejects when the signal was aborted before it was asked',
    async run(bench) {
      if (bench.changes.includes('asking')) return;
      for (const way of ways) {
        const place = await placeFor(bench);
        unanswered(await place.begin(way, { signal: AbortSignal.abort(cancelled()) }).ended(), way);
      }
    },
  },
  {
    name: 'ends at once when the signal aborts before the answer',
    async run(bench) {
      for (const way of ways) {
        const place = await placeFor(bench);
        place.below.plan = stalls(0);
        const made = place.begin(way);
        await turns();
        made.abort();
        unanswered(await made.ended(), way);
        await until(bench, () => place.below.inFlight === 0, `what is below to be stopped (${way})`);
      }
    },
  },
  {
    name: 'ends at once when the signal aborts in the middle of a stream, read or not',
    async run(bench) {
      for (const reads of [0, 24]) {
        const place = await placeFor(bench);
        place.below.plan = stalls(12);
        const made = place.begin('streamed');
        const { last } = await read(bench, made, reads);
        made.abort();
        await until(bench, () => place.below.inFlight === 0, 'what is below to be stopped');
        if (last === undefined) unanswered(await made.ended(), 'unread');
        else await assert.rejects(last, TransportError, 'the chunk that was waited for came, or never ended');
      }
    },
  },
  {
    name: 'ends a call that is aborted while others go on, and no other',
    async run(bench) {
      for (const way of ways) {
        const place = await placeFor(bench);
        place.below.plan = stalls(0);
        const all = Array.from({ length: 6 }, () => place.begin(way));
        const over = new Set<Made>();
        for (const made of all)
          made.reply.then(
            () => over.add(made),
            () => over.add(made),
          );
        await turns();
        // Those that were refused are over already; of the others the last is the one that would wait, if any does.
        const open = all.filter((made) => !over.has(made));
        const last = open.pop();
        last?.abort();
        await until(bench, () => last === undefined || over.has(last), `the last of six calls to end (${way})`);
        await turns();
        for (const made of open) assert.ok(!over.has(made), `${way}: another call has ended with it`);
        for (const made of open) made.abort();
        await until(bench, () => open.every((made) => over.has(made)), `the others to end (${way})`);
      }
    },
  },
];

/** The rules of flow and endings. */
export const endingRules: readonly MiddlewareRule[] = [...flowing, ...aborting];
