/** What the provider contract promises when a call is given up. */

import assert from 'node:assert/strict';
import { TransportError } from '../core/errors.ts';
import type { CompletionRequest } from '../core/types.ts';
import { answered, ask, type Bench, contextFor, type Rule, streamOf, type Way, within } from './contract-bench.ts';
import type { FaultName } from './fault-cases.ts';

const hello: CompletionRequest = { prompt: 'Hello, tell me a story' };

const always: readonly Rule[] = [
  {
    name: 'rejects when the signal was aborted before it was asked',
    async run(bench) {
      for (const way of bench.ways) {
        const { error, finishReason } = await ask(bench, way, hello, AbortSignal.abort(reason()));
        assert.ok(error, `${way}: answered all the same`);
        assert.equal(finishReason, undefined);
      }
    },
  },
];

const streaming: readonly Rule[] = [
  {
    name: 'stops in the middle of a stream when the signal aborts, and closes the connection',
    async run(bench) {
      await bench.server.setFault?.(faultFor(bench, 'stall'));
      const controller = new AbortController();
      const chunks = streamOf(bench.provider, hello, contextFor(controller.signal))[Symbol.asyncIterator]();
      const first = await within(bench, chunks.next(), 'the first chunk');
      assert.ok(!first.done, 'the stream had no chunk');
      controller.abort(reason());
      await stops(bench, chunks);
      await closed(bench, 1);
    },
  },
  {
    name: 'closes the connection when the reader leaves the stream',
    async run(bench) {
      await bench.server.setFault?.(faultFor(bench, 'stall'));
      const chunks = streamOf(bench.provider, hello, contextFor())[Symbol.asyncIterator]();
      await within(bench, chunks.next(), 'the first chunk');
      await within(bench, Promise.resolve(chunks.return?.()), 'the stream to let its reader go');
      await closed(bench, 1);
    },
  },
];

/** Reads on until the stream breaks, as it must. */
async function stops(bench: Bench, chunks: AsyncIterator<unknown>): Promise<void> {
  try {
    for (;;) {
      const next = await within(bench, chunks.next(), 'the stream to stop');
      assert.ok(!next.done, 'the stream ended as if it were whole');
      assert.notEqual((next.value as { type?: unknown }).type, 'finish', 'the stream was read to its end');
    }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.ok(TransportError.is(error), `threw what is no TransportError: ${String(error)}`);
  }
}

function silent(way: Way, fault: FaultName): Rule {
  return {
    name: `gives up when the signal aborts, and closes the connection: ${fault}, ${way}`,
    async run(bench) {
      await bench.server.setFault?.(fault);
      const controller = new AbortController();
      const asking = ask(bench, way, hello, controller.signal);
      // Else nothing but a pause says that the request is on its way.
      if (bench.server.received !== undefined) await within(bench, bench.server.received(1), 'the request');
      await new Promise((resolve) => setTimeout(resolve, 10));
      controller.abort(reason());
      assert.ok((await asking).error, 'it did not reject');
      await closed(bench, 1);
    },
  };
}

const again: readonly Rule[] = [
  {
    name: 'sends a request once: retrying is the business of the transport',
    async run(bench) {
      const requests: readonly object[] | undefined = bench.server.requests;
      const fault = (['http-503', 'http-500', 'rate-limited'] as const).find((name) => bench.faults.includes(name));
      if (requests === undefined || fault === undefined) return;
      await bench.server.setFault?.(fault);
      for (const way of bench.ways) {
        const before: number = requests.length;
        await ask(bench, way, hello);
        assert.equal(requests.length - before, 1, `${way}: sent more than once`);
      }
    },
  },
  {
    name: 'answers again after a failure',
    async run(bench) {
      for (const way of bench.ways) {
        for (const fault of bench.faults.filter((name) => /^(?:http|cut|reset|malformed|empty)-/.test(name))) {
          await bench.server.setFault?.(fault);
          await ask(bench, way, hello);
        }
        await bench.server.setFault?.(undefined);
        const { text } = await answered(bench, way, hello);
        if (bench.textOf !== undefined) assert.equal(text, bench.textOf(hello.prompt ?? ''));
      }
    },
  },
];

/** The rules of endings, for a provider whose server knows these faults. */
export function endingRules(ways: readonly Way[], faults: readonly FaultName[]): Rule[] {
  const silences = (['silence-before-headers', 'silence-after-headers'] as const).filter((f) => faults.includes(f));
  return [
    ...always,
    ...(ways.includes('streamed') ? streaming : []),
    ...silences.flatMap((fault) => ways.map((way) => silent(way, fault))),
    ...(faults.length > 0 ? again : []),
  ];
}

function faultFor(bench: Bench, fault: FaultName): FaultName | undefined {
  return bench.faults.includes(fault) ? fault : undefined;
}

function reason(): TransportError {
  return new TransportError('timeout', 'The caller has waited long enough');
}

/** Waits until the server has seen the end of a request, and checks that it was the client who left. */
async function closed(bench: Bench, count: number): Promise<void> {
  if (bench.server.received === undefined) return;
  const record = await within(bench, bench.server.received(count), 'the request');
  const end = await within(bench, record.closed, 'the connection to be closed');
  if ('closedByClientAt' in end && !('whole' in end && end.whole === true))
    assert.ok(end.closedByClientAt !== undefined, 'it was not the client who closed the connection');
}
