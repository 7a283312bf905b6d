import { RttEstimator } from '../../../src/control/rtt-estimator.ts';
import { Silence } from '../../../src/control/silence.ts';
import { beginAttempt, type Call, createContext } from '../../../src/core/context.ts';
import { Events, type TransportEvent } from '../../../src/core/events.ts';
import { ProviderHealth } from '../../../src/core/health.ts';
import type {
  Attempt,
  Chunk,
  Completion,
  Context,
  ContextEntry,
  Outcome,
  Provider,
  ProviderAnswer,
  Reply,
} from '../../../src/core/types.ts';

export const text = (words: string): Chunk => ({ type: 'text', text: words });
export const reasoning = (words: string): Chunk => ({ type: 'reasoning', text: words });
export const finish: Chunk = {
  type: 'finish',
  finishReason: 'stop',
  usage: { inputTokens: 1, outputTokens: 2 },
  model: 'm-1',
};

type Turn = { readonly chunk: Chunk } | { readonly error: unknown } | 'end';

/** A source of chunks that does what it is told, when it is told. */
export class Source implements AsyncIterator<Chunk> {
  pulls = 0;
  returns = 0;
  readonly #turns: Turn[] = [];
  #waiting: { resolve(result: IteratorResult<Chunk>): void; reject(error: unknown): void }[] = [];

  constructor(...chunks: readonly Chunk[]) {
    this.push(...chunks);
  }

  push(...chunks: readonly Chunk[]): this {
    for (const chunk of chunks) this.#take({ chunk });
    return this;
  }

  fail(error: unknown): this {
    this.#take({ error });
    return this;
  }

  end(): this {
    this.#take('end');
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    this.pulls += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#serve();
    });
  }

  return(): Promise<IteratorResult<Chunk>> {
    this.returns += 1;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(turn: Turn): void {
    this.#turns.push(turn);
    this.#serve();
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#turns.length > 0) {
      const waiting = this.#waiting.shift();
      const turn = this.#turns.shift();
      if (turn === 'end') waiting?.resolve({ done: true, value: undefined });
      else if (turn !== undefined && 'error' in turn) waiting?.reject(turn.error);
      else if (turn !== undefined) waiting?.resolve({ done: false, value: turn.chunk });
    }
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function flush(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}

/** How many listeners a signal has from now on. */
export function listenersOf(signal: AbortSignal) {
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  const added = new Set<unknown>();
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    if (!added.has(args[1])) count += 1;
    added.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    if (added.delete(args[1])) count -= 1;
    removeEventListener.apply(signal, args);
  };
  return () => count;
}

/** Collects what nobody has caught while `run` goes on. */
export async function unhandledIn(run: () => Promise<void>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const listener = (error: unknown): void => {
    unhandled.push(error);
  };
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', listener);
  try {
    await run();
    // Node tells of them after the microtasks of a turn of its loop.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', listener);
    for (const other of others) process.on('unhandledRejection', other);
  }
  return unhandled;
}

/** The context of a call's first attempt, and everything that is published about the call. */
export function aCall(options: { signal?: AbortSignal; deadline?: number; values?: readonly ContextEntry[] } = {}) {
  const events = new Events();
  const seen: TransportEvent[] = [];
  events.on('*', (event) => seen.push(event));
  const call: Call = {
    transactionId: 'transaction-1',
    priority: 'default',
    startedAt: 0,
    attempts: [],
    events,
    lastAttempt: 0,
  };
  const { signal = new AbortController().signal, deadline, values } = options;
  const above = createContext(call, { signal, deadline, values });
  return {
    ...{ call, events, seen, above },
    /** That of its first attempt, begun when it is asked for. */
    get context() {
      return beginAttempt(above, 'first');
    },
  };
}

/** The context of a first attempt. */
export function aContext(signal?: AbortSignal): Context {
  return aCall({ signal }).context;
}

/** A provider that answers by these functions. */
export function aProvider(fields: Partial<Provider> = {}): Provider {
  return {
    name: 'one',
    domain: 'one',
    kind: 'test',
    model: 'm-1',
    complete: () => Promise.resolve(answer({ text: 'Hello' })),
    ...fields,
  };
}

class Samples {
  readonly samples: number[] = [];
  get value(): number | undefined {
    return this.samples.at(-1);
  }
  add(sample: number): void {
    this.samples.push(sample);
  }
  forget(): void {
    this.samples.length = 0;
  }
}

export function aHealth(provider: Provider = aProvider(), changed?: () => void) {
  const firstContent = new Samples();
  const chunkGap = new Samples();
  const estimates = { firstContent, chunkGap, rtt: () => new RttEstimator(), silence: new Silence() };
  return { health: new ProviderHealth(provider, estimates, changed), firstContent, chunkGap };
}

export function answer(fields: Partial<ProviderAnswer> = {}): ProviderAnswer {
  return {
    text: '',
    toolCalls: [],
    reasoning: undefined,
    finishReason: 'stop',
    usage: { inputTokens: 1, outputTokens: 2 },
    model: 'm-1',
    raw: undefined,
    ...fields,
  };
}

export function completionOf(fields: Partial<Completion> = {}): Completion {
  return {
    ...answer({ text: 'Hello' }),
    object: undefined,
    provider: 'one',
    transactionId: 'transaction-1',
    attempts: [],
    cost: 0,
    resumed: false,
    ...fields,
  };
}

/** A reply as a user's own middleware may make one: an iterable, and a `done` of its own. */
export function foreignReply(source: Source, completion = completionOf()) {
  let settle: (outcome: Outcome) => void = () => {};
  const done = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  const reply: Reply = { provider: 'one', chunks: { [Symbol.asyncIterator]: () => source }, done };
  return { reply, settle: (outcome: Outcome = { ok: true, completion }) => settle(outcome) };
}

/** Reads to the end: the chunks, and the error with which it ended. */
export async function readAll(
  chunks: AsyncIterable<Chunk>,
): Promise<{ chunks: Chunk[]; text: string; error: unknown }> {
  const read: Chunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of chunks) read.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { chunks: read, text: read.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join(''), error };
}

export function attempt(fields: Partial<Attempt> = {}): Attempt {
  return {
    number: 1,
    reason: 'first',
    provider: 'one',
    model: 'm-1',
    startedAt: 0,
    waitMs: 0,
    firstContentMs: 1,
    durationMs: 1,
    outcome: 'ok',
    usage: undefined,
    usageEstimated: false,
    cost: 0,
    mayBeBilled: true,
    providerRequestId: undefined,
    ...fields,
  };
}
