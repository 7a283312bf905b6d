import type { Accounts } from './accounts.ts';
import type { TransportError } from './errors.ts';
import type { Events, PlainEvent } from './events.ts';
import type {
  Attempt,
  CallInfo,
  Context,
  ContextEntry,
  ContextKey,
  Priority,
  ReceivedFacts,
  ResumeOptions,
} from './types.ts';

/** A typed place for a value that travels with a call: `const tenant = contextKey('tenant', 'anonymous')`. */
export function contextKey<T>(name: string, initial: T): ContextKey<T> {
  const id = Symbol(name);
  return { id, initial, of: (value) => ({ id, value }) };
}

/** What all attempts of one call share. */
export interface Call {
  readonly transactionId: string;
  readonly priority: Priority;
  /** On the clock of `now()`. */
  readonly startedAt: number;
  /** Its ledger. Of calls that share an answer one has the ledger of it, the others' is empty. */
  attempts: Attempt[];
  readonly events: Events;
  /** Where its attempts are summed up, and priced. */
  readonly accounts?: Accounts;
  /** The number of the latest attempt that was begun. */
  lastAttempt: number;
  /** Its end was told: what is still heard of its attempts is told without its id. */
  over?: boolean;
  /** Its id is the caller's: another call may have the same. */
  readonly isNamed?: boolean;
  /** Epoch milliseconds, for contexts that have no deadline of their own: it moves when others join. */
  deadline?: number;
  /** The call that its answer comes from, which it shares with others. */
  source?: Call;
}

/** What is asked, where the request does not say it all: of a wrapped function, or a fetch. */
export interface Asked {
  readonly what: unknown;
  /** It has joined a call: that one's context. */
  joined?(first: Context): void;
}

/** Told what happens at the endpoint while an attempt runs. Layers that account for time listen here, and touch no chunk. */
export interface Watcher {
  /**
   * The endpoint waits for the provider: for the first content, the next chunk, or a whole answer. `at`: what `now()` is, where the
   * endpoint has just looked.
   */
  waiting?(wire: 'stream' | 'unary', at?: number): void;
  /** The first content has come. */
  answered?(): void;
  /** Content has come. Called for each chunk: who wants the first only listens to `answered`. */
  content?(): void;
  /** The provider is at work on what cannot be handed out yet: a tool call that is not whole. `at`: what `now()` is. */
  progress?(at: number): void;
  /** The reader is the slow one: nothing is asked of the provider. */
  paused?(): void;
  received?(facts: HeardFacts): void;
}

/** Who watches the attempt. */
export const watchers = contextKey<readonly Watcher[]>('watchers', []);
/** Milliseconds in line before the attempt was sent. */
export const waitedMs = contextKey('waitedMs', 0);
/** Why the attempt is made. */
export const attemptReason = contextKey<Attempt['reason']>('attemptReason', 'first');
/** How many other providers could be asked instead. */
export const alternatives = contextKey('alternatives', 0);
/** Their names. */
export const others = contextKey<readonly string[]>('others', []);
/** What the first content is waited for as, where an attempt can only be told to be a stream when it is one: a wrapped function's. */
export const firstWait = contextKey<'stream' | 'unary'>('firstWait', 'stream');
/** What the endpoint hears of an attempt. */
export interface HeardFacts extends ReceivedFacts {
  /** What was not known to be a stream has turned out to be one: it is waited for as such. */
  readonly isStream?: boolean;
  /** Told that nothing has come for too long, before that ends the attempt. True when it is not to: a way on is looked for. */
  readonly onSilence?: (late: TransportError) => boolean;
}
/** What the call's own options say of a stream that breaks; `undefined`: nothing. */
export const resumeChoice = contextKey<ResumeOptions | false | undefined>('resumeChoice', undefined);
/** What whoever reads the stream can be told: all chunks, only that text goes on, or nothing: they are given items of a foreign stream. */
export const readerSees = contextKey<'chunks' | 'text' | 'items'>('readerSees', 'chunks');
/** Whether a stream that breaks after it was answered can be made good: then a short silence may end it. */
export const isResumable = contextKey('isResumable', false);
/** Where an adapter's `received()` goes: the attempt's endpoint. */
export const receiver = contextKey<((facts: HeardFacts) => void) | undefined>('receiver', undefined);
/** What is asked beside the request. */
export const asked = contextKey<Asked | undefined>('asked', undefined);
/** Whether calls with the id of this one join it. `false`: the id is but a name, which clients send with whatever they ask. */
export const isJoinable = contextKey('isJoinable', true);
const attemptNumber = contextKey('attempt', 0);
const currentCall = contextKey<Call | undefined>('call', undefined);

