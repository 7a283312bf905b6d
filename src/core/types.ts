/**
 * The contract: what applications, adapters, middleware and strategies depend on. Types only; nothing here runs.
 */

import type { Attempt, PriceOf, UsageBy, UsageGroup, UsageSum } from './accounting-types.ts';
import type { TransportError } from './errors.ts';
import type { TransportEvent } from './events.ts';
import type { TransactionOptions } from './transaction-types.ts';

export type { Attempt };

// ── What is asked ──────────────────────────────────────────────────────────────────────────────────────────────────

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

/** A picture: an http(s) or data URL, or bytes (then `mediaType` is needed). */
export interface ImagePart {
  readonly type: 'image';
  readonly image: string | Uint8Array;
  readonly mediaType?: string;
}

/** A document: an http(s) or data URL, or bytes. */
export interface FilePart {
  readonly type: 'file';
  readonly data: string | Uint8Array;
  readonly mediaType: string;
  readonly filename?: string;
}

/** One turn of a conversation. */
export type Message =
  | { readonly role: 'system'; readonly content: string }
  | { readonly role: 'user'; readonly content: string | readonly (TextPart | ImagePart | FilePart)[] }
  | { readonly role: 'assistant'; readonly content: string; readonly toolCalls?: readonly ToolCall[] }
  | { readonly role: 'tool'; readonly toolCallId: string; readonly content: string; readonly isError?: boolean };

/** A call of a tool that the model asks for. `input` is parsed JSON: a tool call is delivered whole or not at all. */
export interface ToolCall {
  /** For the tool's result: `toolCallId`. */
  readonly id: string;
  /** The tool's name. */
  readonly name: string;
  /** What the tool is called with, as the model wrote it: not validated. */
  readonly input: unknown;
}

/** A tool that the model may ask for. */
export interface Tool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: SchemaOption<unknown>;
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly tool: string };

export type JsonSchema = { readonly [key: string]: unknown };

/** A Standard Schema (https://standardschema.dev): zod, valibot, arktype and others are one. */
export interface Schema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => unknown;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

/** A schema that can describe itself as JSON Schema (zod does), or one with its JSON Schema beside it. */
export type SchemaOption<T> =
  | Schema<T>
  | { readonly schema?: Schema<T>; readonly jsonSchema: JsonSchema; readonly name?: string };

/** What an adapter must be able to do for a request to be sent to it. */
export type Capability = 'streaming' | 'tools' | 'schema' | 'images' | 'files' | 'reasoning';

/**
 * What is asked. The same object goes to every provider that is tried and is never changed.
 * Exactly one of `prompt` and `messages`.
 */
export interface CompletionRequest<T = unknown> {
  /** Short for one user message. */
  readonly prompt?: string;
  /** The conversation, oldest turn first. */
  readonly messages?: readonly Message[];
  /** Only providers of this model are candidates; it never overrides a provider's model. */
  readonly model?: string;
  /** Hands the answer out while it is being made. @default false */
  readonly stream?: boolean;
  /** What the model may ask for. Tools are passed through, not run. */
  readonly tools?: readonly Tool[];
  /** Whether the model may, must or must not ask for a tool, or for which one. */
  readonly toolChoice?: ToolChoice;
  /** The shape the answer must have; what comes back is validated against it. */
  readonly schema?: SchemaOption<T>;
  /** Tokens, reasoning included. Rate limits reckon with it, and the choice of a provider whose context window is known. */
  readonly maxOutputTokens?: number;
  /** Passed on; the range is the provider's. */
  readonly temperature?: number;
  /** Passed on; the range is the provider's. */
  readonly topP?: number;
  /** Passed on to providers that take one. */
  readonly seed?: number;
  /** Texts at which the model stops. */
  readonly stopSequences?: readonly string[];
  /** How much the model thinks before it answers, in the provider's own terms. `none`: as little as it can. */
  readonly reasoning?: 'none' | 'low' | 'medium' | 'high';
  /** What a provider must offer to be a candidate. */
  readonly require?: {
    /** All of these must be in its `traits.tags`. */
    readonly tags?: readonly string[];
    /** Must be its `traits.region`. */
    readonly region?: string;
    /** All of these must be in its `traits.capabilities`; one that declares none is taken to have them. */
    readonly capabilities?: readonly Capability[];
  };
  /** For logs and experiments; never sent to a provider. */
  readonly metadata?: { readonly [key: string]: string | number | boolean };
  /** Passed through untouched, by the adapter's kind: `{ openai: { service_tier: 'flex' } }`. Kinds that no provider has are nobody's. */
  readonly providerOptions?: { readonly [kind: string]: { readonly [key: string]: unknown } };
}

