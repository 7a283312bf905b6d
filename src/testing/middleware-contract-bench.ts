/** What the cases of the middleware contract share: a middleware in its place, an endpoint below it, and a caller above. */

import assert from 'node:assert/strict';
import { beginAttempt, type Call, createContext } from '../core/context.ts';
import { Events, type TransportEvent } from '../core/events.ts';
import { forkSignal } from '../core/signals.ts';
import { now } from '../core/time.ts';
import type { CallOptions, CompletionRequest, Context, Handler, Middleware } from '../core/types.ts';
import { type Way, within } from './contract-bench.ts';
import { turn } from './contract-traces.ts';
import { Below, type BelowOptions } from './middleware-contract-below.ts';
import { Made } from './middleware-contract-caller.ts';

/** What a middleware may do on purpose. */
export type MiddlewareChange = 'request' | 'chunks' | 'errors' | 'asking';

/** One case's middleware and all that is known of it. */
export interface MiddlewareBench {
  readonly make: () => Middleware | Promise<Middleware>;
  readonly place: 'call' | 'attempt';
  readonly changes: readonly MiddlewareChange[];
  readonly request: (number: number) => CompletionRequest;
  readonly call: Pick<CallOptions, 'timeoutMs' | 'priority' | 'values'>;
  readonly patienceMs: number;
}

/** A promise of the contract. `run` rejects with an `AssertionError` when it is broken. */
export interface MiddlewareRule {
  readonly name: string;
  readonly run: (bench: MiddlewareBench) => Promise<void>;
}

export const ways: readonly Way[] = ['streamed', 'whole'];

// ── The place ──────────────────────────────────────────────────────────────────────────────────────────────────────

interface BeginOptions {
  readonly signal?: AbortSignal;
  /** Which request. @default the next */
  readonly number?: number;
  /** Sees what the middleware is about to be given. */
  readonly before?: (request: CompletionRequest, context: Context) => void;
}

/** A middleware where it was put, with what is below it. */
export class Place {
  readonly below: Below;
  readonly handler: Handler;
  readonly events: TransportEvent[] = [];
  readonly #events = new Events();
  readonly #bench: MiddlewareBench;
  readonly #cleanups: (() => void | Promise<void>)[] = [];
  #calls = 0;

  constructor(bench: MiddlewareBench, middleware: Middleware, below: BelowOptions = {}) {
    this.#bench = bench;
    this.below = new Below(bench.place, below);
    this.#events.on('*', (event) => this.events.push(event));
    this.handler = middleware(this.below.handler, {
      provider: bench.place === 'attempt' ? this.below.health : undefined,
      onClose: (cleanup) => this.#cleanups.push(cleanup),
    });
  }

  /** Makes a call. */
  begin(way: Way, options: BeginOptions = {}): Made {
    const { place, request: requestOf, call: given } = this.#bench;
    const { number = this.#calls } = options;
    this.#calls = Math.max(this.#calls, number) + 1;
    const { stream: _, ...whole } = requestOf(number);
    const request = way === 'streamed' ? { ...whole, stream: true } : whole;
    const fork = forkSignal(options.signal);
    const call: Call = {
      ...{ transactionId: `call-${number}`, priority: given.priority ?? 'default', startedAt: now(), attempts: [] },
      ...{ events: this.#events, lastAttempt: 0 },
    };
    const deadline = given.timeoutMs === undefined ? undefined : Date.now() + given.timeoutMs;
    const context = createContext(call, { signal: fork.signal, deadline, values: given.values });
    const inPlace = place === 'attempt' ? beginAttempt(context, 'first') : context;
    options.before?.(request, inPlace);
    return new Made(this.#bench, { call, request, context: inPlace, fork, handler: this.handler });
  }

  /** Closes the transport. */
  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse())
      await within(this.#bench, Promise.resolve().then(cleanup), 'what onClose was given to settle');
  }
}

/** A new middleware in a place. */
export async function placeFor(bench: MiddlewareBench, options: BelowOptions = {}): Promise<Place> {
  return new Place(bench, await bench.make(), options);
}

/** Waits until something is so; fails when that takes longer than the case is patient. */
export async function until({ patienceMs }: MiddlewareBench, met: () => boolean, what: string): Promise<void> {
  const from = now();
  while (!met()) {
    if (now() - from > patienceMs) assert.fail(`waited ${patienceMs} ms in vain for ${what}`);
    await turn();
  }
}
