/** Two ways to cut what an SDK reads: bytes that are made in process, and those that come over a socket. */

import { anthropicWire } from '../../src/testing/anthropic-wire.ts';
import { googleWire } from '../../src/testing/google-wire.ts';
import { openaiWire } from '../../src/testing/openai-wire.ts';
import { responsesWire } from '../../src/testing/responses-wire.ts';
import { Service, type ServiceOptions } from '../../src/testing/service.ts';
import { serverError } from '../../src/testing/steps.ts';
import type { Fields, Wire } from '../../src/testing/wire.ts';
import type { Cut, Cuts, Fetch } from './cuts.ts';

const wires: readonly (readonly [RegExp, Wire])[] = [
  [/\/messages$/, anthropicWire],
  [/:streamGenerateContent$/, googleWire],
  [/\/responses$/, responsesWire],
  [/\/chat\/completions$/, openaiWire],
];

/** A fetch that answers every request as the simulated server would, without one, in pieces of any size. */
export function madeFetch(options: ServiceOptions, random: () => number): (cuts: Cuts) => Fetch {
  const service = new Service(options, undefined);
  return (cuts) => async (input, init) => {
    const { pathname } = new URL(String(input));
    const wire = wires.find(([path]) => path.test(pathname))?.[1];
    if (wire === undefined) throw new Error(`No wire for ${pathname}`);
    const body = JSON.parse(String(init?.body)) as Fields;
    const { bytes, ends } = writtenBy(service, wire, pathname, body);
    const cut = cuts();
    const at = cut === undefined ? bytes.length : placeOf(cut, bytes.length, ends);
    const tail = cut?.by === 'error' ? ends.error : new Uint8Array();
    return responseOf(wire, pieces(bytes.subarray(0, at), tail, random), cut?.by, init?.signal ?? undefined);
  };
}

interface Ends {
  readonly events: readonly number[];
  readonly tokens: readonly number[];
  readonly error: Uint8Array;
}

function writtenBy(service: Service, wire: Wire, path: string, body: Fields): { bytes: Uint8Array; ends: Ends } {
  const { request, recording } = service.open({ ...wire.read({ path, body, headers: {} }), path });
  const { requestId, inputTokens } = recording;
  const { model, at } = request;
  const answer = wire.answer({ requestId, model, at, inputTokens, body });
  const written: Buffer[] = [];
  const tokens: number[] = [];
  let length = 0;
  const write = (text: string): void => {
    const piece = Buffer.from(text);
    written.push(piece);
    length += piece.length;
  };
  for (const step of service.decide(request, recording).steps()) {
    if (step.type === 'opening') write(answer.opening());
    else if (step.type === 'finish') write(answer.finish(step.finishReason));
    else if (step.type === 'done') write(answer.done());
    else if (step.type === 'piece') {
      write(answer.piece(step.piece));
      tokens.push(length);
    }
  }
  service.ledger.end(recording, false);
  const bytes = Buffer.concat(written);
  const events = [...bytes.toString('latin1').matchAll(/\r?\n\r?\n/g)].map((end) => end.index + end[0].length);
  const problem = { status: 500, error: serverError, hints: [], requestId, model, inputTokens };
  const told = wire.error(problem).body;
  return { bytes, ends: { events, tokens, error: Buffer.from(answer.errorEvent?.(told) ?? wire.errorEvent(told)) } };
}

function placeOf({ where, ratio, by }: Cut, length: number, { events, tokens }: Ends): number {
  // An error is told between events, wherever else a stream may be cut.
  if (where === 'byte' && by !== 'error') return Math.floor(ratio * length);
  const places = where === 'token' ? tokens : events;
  return places[Math.floor(ratio * places.length)] ?? 0;
}

function* pieces(bytes: Uint8Array, tail: Uint8Array, random: () => number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(random() ** 3 * 2_000);
    yield bytes.subarray(at, at + size);
    at += size;
  }
  if (tail.length > 0) yield tail;
}

function responseOf(
  wire: Wire,
  rest: Iterator<Uint8Array>,
  by: Cut['by'] | undefined,
  signal: AbortSignal | undefined,
): Response {
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = rest.next();
        if (done !== true) return controller.enqueue(value);
        if (by === 'reset') controller.error(reset());
        else if (by === 'stall') await aborted(signal);
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { 'content-type': wire.contentTypes.stream } });
}

/** A fetch over sockets, whose answers end where they are cut. `length`: bytes of an answer that is whole. */
export function cuttingFetch(cuts: Cuts, length: number): Fetch {
  return async (input, init) => {
    const cut = cuts();
    const response = await fetch(input, init);
    if (cut === undefined || response.body === null) return response;
    const reader = response.body.getReader();
    let left = Math.floor(cut.ratio * length);
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        controller.enqueue(value.subarray(0, left));
        left -= value.length;
        if (left > 0) return;
        void reader.cancel();
        if (cut.by === 'reset') controller.error(reset());
        else if (cut.by === 'stall') await aborted(init?.signal ?? undefined);
        else controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, response);
  };
}

function reset(): TypeError {
  return new TypeError('terminated', { cause: { code: 'ECONNRESET' } });
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