// ── What comes back ────────────────────────────────────────────────────────────────────────────────────────────────

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'unknown';

/** Tokens. Input includes cached tokens and output includes reasoning tokens, whichever way the provider counts. */
export interface Usage {
  /** All of the input, cached tokens too. */
  readonly inputTokens: number;
  /** All of the output, reasoning too. */
  readonly outputTokens: number;
  /** Of the input, those that were read from a cache. */
  readonly cachedInputTokens?: number;
  /** Of the input, those that were written to a cache. */
  readonly cacheWriteInputTokens?: number;
  /** Of the output, those of reasoning. */
  readonly reasoningTokens?: number;
}

/** An answer, whole. */
export interface Completion<T = unknown> {
  /** What was said; empty when only tools are asked for. */
  readonly text: string;
  /** The tools that the model asks for. */
  readonly toolCalls: readonly ToolCall[];
  /** What it thought, as far as the provider tells. */
  readonly reasoning: string | undefined;
  /** The validated answer, when the request had a `schema`. */
  readonly object: T;
  /** Why it ended; `length`: at a limit of tokens. */
  readonly finishReason: FinishReason;
  /** Of the attempt that answered; the others are in `attempts`. */
  readonly usage: Usage | undefined;
  /** The name of the provider that answered. */
  readonly provider: string;
  /** The model, as the provider names it. */
  readonly model: string;
  /** The call's id. */
  readonly transactionId: string;
  /** The ledger: every attempt that was sent. Empty when the answer is another call's, with the same id: that one has it. */
  readonly attempts: readonly Attempt[];
  /** US dollars over all attempts; `undefined` when a price is not known. */
  readonly cost: number | undefined;
  /** Set when the answer was put together from more than one stream. */
  readonly resumed: boolean;
  /** The provider's own object. For a wrapped function, exactly what it returned. */
  readonly raw: unknown;
}

/** A piece of a streamed answer. */
export type Chunk =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'toolCall'; readonly toolCall: ToolCall }
  /** An item of a wrapped function's own stream, untouched; or what a provider answers that has no chunk of its own. */
  | { readonly type: 'raw'; readonly value: unknown }
  /** Drop what you have: the answer starts again. */
  | { readonly type: 'restart'; readonly provider: string }
  /** The answer goes on, from another stream. `offset`: characters of text delivered before the seam. */
  | { readonly type: 'resume'; readonly provider: string; readonly offset: number }
  /** Last, once. */
  | {
      readonly type: 'finish';
      readonly finishReason: FinishReason;
      readonly usage: Usage | undefined;
      readonly model: string;
    };

/**
 * A streamed answer. Read it once: as chunks, as text, or as a whole. `completion` drains the stream if nobody reads it, else
 * shares the one reading; it never causes an unhandled rejection. Leaving a loop early cancels the call and closes the socket.
 */
export interface CompletionStream<T = unknown> extends AsyncIterable<Chunk> {
  /** The call's id. */
  readonly transactionId: string;
  /** The name of the provider that answers. */
  readonly provider: string;
  /** Only the text, piece by piece. */
  readonly text: AsyncIterable<string>;
  /** The whole answer, once it is there. @throws TransportError `stream_interrupted`, with `partial`, when the stream broke. */
  readonly completion: Promise<Completion<T>>;
}

// ── What goes wrong ────────────────────────────────────────────────────────────────────────────────────────────────