interface Values {
  readonly entry: ContextEntry;
  readonly rest: Values | undefined;
}

class CallContext implements Context {
  readonly signal: AbortSignal;
  /** `undefined`: the call's. */
  readonly #deadline: number | undefined;
  readonly #call: Call;
  readonly #values: Values | undefined;

  constructor(call: Call, signal: AbortSignal, deadline: number | undefined, values: Values | undefined) {
    this.signal = signal;
    this.#deadline = deadline;
    this.#call = call;
    this.#values = values;
  }

  /** At hand in a context of ours; in one that is put around it, by the key. */
  static callOf(context: Context): Call | undefined {
    return #call in context ? context.#call : context.get(currentCall);
  }

  /** The same values, in a context of another call. Of a context that is put around one of ours they are not at hand. */
  static inCall(context: Context, call: Call, signal: AbortSignal): Context | undefined {
    return #call in context ? new CallContext(call, signal, undefined, context.#values) : undefined;
  }

  get deadline(): number {
    return this.#deadline ?? this.#call.deadline ?? Number.POSITIVE_INFINITY;
  }

  get transactionId(): string {
    return this.#call.transactionId;
  }

  get attempt(): number {
    return this.get(attemptNumber);
  }

  get priority(): Priority {
    return this.#call.priority;
  }

  get attempts(): readonly Attempt[] {
    return this.#call.attempts;
  }

  get<T>(key: ContextKey<T>): T {
    for (let values = this.#values; values !== undefined; values = values.rest) {
      if (values.entry.id === key.id) return values.entry.value as T;
    }
    return key.id === currentCall.id ? (this.#call as T) : key.initial;
  }

  with(...entries: readonly ContextEntry[]): Context {
    let values = this.#values;
    for (const entry of entries) values = { entry, rest: values };
    return new CallContext(this.#call, this.signal, this.#deadline, values);
  }

  fork(change: { readonly signal?: AbortSignal; readonly deadline?: number }): Context {
    return new CallContext(this.#call, change.signal ?? this.signal, change.deadline ?? this.#deadline, this.#values);
  }

  publish(event: PlainEvent): void {
    const { events, transactionId, over = false } = this.#call;
    if (events.heard(event.type)) events.publish(event, over ? undefined : transactionId, over ? 0 : this.attempt);
  }

  received(facts: ReceivedFacts): void {
    this.get(receiver)?.(facts);
  }
}

/** The context of a new call. */
export function createContext(
  call: Call,
  options: { readonly signal: AbortSignal; readonly deadline?: number; readonly values?: readonly ContextEntry[] },
): Context {
  const { signal, deadline, values = [] } = options;
  const context = new CallContext(call, signal, deadline, undefined);
  return values.length === 0 ? context : context.with(...values);
}

/** A context of another call, with the values of this one and no deadline but the call's. `undefined` for a context that is not ours. */
export function contextIn(call: Call, context: Context, signal: AbortSignal): Context | undefined {
  return CallContext.inCall(context, call, signal);
}

/** What the call's attempts share. */
export function callOf(context: Context): Call {
  const call = CallContext.callOf(context);
  if (call === undefined) throw new TypeError('The context does not belong to a call');
  return call;
}

/** The context of the call's next attempt. */
export function beginAttempt(context: Context, reason: Attempt['reason']): Context {
  const call = callOf(context);
  call.lastAttempt += 1;
  return context.with(attemptNumber.of(call.lastAttempt), attemptReason.of(reason));
}

/** Gives the number back of an attempt that was refused before anything was sent, unless a later one has begun since. */
export function forgetAttempt(context: Context): void {
  const call = callOf(context);
  if (call.lastAttempt === context.attempt) call.lastAttempt -= 1;
}

/** Adds a watcher to the attempt. */
export function watched(context: Context, watcher: Watcher): Context {
  return context.with(watchers.of([...context.get(watchers), watcher]));
}

/** What a function of the user's is told of the attempt it makes. */
export function callInfo(context: Context): CallInfo {
  const { signal, deadline, transactionId, attempt } = context;
  return { signal, deadline, transactionId, attempt };
}
