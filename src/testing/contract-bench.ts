/** What the cases of the provider contract share: a provider with its server, asked either way, and patience that ends. */

import assert from 'node:assert/strict';
import { TransportError } from '../core/errors.ts';
import type {
  Capability,
  Chunk,
  CompletionRequest,
  Context,
  FinishReason,
  Provider,
  ReceivedFacts,
  ToolCall,
  Usage,
} from '../core/types.ts';
import type { FaultName } from './fault-cases.ts';

/**
 * The other side of a provider under test, as far as there is one: what is there is used. `SimulatedServer` and `SimulatedProvider`
 * have it all.
 */
export interface ContractServer {
  /** Every request from now on meets this fault; `undefined` ends it. */
  setFault?(fault: FaultName | undefined): void | Promise<void>;
  /** Resolves with the `count`-th request as soon as it has come; its `closed` once it is over. */
  received?(count: number): Promise<{ readonly closed: Promise<object> }>;
  /** All that came. With a `requestId` in them, the id that was sent back, it is tested that the transport is told. */
  readonly requests?: readonly object[];
  close?(): void | Promise<void>;
}

/** The two ways to ask a provider. */
export type Way = 'streamed' | 'whole';

/** One case's provider and all that is known of it. */
export interface Bench {
  readonly provider: Provider;
  readonly server: ContractServer;
  /** Milliseconds after which something that should have happened has not. */
  readonly patienceMs: number;
  /** Streamed where the provider streams. */
  readonly ways: readonly Way[];
  readonly faults: readonly FaultName[];
  readonly without: readonly (Capability | 'usage')[];
  readonly secrets: readonly string[];
  /** The text that answers a prompt; `undefined` where nobody knows. */
  readonly textOf: ((prompt: string) => string) | undefined;
}

/** A promise of the contract. `run` rejects with an `AssertionError` when it is broken. */
export interface Rule {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<void>;
}

/** What came of one request. */
export interface Seen {
  readonly chunks: readonly Chunk[];
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  /** `undefined` when the answer has not ended as a whole one does. */
  readonly finishReason: FinishReason | undefined;
  readonly usage: Usage | undefined;
  readonly model: string | undefined;
  readonly error: TransportError | undefined;
  /** What the context was told, and how much of it before the first chunk or the whole answer was handed out. */
  readonly received: readonly ReceivedFacts[];
  readonly receivedFirst: number;
}

/** Asks, and reads to the end. Whatever is thrown must be a `TransportError`, and must not take for ever. */
export async function ask(bench: Bench, way: Way, request: CompletionRequest, signal?: AbortSignal): Promise<Seen> {
  const { provider } = bench;
  const received: ReceivedFacts[] = [];
  const context = contextFor(signal, (facts) => received.push(facts));
  const chunks: Chunk[] = [];
  let receivedFirst = 0;
  const told = () => ({ received, receivedFirst });
  try {
    if (way === 'whole') {
      const answer = await within(bench, provider.complete(request, context), 'an answer');
      assert.ok(answer, 'complete() resolved with nothing');
      receivedFirst = received.length;
      const { text, toolCalls, finishReason, usage, model } = answer;
      return { chunks, text, toolCalls, finishReason, usage, model, error: undefined, ...told() };
    }
    const iterator = streamOf(provider, request, context)[Symbol.asyncIterator]();
    for (;;) {
      const next = await within(bench, iterator.next(), 'a chunk, or the end of the stream');
      if (next.done) break;
      if (chunks.length === 0) receivedFirst = received.length;
      chunks.push(next.value);
    }
    return { ...sumOf(chunks), error: undefined, ...told() };
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return { ...sumOf(chunks), error: checked(error, provider), ...told() };
  }
}

/** Asks and expects an answer. */
export async function answered(bench: Bench, way: Way, request: CompletionRequest): Promise<Seen> {
  const seen = await ask(bench, way, request);
  if (seen.error !== undefined)
    assert.fail(`expected an answer, ${way}; got ${seen.error.code}: ${seen.error.message}`);
  assert.ok(seen.finishReason, `the answer, ${way}, ended without a finish`);
  return seen;
}

export function streamOf(provider: Provider, request: CompletionRequest, context: Context): AsyncIterable<Chunk> {
  const stream = provider.stream?.(request, context);
  assert.ok(stream, "there is no stream(): say so with without: ['streaming']");
  return stream;
}

function sumOf(chunks: readonly Chunk[]): Omit<Seen, 'error' | 'received' | 'receivedFirst'> {
  const finish = chunks.find((chunk) => chunk.type === 'finish');
  return {
    chunks,
    text: chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join(''),
    toolCalls: chunks.flatMap((chunk) => (chunk.type === 'toolCall' ? [chunk.toolCall] : [])),
    finishReason: finish?.finishReason,
    usage: finish?.usage,
    model: finish?.model,
  };
}

function checked(error: unknown, provider: Provider): TransportError {
  assert.ok(TransportError.is(error), `threw what is no TransportError: ${String(error)}`);
  const known = error.provider === undefined || error.provider === provider.name;
  assert.ok(known, `the error names another provider: ${error.provider}`);
  return error;
}

/** The promise's outcome; fails when it takes longer than the case is patient. */
export async function within<T>({ patienceMs }: Pick<Bench, 'patienceMs'>, promise: Promise<T>, what: string) {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // An AssertionError writes out its stack at once, which costs more than most of what is waited for.
    const here = new Error();
    timer = setTimeout(() => {
      const error = new assert.AssertionError({ message: `waited ${patienceMs} ms in vain for ${what}` });
      error.stack = here.stack?.replace(/^Error/, () => `${error.name} [${error.code}]: ${error.message}`);
      reject(error);
    }, patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** As much of a context as a provider needs. */
export function contextFor(
  signal: AbortSignal = new AbortController().signal,
  received: Context['received'] = () => {},
): Context {
  const context: Context = {
    transactionId: 'contract',
    attempt: 1,
    signal,
    deadline: Number.POSITIVE_INFINITY,
    priority: 'default',
    attempts: [],
    get: (key) => key.initial,
    with: () => context,
    fork: () => context,
    publish: () => {},
    received,
  };
  return context;
}