/** What went wrong. The judgement that goes with each is the table in `docs/errors.md`. */
export type ErrorCode =
  | 'overloaded'
  | 'server_error'
  | 'connection'
  | 'timeout'
  | 'bad_response'
  | 'empty_response'
  | 'truncated'
  | 'rate_limited'
  | 'quota_exhausted'
  | 'authentication'
  | 'permission'
  | 'unsupported'
  | 'context_length_exceeded'
  | 'circuit_open'
  | 'queue_full'
  | 'invalid_request'
  | 'content_filtered'
  | 'schema_mismatch'
  | 'stream_interrupted'
  | 'budget_exceeded'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'no_provider'
  | 'middleware'
  | 'closed'
  | 'internal';

// ── The pipeline ───────────────────────────────────────────────────────────────────────────────────────────────────

/** How a call ended. A value, because most observers of `done` only want to know when. */
export type Outcome =
  | { readonly ok: true; readonly completion: Completion }
  | { readonly ok: false; readonly error: TransportError };

/**
 * An answered call: its first content is here. `done` settles once and never rejects: when the last chunk was read, the stream
 * broke, the reader left, or the context was aborted, also when nobody ever reads.
 */
export interface Reply {
  readonly provider: string;
  readonly chunks: AsyncIterable<Chunk>;
  readonly done: Promise<Outcome>;
}

/** Answers one request. Resolves once answered; rejects with a `TransportError` when it could not be. */
export type Handler = (request: CompletionRequest, context: Context) => Promise<Reply>;

/** Wraps a handler in one behaviour. Applied once per place in the pipeline, so its closure is that place's state. */
export type Middleware = (next: Handler, mount: Mount) => Handler;

/** The place where a middleware has been put. */
export interface Mount {
  /** The provider underneath; `undefined` above the router. */
  readonly provider: Candidate | undefined;
  /** Runs when the transport is closed, after its last call. */
  onClose(cleanup: () => void | Promise<void>): void;
}

/** A typed place in the context, made by `contextKey`. */
export interface ContextKey<T> {
  readonly id: symbol;
  readonly initial: T;
  of(value: T): ContextEntry;
}

export interface ContextEntry {
  readonly id: symbol;
  readonly value: unknown;
}

/** What an adapter knows before the answer is whole. */
export interface ReceivedFacts {
  /** Of errors and successes alike. */
  readonly headers?: Iterable<readonly [string, string]>;
  readonly providerRequestId?: string;
  /** The provider's own object, once it is whole: `Completion.raw` of a streamed answer. */
  readonly raw?: unknown;
  /** A piece of a tool call has come, which cannot be handed out yet. Without it a long tool call is a long silence. */
  readonly progress?: boolean;
  /** The piece is one of a tool call. From there on no other model can go on with the answer. */
  readonly toolCall?: boolean;
  /** US dollars that the provider says the attempt costs: goes before what `traits.price` makes of its usage. */
  readonly cost?: number;
  /** It has taken the request, with a status that says so: from here on it bills. */
  readonly accepted?: boolean;
  /** What it has counted so far, where it tells before the end: of an answer that breaks, more would never be known. */
  readonly usage?: Usage;
  /** The `usage` is that of the whole answer, also of one that turns out to be a refusal. */
  readonly usageIsWhole?: boolean;
}

/** Travels beside the request. Immutable but for the ledger, because two hedged attempts use the same layers at once. */
export interface Context {
  readonly transactionId: string;
  /** 0 above the router, then 1, 2, … */
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Epoch milliseconds, `Infinity` without one. */
  readonly deadline: number;
  readonly priority: Priority;
  readonly attempts: readonly Attempt[];
  get<T>(key: ContextKey<T>): T;
  with(...entries: readonly ContextEntry[]): Context;
  fork(change: { readonly signal?: AbortSignal; readonly deadline?: number }): Context;
  /** Tells the transport's listeners; the transaction id, the attempt and the time are added. */
  publish(event: { readonly type: string; readonly [key: string]: unknown }): void;
  /** For adapters: what is known before the answer is whole. */
  received(facts: ReceivedFacts): void;
}

export type Priority = 'interactive' | 'default' | 'batch';

// ── Providers and routing ──────────────────────────────────────────────────────────────────────────────────────────

/** What the provider allows; the transport stays below it. `undefined` or `Infinity` is no limit. */
export interface Limits {
  /** Requests a minute. */
  readonly requestsPerMinute?: number;
  /** Tokens a minute, input and output together. */
  readonly tokensPerMinute?: number;
  /** Input tokens a minute. */
  readonly inputTokensPerMinute?: number;
  /** Output tokens a minute. */
  readonly outputTokensPerMinute?: number;
  /** Attempts in flight at once. */
  readonly concurrency?: number;
}

