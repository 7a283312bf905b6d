/** What the middleware contract promises of what goes down to the handler below, and of events. */

import assert from 'node:assert/strict';
import { contextKey } from '../core/context.ts';
import { wordsOf } from '../core/request.ts';
import type { Context } from '../core/types.ts';
import { turns } from './contract-traces.ts';
import { answers, breaks } from './middleware-contract-below.ts';
import { type MiddlewareRule, placeFor, ways } from './middleware-contract-bench.ts';

/** A value that a caller sends along. */
const parcel = contextKey('parcel', 'none');

const passing: readonly MiddlewareRule[] = [
  {
    name: 'has a name, and makes a handler of a handler',
    async run(bench) {
      const middleware = await bench.make();
      assert.equal(typeof middleware, 'function', 'a middleware is a function: (next, mount) => handler');
      const { handler } = await placeFor(bench);
      assert.equal(typeof handler, 'function', 'a handler is a function: (request, context) => Promise<Reply>');
      assert.notEqual(middleware.name || handler.name, '', 'it has no name to be blamed by');
    },
  },
  {
    name: 'asks what is below it once, with the request that it was given',
    async run(bench) {
      for (const way of ways) {
        const place = await placeFor(bench);
        const made = place.begin(way);
        await made.ended();
        const { asked } = place.below;
        if (!bench.changes.includes('asking')) assert.equal(asked.length, 1, `${way}: asked ${asked.length} times`);
        if (bench.changes.includes('request')) continue;
        for (const { request } of asked) assert.deepEqual(request, made.request, `${way}: another request`);
      }
    },
  },
  {
    name: 'hands on the context, with all that travels in it',
    async run(bench) {
      const values = [...(bench.call.values ?? []), parcel.of('sent')];
      const place = await placeFor({ ...bench, call: { ...bench.call, values } });
      const { context, reply } = place.begin('whole');
      await reply.catch(() => {});
      for (const { context: below } of place.below.asked) {
        assert.equal(typeof below?.get, 'function', 'what came below is no context: use with() and fork()');
        assert.equal(below.get(parcel), 'sent', 'a value of the caller was lost');
        const { transactionId, priority, deadline } = below;
        assert.equal(transactionId, context.transactionId, 'another transaction');
        assert.equal(priority, context.priority, 'another priority');
        assert.ok(deadline <= context.deadline, 'the deadline was put off');
      }
    },
  },
  {
    name: 'leaves the request and the context as they were',
    async run(bench) {
      for (const way of ways) {
        const place = await placeFor(bench);
        let copy: unknown;
        let facts: object = {};
        const made = place.begin(way, {
          before(request, context) {
            copy = copyOf(request);
            facts = factsOf(context);
          },
        });
        await made.ended();
        const { request, context, call } = made;
        assert.deepEqual(copyOf(request), copy, `${way}: the request was changed`);
        assert.deepEqual(factsOf(context), facts, `${way}: the context was changed`);
        assert.equal(call.attempts.length, place.below.asked.length, `${way}: the ledger was changed`);
      }
    },
  },
];

const events: readonly MiddlewareRule[] = [
  {
    name: 'publishes plain objects, without the words of the request',
    async run(bench) {
      const place = await placeFor(bench);
      const words: string[] = [];
      for (const way of ways)
        for (const plan of [answers, breaks(0), breaks(5)]) {
          place.below.plan = plan;
          const made = place.begin(way);
          words.push(...wordsOf(made.request).filter((text) => text.length > 3));
          await made.ended();
        }
      await turns();
      for (const event of place.events) {
        assert.ok(typeof event.type === 'string', 'an event without a type');
        assert.ok(isPlain(event), `${event.type} is no plain object: what is sent to a log must be one`);
        const printed = JSON.stringify(event);
        for (const text of words)
          assert.ok(!printed.includes(JSON.stringify(text).slice(1, -1)), `${event.type} gives the prompt away`);
      }
    },
  },
];

/** The rules of what is handed on. */
export const passingRules: readonly MiddlewareRule[] = [...passing, ...events];

/** A copy of all that is plain; the rest, such as a schema, is taken to be left alone. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null || !isPlain(value, 1)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)]));
}

function factsOf(context: Context): object {
  const { transactionId, attempt, signal, deadline, priority } = context;
  return { transactionId, attempt, signal, deadline, priority, keys: Reflect.ownKeys(context) };
}

/** Objects, arrays and values, all the way down. */
function isPlain(value: unknown, depth = 8): boolean {
  if (typeof value !== 'object' || value === null) return !['function', 'symbol', 'bigint'].includes(typeof value);
  const proto = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && proto !== Object.prototype && proto !== null) return false;
  return depth <= 1 || Object.values(value).every((inner) => isPlain(inner, depth - 1));
}
