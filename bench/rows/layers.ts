/** The pipeline, layer by layer, around a stub adapter. */

import { MovingAverage } from '../../src/control/moving-average.ts';
import { RetryQuota } from '../../src/control/retry-quota.ts';
import { createContext } from '../../src/core/context.ts';
import { endpoint } from '../../src/core/endpoint.ts';
import { Events } from '../../src/core/events.ts';
import { Health, ProviderHealth } from '../../src/core/health.ts';
import { drain } from '../../src/core/reply.ts';
import { now } from '../../src/core/time.ts';
import type { CallOptions, Context, Handler, Middleware, TransportOptions } from '../../src/core/types.ts';
import { circuitBreaker } from '../../src/middleware/circuit-breaker.ts';
import { collect } from '../../src/middleware/collect.ts';
import { deadline } from '../../src/middleware/deadline.ts';
import { quarantine } from '../../src/middleware/quarantine.ts';
import { rateLimit } from '../../src/middleware/rate-limit.ts';
import { resume } from '../../src/middleware/resume.ts';
import { retry } from '../../src/middleware/retry.ts';
import { timeout } from '../../src/middleware/timeout.ts';
import { join } from '../../src/middleware/transaction/join.ts';
import { transaction } from '../../src/middleware/transaction.ts';
import { validate } from '../../src/middleware/validate.ts';
import { priority } from '../../src/routing/priority.ts';
import { router } from '../../src/routing/router.ts';
import { createTransport } from '../../src/transport.ts';
import { longChunks } from '../answers.ts';
import type { Call } from '../harness.ts';
import { request, streamRequest, stubProvider } from '../stub-provider.ts';
import { type Kind, type Row, readOut, type Table } from './row.ts';

/** Chunks of content of each kind's answer. */
const chunksOf: Readonly<Record<Kind, number>> = { unary: 1, stream: 1, long: longChunks };

/** The stub alone, then each layer around all those above it, innermost first, as `transport.ts` puts them. */
export function layersTable(): Table {
  const depths = new Pile(1).names.map((_, depth) => depth + 1);
  const full = (label: string, more: More = {}): Row => row(label, (kind) => fullCall(kind, more));
  return {
    title: 'The pipeline, layer by layer',
    note: 'around a stub adapter that streams one chunk, in process; the long stream has 500',
    moreChunks: longChunks - 1,
    rows: [
      row('stub adapter alone', bareCall),
      ...depths.map((depth) => row(`+ ${new Pile(1).names[depth - 1]}`, (kind) => partialCall(kind, depth))),
      full('createTransport().complete()'),
      full('… with a signal and a deadline', { call: { signal: new AbortController().signal, timeoutMs: 60_000 } }),
      full('… with three providers', { others: ['second', 'third'] }),
      full('… with hedging, two providers', { others: ['second'], options: { hedge: { afterMs: 10_000 } } }),
    ],
  };
}

function row(label: string, callOf: (kind: Kind) => Call): Row {
  return { label, calls: { unary: callOf('unary'), stream: callOf('stream'), long: callOf('long') } };
}

const quiet = new AbortController().signal;

function contextOf(events: Events): Context {
  const call = { transactionId: 'bench', priority: 'default', startedAt: now(), attempts: [], events } as const;
  return createContext({ ...call, attempts: [], lastAttempt: 0 }, { signal: quiet });
}

function bareCall(kind: Kind): Call {
  const provider = stubProvider(chunksOf[kind]);
  const events = new Events();
  const context = contextOf(events);
  if (kind !== 'unary') return () => readOut(provider.stream(streamRequest, context));
  return async () => {
    let text = '';
    for await (const chunk of provider.stream(request, context)) if (chunk.type === 'text') text += chunk.text;
    return text;
  };
}

/** The layers that a provider and a call have, innermost first, and what they need of each other. */
class Pile {
  readonly #health = new Health();
  readonly #layers: readonly { readonly name: string; readonly around: (next: Handler | undefined) => Handler }[];

  constructor(chunks: number) {
    const provider = stubProvider(chunks);
    const estimates = { firstContent: new MovingAverage(10_000), chunkGap: new MovingAverage(10_000) };
    const health = new ProviderHealth(provider, estimates, this.#health.changed);
    this.#health.providers.push(health);
    const mount = { provider: health, onClose: () => {} };
    const place = { quota: new RetryQuota(), health: this.#health };
    const layer = (name: string, middleware: Middleware) => ({
      name,
      around: (next: Handler | undefined) => middleware(next as Handler, mount),
    });
    this.#layers = [
      { name: 'endpoint', around: () => endpoint(provider, health) },
      layer('timeout', timeout()),
      layer('collect', collect()),
      layer('circuitBreaker', circuitBreaker({}, { health, all: this.#health, publish: () => {} })),
      layer('quarantine', quarantine(health)),
      layer('rateLimit', rateLimit({}, { health, all: this.#health })),
      { name: 'route', around: (next) => router(priority(), [{ health, handler: next as Handler }]) },
      layer('retry', retry({}, place)),
      layer('resume', resume({}, { ...place, retries: true })),
      layer('validate', validate()),
      layer('deadline', deadline()),
      layer('join', join()),
      layer('transaction', transaction()),
    ];
  }

  get names(): readonly string[] {
    return this.#layers.map(({ name }) => name);
  }

  handler(depth: number): Handler {
    const [first, ...others] = this.#layers.slice(0, depth);
    return others.reduce((next, { around }) => around(next), first?.around(undefined) as Handler);
  }
}

function partialCall(kind: Kind, depth: number): Call {
  const handler = new Pile(chunksOf[kind]).handler(depth);
  const events = new Events();
  if (kind === 'unary') return async () => drain(await handler(request, contextOf(events)));
  return async () => readOut((await handler(streamRequest, contextOf(events))).chunks);
}

/** What a transport is given beside the stub. */
interface More {
  readonly call?: CallOptions;
  readonly others?: readonly string[];
  readonly options?: Omit<TransportOptions, 'providers'>;
}

function fullCall(kind: Kind, { call = {}, others = [], options = {} }: More): Call {
  const chunks = chunksOf[kind];
  const llm = createTransport({
    ...options,
    providers: [stubProvider(chunks), ...others.map((name) => stubProvider(chunks, name))],
  });
  if (kind === 'unary') return () => llm.complete(request, call);
  return async () => readOut(await llm.complete(streamRequest, call));
}