/** What is known of a provider's model. */
export interface Traits {
  /** Tokens that prompt and answer may have together. A smaller one than a request is likely to need puts the provider last. */
  readonly contextWindow?: number;
  /** Tokens that an answer may have. */
  readonly maxOutputTokens?: number;
  /** All that the model can do. Leave it out, and the model is taken to be able to do everything. */
  readonly capabilities?: readonly Capability[];
  /** Where it is, in words of your own, for `require.region`. */
  readonly region?: string;
  /** Words of your own, for `require.tags`. */
  readonly tags?: readonly string[];
  /** US dollars per million tokens. Without it, `cost` is known where the provider tells it, or the transport's `priceOf` does. */
  readonly price?: {
    /** Of input tokens. */
    readonly input: number;
    /** Of output tokens, reasoning included. */
    readonly output: number;
    /** Of input tokens that were read from a cache. @default the price of `input` */
    readonly cachedInput?: number;
    /** Of input tokens that were written to a cache. @default the price of `input` */
    readonly cacheWriteInput?: number;
  };
  /** How long the provider remembers a prompt, and from which length on. For strategies of your own; the built-in ones do not look. */
  readonly promptCache?: {
    /** Milliseconds. */
    readonly ttlMs: number;
    /** Tokens. */
    readonly minTokens: number;
  };
  /** Its share of the calls, for the strategies that divide them. 0: only when nobody else can be asked. @default 1 */
  readonly weight?: number;
}

/** What an adapter knows of an answer; the transport adds the rest of a `Completion`. */
export type ProviderAnswer = Pick<
  Completion,
  'text' | 'toolCalls' | 'reasoning' | 'finishReason' | 'usage' | 'model' | 'raw'
>;

/**
 * Talks to one model at one provider. Throws a `TransportError` for what the provider said; anything else it throws is a bug of
 * the adapter. Stops, and closes its socket, when `context.signal` aborts. Ends a stream normally only after its terminal event.
 */
export interface Provider {
  /** Unique in a transport. */
  readonly name: string;
  /** Failure domain: the vendor, or the host. */
  readonly domain: string;
  /** The adapter's kind: 'openai', 'anthropic', … */
  readonly kind: string;
  readonly model: string;
  readonly limits?: Limits;
  readonly traits?: Traits;
  complete(request: CompletionRequest, context: Context): Promise<ProviderAnswer>;
  /** Absent when the provider cannot stream. Yields content first: preambles stay inside. */
  stream?(request: CompletionRequest, context: Context): AsyncIterable<Chunk>;
}

/** What a strategy sees of a provider: its description and its health, read-only and current. */
export interface Candidate {
  /** Unique in a transport. */
  readonly name: string;
  /** The failure domain. */
  readonly domain: string;
  /** The model's name. */
  readonly model: string;
  /** What is known of the model. */
  readonly traits: Traits;
  /** `closed`: it is asked. `open`: it is not. `half-open`: one attempt finds out. */
  readonly circuit: 'closed' | 'open' | 'half-open';
  /** Its key is refused, or its money is gone. */
  readonly quarantined: boolean;
  /** Attempts under way. */
  readonly inFlight: number;
  /** Attempts that wait in its line. */
  readonly queued: number;
  /** Attempts it is trusted with at once; `Infinity` with `rateLimit: false`. */
  readonly window: number;
  /** Estimated milliseconds until a new attempt would be sent. */
  readonly waitMs: number;
  /** Milliseconds to the first content, a moving average; `undefined` before the first answer. */
  readonly firstContentMs: number | undefined;
  /** Milliseconds from chunk to chunk, a moving average; `undefined` before the first two. */
  readonly chunkGapMs: number | undefined;
  /** Share of failures among the outcomes that its circuit looks at. */
  readonly failureRatio: number;
  /** Epoch milliseconds until which the provider asked to be left alone. */
  readonly parkedUntil: number;
  /** The last error that it gave. */
  readonly lastError: ErrorCode | undefined;
}

