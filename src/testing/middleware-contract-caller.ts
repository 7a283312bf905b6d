/** Who makes the calls in the cases of the middleware contract, and sees how they end. */

import assert from 'node:assert/strict';
import type { Call } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { drain, readable } from '../core/reply.ts';
import { abandoned, type Fork } from '../core/signals.ts';
import type { Chunk, Completion, CompletionRequest, Context, Handler, Outcome, Reply } from '../core/types.ts';
import { within } from './contract-bench.ts';
import { turns } from './contract-traces.ts';
import type { MiddlewareBench } from './middleware-contract-bench.ts';

interface Facts {
  readonly call: Call;
  readonly request: CompletionRequest;
  readonly context: Context;
  readonly fork: Fork;
  readonly handler: Handler;
}

/** A call that was made, and what its caller can do with it. */
export class Made {
  readonly call: Call;
  readonly request: CompletionRequest;
  readonly context: Context;
  /** What the middleware has promised. */
  readonly reply: Promise<Reply>;
  readonly #bench: MiddlewareBench;
  readonly #fork: Fork;
  #chunks: Readable['chunks'] | undefined;

  constructor(bench: MiddlewareBench, { call, request, context, fork, handler }: Facts) {
    this.#bench = bench;
    this.call = call;
    this.request = request;
    this.context = context;
    this.#fork = fork;
    this.reply = new Promise<Reply>((resolve) => resolve(handler(request, context)));
    this.reply.then(undefined, () => {});
  }

  abort(reason = cancelled()): void {
    this.#fork.abort(reason);
  }

  /** The reply, as soon as the call is answered. Fails when it is not. */
  async answered(): Promise<Readable> {
    try {
      return await this.#answered();
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return assert.fail(`expected an answer; got ${described(error)}`);
    }
  }

  /** The reply. Rejects with what the middleware threw. */
  async #answered(): Promise<Readable> {
    const reply = await within(this.#bench, this.reply, 'an answer');
    assert.ok(
      typeof reply?.done?.then === 'function' && typeof reply.chunks?.[Symbol.asyncIterator] === 'function',
      'it resolved with what is no reply, with its chunks and done',
    );
    if (this.request.stream !== true) return reply as Readable;
    // Once: a stream is read once.
    this.#chunks ??= readable(reply).chunks;
    return { ...reply, chunks: this.#chunks };
  }

  /** The call is over, says the transport, and stops what is still under way. */
  stop(): void {
    this.abort(abandoned());
  }

  /** Reads to the end, or to the error. */
  async ended(): Promise<Ended> {
    const chunks: Chunk[] = [];
    try {
      const reply = await this.#answered();
      if (this.request.stream !== true) {
        const completion = await within(this.#bench, drain(reply), 'the answer to be whole');
        return { chunks, text: completion.text, completion, error: undefined };
      }
      const reading = (async () => {
        for await (const chunk of reply.chunks) chunks.push(chunk);
      })();
      await within(this.#bench, reading, 'the end of the stream');
      return { chunks, text: joined(chunks), completion: undefined, error: undefined };
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return { chunks, text: undefined, completion: undefined, error };
    }
  }

  /** What `done` has come to. */
  async outcome(): Promise<Outcome> {
    const { done } = await this.answered();
    let outcome: Outcome;
    try {
      outcome = await within(this.#bench, done, 'done to settle');
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return assert.fail(`done has rejected with ${String(error)}: it settles with an outcome`);
    }
    const ok = outcome?.ok === true && typeof outcome.completion === 'object';
    assert.ok(
      ok || (outcome?.ok === false && TransportError.is(outcome.error)),
      'done settled with what is no outcome',
    );
    return outcome;
  }

  /** The reader leaves the stream. Where that does not reach what is below, the transport stops it, and so does this. */
  async leave(): Promise<void> {
    const { chunks, done } = await this.answered();
    await within(this.#bench, Promise.resolve(chunks.return?.()), 'the stream to let its reader go');
    let over = false;
    const end = (): void => {
      over = true;
    };
    done.then(end, end);
    await turns();
    if (!over) this.stop();
  }
}

type Readable = Reply & { readonly chunks: AsyncIterableIterator<Chunk> };

/** How a call ended, seen from its caller. */
export interface Ended {
  /** Of a stream. */
  readonly chunks: readonly Chunk[];
  /** `undefined` when there is no whole answer. */
  readonly text: string | undefined;
  /** Of a unary call. */
  readonly completion: Completion | undefined;
  /** What was thrown, whatever it is. */
  readonly error: unknown;
}

export function joined(chunks: readonly Chunk[]): string {
  return chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('');
}

export function cancelled(): TransportError {
  return new TransportError('cancelled', 'The caller has no more use for it');
}

/** The text of what was answered. Fails when nothing was. */
export function textOf({ text, error }: Ended): string {
  if (text === undefined) assert.fail(`expected an answer; got ${described(error)}`);
  return text;
}

/** Fails when a whole answer was handed out. */
export function unanswered({ text, chunks }: Ended, what: string): void {
  assert.equal(text, undefined, `${what}: it was answered all the same`);
  assert.ok(!chunks.some(({ type }) => type === 'finish'), `${what}: it ended as if it were whole`);
}

export function described(error: unknown): string {
  return TransportError.is(error) ? `${error.code}: ${error.message}` : String(error);
}

/** Reads so many chunks. The first that does not come is handed out: its reader waits for it, not the case. */
export async function read(bench: MiddlewareBench, made: Made, count: number): Promise<{ last?: Promise<unknown> }> {
  const { chunks } = await made.answered();
  for (let index = 0; index < count; index += 1) {
    const last = within(bench, chunks.next(), 'a chunk');
    last.catch(() => {});
    if ((await Promise.race([last, turns()])) === undefined) return { last };
  }
  return {};
}
