/** What the provider contract promises of what the transport is told while an answer comes: the request id and the headers. */

import assert from 'node:assert/strict';
import type { CompletionRequest, ReceivedFacts } from '../core/types.ts';
import { answered, ask, type Bench, type Rule } from './contract-bench.ts';

const hello: CompletionRequest = { prompt: 'Hello, what is my number?' };

const always: readonly Rule[] = [
  {
    name: 'tells the request id and the headers as soon as they are there',
    async run(bench) {
      for (const way of bench.ways) {
        const { received, receivedFirst } = await answered(bench, way, hello);
        const sent = idOf(bench);
        if (sent === undefined) return;
        assertPairs(received);
        const first = received.slice(0, receivedFirst);
        assert.ok(
          tells(first, sent),
          `${way}: received() was not told the id ${sent} by the time of the first content`,
        );
        assertHeaders(bench, first, `${way}, by the time of the first content`);
      }
    },
  },
];

const refused: Rule = {
  name: 'tells the request id and the headers of a refusal too',
  async run(bench) {
    const fault = (['http-503', 'http-500', 'unauthorized', 'invalid-request'] as const).find((name) =>
      bench.faults.includes(name),
    );
    for (const way of bench.ways) {
      await bench.server.setFault?.(fault);
      const { received } = await ask(bench, way, hello);
      const sent = idOf(bench);
      if (sent === undefined || fault === undefined) return;
      assertPairs(received);
      assertHeaders(bench, received, way);
      // Not every wire has an id for a refusal.
      const inHeaders = headersOf(received).some(([, value]) => value.includes(sent));
      assert.ok(!inHeaders || tells(received, sent), `${way}: received() was not told the id ${sent}`);
    }
  },
};

/** The rules of facts, for a provider whose server knows these faults. */
export function factRules(faults: Bench['faults']): Rule[] {
  return [...always, ...(faults.length > 0 ? [refused] : [])];
}

/** The id of the last request, as the server knows it, without what stands before it; wires differ in that. */
function idOf({ server }: Bench): string | undefined {
  const { requestId } = (server.requests?.at(-1) ?? {}) as { requestId?: unknown };
  return typeof requestId === 'string' ? requestId.replace(/^[a-z]+[_-]/, '') : undefined;
}

function tells(received: readonly ReceivedFacts[], id: string): boolean {
  return received.some(({ providerRequestId }) => providerRequestId?.includes(id));
}

function headersOf(received: readonly ReceivedFacts[]): (readonly [string, string])[] {
  return received.flatMap(({ headers }) => [...(headers ?? [])]);
}

/** Over HTTP there is always one. */
function assertHeaders({ server }: Bench, received: readonly ReceivedFacts[], when: string): void {
  const told = received.some(({ headers }) => headers !== undefined);
  assert.ok(told && (!('url' in server) || headersOf(received).length > 0), `${when}: received() was told no headers`);
}

function assertPairs(received: readonly ReceivedFacts[]): void {
  for (const { headers } of received) {
    if (headers === undefined) continue;
    assert.equal(typeof headers[Symbol.iterator], 'function', 'headers are pairs: a Headers, a Map, Object.entries(…)');
    for (const pair of headers)
      assert.ok(
        Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string',
        'headers are pairs of a name and a value',
      );
  }
}