/** A snapshot, for people and dashboards. */
export type HealthSnapshot = Readonly<Candidate>;

/** Chooses among the candidates, never empty; `undefined` when none will do. Strategies wrap strategies: `sticky(lowestLatency())`. */
export interface Strategy {
  (
    candidates: readonly [Candidate, ...Candidate[]],
    request: CompletionRequest,
    context: Context,
  ): Candidate | undefined;
  /** Told how an attempt that it sent ended; one that wraps another passes it on. */
  settled?(request: CompletionRequest, context: Context, attempt: Attempt): void;
}

// ── The transport ──────────────────────────────────────────────────────────────────────────────────────────────────

export interface TransportOptions {
  /** At least one, each with a name of its own. `priority()` prefers them in this order. */
  readonly providers: readonly Provider[];
  /** Chooses among the providers that can be asked. @default priority() */
  readonly route?: Strategy;
  /** Asks again, here or elsewhere. `false`: one attempt a call, no fail-over. */
  readonly retry?: RetryOptions | false;
  /** A second attempt beside a slow first one, elsewhere. @default with two failure domains: on */
  readonly hedge?: HedgeOptions | false;
  /** Asks again when an answer does not match its `schema`; of a stream, where `resume` may restart it. `false`: answers are handed out unread, without `object`. */
  readonly validate?: ValidateOptions | false;
  /** What becomes of a stream that breaks after it was answered. `false`: it ends in the original error. */
  readonly resume?: ResumeOptions | false;
  /** Notices silence. `false`: only the call's deadline ends it. */
  readonly timeout?: TimeoutOptions | false;
  /** Leaves a failing provider alone, and finds out when it is back. `false`: it is asked by every call. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** Keeps the providers' `limits`, and a line of those who wait. `false`: no limits, no line. */
  readonly rateLimit?: RateLimitOptions | false;
  /** Gives calls with one `transactionId` one answer. `false`: each is sent, whatever its id. */
  readonly transaction?: TransactionOptions | false;
  /** Knows the prices of models whose `traits.price` is not given, from whatever list you keep. */
  readonly priceOf?: PriceOf;
  /** Yours, once per call. */
  readonly use?: readonly Middleware[];
  /** Yours, once per attempt at a provider. */
  readonly useEach?: readonly Middleware[];
}

export interface RetryOptions {
  /** Rounds after the first. @default 3 */
  readonly retries?: number;
  /** Milliseconds. The longest a call waits for providers to come back, all its waits together. @default 60_000 */
  readonly maxWaitMs?: number;
  /** Ask another provider when one refused by policy. @default 'never' */
  readonly contentFiltered?: 'never' | 'elsewhere';
}

export interface HedgeOptions {
  /**
   * Milliseconds without content, from the moment the first attempt was sent, after which a second is made elsewhere. Adaptive: half as
   * long again as 95 of 100 first contents take at that provider, once ten have come; then hedges are at most a twentieth of all
   * tokens. With a time of yours only the retry quota bounds them. @default adaptive: 800 or more
   */
  readonly afterMs?: number;
}

export interface ValidateOptions {
  /** How often an answer that does not match its schema is asked again. With `retry: false` not at all. @default 2 */
  readonly maxReasks?: number;
}

export interface ResumeOptions {
  /**
   * What happens to a stream that breaks after it was answered. `error`: it ends in `stream_interrupted`. `restart`: the answer begins
   * again, after a chunk `restart`. `continue`: it goes on, after a chunk `resume`, by a model that is asked for the rest. @default 'error'
   */
  readonly mode?: 'error' | 'restart' | 'continue';
  /** With `continue`: what happens where an answer cannot be gone on with, or no model goes on from the right place. @default 'error' */
  readonly otherwise?: 'error' | 'restart';
  /** How often an answer may be resumed before it ends in the error after all. @default 3 */
  readonly maxResumes?: number;
}

export interface TimeoutOptions {
  /**
   * Milliseconds to the first content of a streamed answer. Adaptive: by what the provider's answers take; 60,000 until there were
   * ten, and at least 20,000 where nobody else could be asked. @default adaptive: 5,000 to 60,000
   */
  readonly firstContentMs?: number;
  /**
   * Milliseconds of silence between chunks. Adaptive: four times the longest pause in the provider's answers; 30,000 until there were
   * ten, and at least 10,000 for a stream, which cannot be run again. @default adaptive: 1,000 to 30,000
   */
  readonly idleMs?: number;
  /** Milliseconds for a whole answer that is not streamed on the wire. @default 600_000 */
  readonly responseMs?: number;
  /** Milliseconds after which a stream that nobody reads is cancelled. @default 60_000 */
  readonly abandonedMs?: number;
}

export interface CircuitBreakerOptions {
  /** Share of failures, above which the circuit opens. @default 0.5 */
  readonly failureRatio?: number;
  /** Outcomes in the window before the share counts; three failures in a row open the circuit all the same. @default 10 */
  readonly minAttempts?: number;
  /** Milliseconds of outcomes that are looked at. @default 60_000 */
  readonly windowMs?: number;
  /** Milliseconds to the first probe while no other provider serves; each failed probe adds as much again. @default 500 */
  readonly openMs?: number;
  /** Milliseconds between probes while another provider serves, and the most between any two. @default 5_000 */
  readonly maxOpenMs?: number;
}

export interface RateLimitOptions {
  /** Calls that may wait for one provider. @default 10_000 */
  readonly maxQueued?: number;
  /** Tokens, by estimate, that may wait for one provider. @default 100_000_000 */
  readonly maxQueuedTokens?: number;
}

export interface CallOptions {
  /** Cancels the call: its socket is closed, and it rejects `cancelled`. */
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole call, waiting and retries included; a stream must be read to its end by then. @default Infinity */
  readonly timeoutMs?: number;
  /**
   * The call's id in events, errors, the ledger, and at providers that take one. A call with the id of another that is under way, or was
   * answered a short while ago, is given that one's answer. @default a random UUID
   */
  readonly transactionId?: string;
  /** Who leaves a waiting line first. @default 'default' */
  readonly priority?: Priority;
  /** What becomes of this stream when it breaks, over the transport's `resume`, option by option. */
  readonly resume?: ResumeOptions | false;
  /** Values for your middleware: `tenant.of('acme')`. */
  readonly values?: readonly ContextEntry[];
}

/** What a wrapped function is handed beside its input. */
export interface CallInfo {
  readonly signal: AbortSignal;
  /** Epoch milliseconds, `Infinity` without one. */
  readonly deadline: number;
  readonly transactionId: string;
  readonly attempt: number;
}

export interface Transport extends AsyncDisposable {
  complete<T = unknown>(
    request: CompletionRequest<T> & { readonly stream: true },
    options?: CallOptions,
  ): Promise<CompletionStream<T>>;
  complete<T = unknown>(
    request: CompletionRequest<T> & { readonly stream?: false },
    options?: CallOptions,
  ): Promise<Completion<T>>;
  /** For a request that is one or the other: its `stream` decides. */
  complete<T = unknown>(
    request: CompletionRequest<T>,
    options?: CallOptions,
  ): Promise<Completion<T> | CompletionStream<T>>;
  health(): readonly HealthSnapshot[];
  /**
   * What all attempts that have ended since the transport was made have used and cost: in sum, or by provider, model, or a key of the
   * requests' `metadata`. Also after `close()`.
   */
  usage(): UsageSum;
  usage(by: UsageBy): readonly UsageGroup[];
  /**
   * Hears one type of event, or with `'*'` all of them, those of a middleware of your own too. Returns a function that stops it.
   * @throws OptionsError when there is no such type.
   */
  on<E extends TransportEvent['type'] | '*'>(
    type: E,
    listener: (event: E extends '*' ? TransportEvent : Extract<TransportEvent, { type: E }>) => void,
  ): () => void;
  /** Lets a provider out of quarantine, and forgets its circuit, what it was parked for, and its estimates. */
  reset(provider: string): void;
  /** New calls and those still waiting reject `closed`; those under way finish, for at most `timeoutMs`. Then no timer is left. */
  close(options?: {
    /** Milliseconds that calls under way may take to finish; then they are aborted. @default 10_000 */
    readonly timeoutMs?: number;
  }): Promise<void>;
}
