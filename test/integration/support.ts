/** What the integration tests share: real SDK clients against simulated servers, and what became of a call. */

import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { errorTable } from '../../src/core/error-table.ts';
import { TransportError } from '../../src/core/errors.ts';
import type {
  Attempt,
  CallOptions,
  Chunk,
  Completion,
  CompletionRequest,
  ErrorCode,
  Provider,
  Transport,
  TransportOptions,
} from '../../src/core/types.ts';
import { anthropic } from '../../src/providers/anthropic.ts';
import { google } from '../../src/providers/google.ts';
import { type OpenAIOptions, openai } from '../../src/providers/openai.ts';
import { openaiResponses } from '../../src/providers/openai-responses.ts';
import {
  answerTo,
  errorCodeOf,
  type FaultCase,
  type FaultChoice,
  type FaultName,
  faultOf,
  type SimulatedServer,
  type SimulatedServerOptions,
  simulatedServer,
  tokensOf,
  type WireName,
} from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

/** How a call is made and how it goes over the wire. */
export const modes = ['unary', 'unary unstreamed', 'streaming'] as const;
export type Mode = (typeof modes)[number];

/** Milliseconds. For providers that fall silent: short beside the defaults. */
const shortTimers = { firstContentMs: 1_000, idleMs: 800, responseMs: 1_000 };
/** For all others: on a machine that is busy with something else no timer may be what ends a call. */
const longTimers = { firstContentMs: 20_000, idleMs: 20_000, responseMs: 20_000 };
/** Milliseconds after which a call that should have ended long ago counts as hung. */
export const hungMs = 30_000;

/** The time-outs under a fault: short where nothing else could end the call. */
export function timersFor(choice: FaultChoice): typeof shortTimers {
  return isSilent(choice) ? shortTimers : longTimers;
}

export function isSilent(choice: FaultChoice): boolean {
  const fault = faultOf(choice);
  return fault !== undefined && errorCodeOf(fault) === 'timeout';
}

/** The official SDK at a simulated server, with its own retries as they are by default: the adapter must turn them off. */
export function sdkOf(server: SimulatedServer, apiKey = 'sk-test'): OpenAI {
  return new OpenAI({ baseURL: server.baseURL, apiKey, logLevel: 'off' });
}

export function providerAt(server: SimulatedServer, name: string, options: Partial<OpenAIOptions> = {}): Provider {
  return openai({ client: sdkOf(server), model: 'gpt-test', name, ...options });
}

/** A wire under test: its adapter, on its vendor's own SDK. */
export interface Wire {
  readonly name: WireName;
  providerAt(server: SimulatedServer, name: string, options?: Pick<OpenAIOptions, 'streaming' | 'domain'>): Provider;
}

export const openaiWire: Wire = { name: 'openai', providerAt };

export const responsesWire: Wire = {
  name: 'openai-responses',
  providerAt: (server, name, options) =>
    openaiResponses({ client: sdkOf(server), model: 'gpt-test', name, ...options }),
};

export const anthropicWire: Wire = {
  name: 'anthropic',
  providerAt(server, name, options) {
    const client = new Anthropic({ baseURL: server.url, apiKey: 'sk-ant-test', logLevel: 'off' });
    return anthropic({ client, model: 'claude-test', name, ...options });
  },
};

export const googleWire: Wire = {
  name: 'google',
  providerAt(server, name, options) {
    const client = new GoogleGenAI({ apiKey: 'AIzaTest', httpOptions: { baseUrl: server.url } });
    return google({ client, model: 'gemini-test', name, ...options });
  },
};

export const wires: readonly Wire[] = [openaiWire, responsesWire, anthropicWire, googleWire];

/** Servers and transports of one test, let go of together. */
export class Bench implements AsyncDisposable {
  readonly #servers: SimulatedServer[] = [];
  readonly #transports: Transport[] = [];

  async server(options?: SimulatedServerOptions): Promise<SimulatedServer> {
    const server = await simulatedServer(options);
    this.#servers.push(server);
    return server;
  }

  /** A transport over servers by name, with default options but for the time-outs. */
  over(
    servers: Readonly<Record<string, SimulatedServer>>,
    mode: Mode = 'unary',
    options: Partial<TransportOptions> = {},
    wire: Wire = openaiWire,
  ): Transport {
    const providers = Object.entries(servers).map(([name, server]) =>
      wire.providerAt(server, name, { streaming: mode !== 'unary unstreamed' }),
    );
    return this.transport({ timeout: longTimers, ...options, providers });
  }

  transport(options: TransportOptions): Transport {
    const llm = createTransport(options);
    this.#transports.push(llm);
    return llm;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#transports.map((llm) => llm.close({ timeoutMs: 0 })));
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/** What became of a call, as its caller sees it. */
export interface Seen {
  readonly how: 'answered' | 'failed' | 'hung';
  /** What was delivered: the chunks' text for a stream, the completion's for a unary call. */
  readonly text: string;
  readonly chunks: readonly Chunk[];
  readonly completion: Completion | undefined;
  readonly error: TransportError | undefined;
  readonly attempts: readonly Attempt[];
}

/** Makes a call in a mode and reads it to its end; never rejects. */
export async function see(
  llm: Transport,
  mode: Mode,
  request: CompletionRequest,
  options?: CallOptions,
  guardMs = hungMs,
): Promise<Seen> {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<Seen>((resolve) => {
    timer = setTimeout(() => resolve({ ...nothing, how: 'hung' }), guardMs);
  });
  try {
    return await Promise.race([
      hung,
      mode === 'streaming' ? stream(llm, request, options) : unary(llm, request, options),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

const nothing = { text: '', chunks: [], completion: undefined, error: undefined, attempts: [] };

async function unary(llm: Transport, request: CompletionRequest, options?: CallOptions): Promise<Seen> {
  try {
    const completion = await llm.complete({ ...request, stream: false }, options);
    const { text, attempts } = completion;
    return { ...nothing, how: 'answered', text, completion, attempts };
  } catch (thrown) {
    const error = typed(thrown);
    return { ...nothing, how: 'failed', error, attempts: error.attempts };
  }
}

async function stream(llm: Transport, request: CompletionRequest, options?: CallOptions): Promise<Seen> {
  const chunks: Chunk[] = [];
  try {
    const answer = await llm.complete({ ...request, stream: true }, options);
    for await (const chunk of answer) chunks.push(chunk);
    const completion = await answer.completion;
    return { ...nothing, how: 'answered', text: textOf(chunks), chunks, completion, attempts: completion.attempts };
  } catch (thrown) {
    const error = typed(thrown);
    return { ...nothing, how: 'failed', text: textOf(chunks), chunks, error, attempts: error.attempts };
  }
}

/** Nothing but a `TransportError` may ever come out. */
export function typed(thrown: unknown): TransportError {
  if (thrown instanceof TransportError) return thrown;
  throw new Error('Something else than a TransportError was thrown', { cause: thrown });
}

export function textOf(chunks: readonly Chunk[]): string {
  return chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('');
}

/** Attempts as `provider:outcome`. */
export function sequence(attempts: readonly Attempt[]): string[] {
  return attempts.map(({ provider, outcome }) => `${provider}:${outcome}`);
}

/** The error with which a promise rejects. */
export async function errorOf(promise: Promise<unknown>): Promise<TransportError> {
  try {
    await promise;
  } catch (error) {
    return typed(error);
  }
  throw new Error('It should have been rejected');
}

/** True when the promise settles within the time. */
export async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([late, promise.then(() => true)]);
  } finally {
    clearTimeout(timer);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something is so. Fails after a generous time. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const started = Date.now(); Date.now() - started < 30_000; ) {
    if (isSo()) return;
    await pause(2);
  }
  throw new Error(`It never came to this: ${what}`);
}

/** Runs jobs, so many at once; the results are in the jobs' order. */
export async function pool<Job, Result>(
  width: number,
  jobs: readonly Job[],
  run: (job: Job) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < jobs.length; index = next++) results[index] = await run(jobs[index] as Job);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

/** Runs cells: a few at a time, and beside them all those that only wait for a timer. The results are in the cells' order. */
export async function runCells<Cell extends { readonly fault: FaultChoice }, Result>(
  cells: readonly Cell[],
  run: (cell: Cell) => Promise<Result>,
): Promise<Result[]> {
  const results = new Map<Cell, Result>();
  const waits = ({ fault }: Cell) =>
    isSilent(fault) || faultOf(fault)?.kind === 'slow' || 'retryAfter' in (faultOf(fault) ?? {});
  const one = async (cell: Cell) => void results.set(cell, await run(cell));
  const quick = pool(
    8,
    cells.filter((cell) => !waits(cell)),
    one,
  );
  await Promise.all([quick, pool(24, cells.filter(waits), one)]);
  return cells.map((cell) => results.get(cell) as Result);
}

export function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** How a call under a fault is expected to end. */
export interface Expected {
  /** How the attempt at the faulty provider ends. */
  readonly outcome: 'ok' | ErrorCode;
  readonly end: 'answered' | 'by backup' | 'interrupted' | 'failed';
  /** Tokens of the answer that the caller of a stream had before the end. */
  readonly partialTokens: number;
}

/** Faults of streams that a request for one body never meets. */
const onlyStreamed: readonly FaultName[] = ['missing-terminal-event'];

/**
 * What a fault should come to, from its own description. `wire`: how the answer is asked for. `reader`: how it is handed out.
 * `seenAs`: what some faults come out as from where they are seen, instead of their own code.
 */
export function expectation(
  { name, fault, code, strikes }: FaultCase,
  how: {
    readonly on?: WireName;
    readonly wire: 'streamed' | 'whole';
    readonly reader: 'streamed' | 'whole';
    readonly seenAs: Partial<Record<FaultName, ErrorCode>>;
  },
): Expected {
  const outcome = how.seenAs[name] ?? code;
  // A Response in one piece says that it is still being made.
  const unseen = how.wire === 'whole' && how.on !== 'openai-responses' && onlyStreamed.includes(name);
  if (outcome === undefined || unseen) return { outcome: 'ok', end: 'answered', partialTokens: 60 };
  // Reasoning is content: it has been delivered.
  const late = strikes === 'afterContent' || name === 'reasoning-only';
  const partialTokens = 'afterTokens' in fault ? (fault.afterTokens ?? 0) : fault.kind === 'unterminated' ? 60 : 0;
  if (errorTable[outcome].retry === 'never') return { outcome, end: 'failed', partialTokens };
  if (how.reader === 'streamed' && late) return { outcome, end: 'interrupted', partialTokens };
  return { outcome, end: 'by backup', partialTokens: 60 };
}

/** The beginning of the answer to a prompt. */
export function upTo(tokens: number, prompt: string): string {
  return tokensOf(answerTo(prompt)).slice(0, tokens).join('');
}

export function judgementOf(code: ErrorCode): { retry: string; blame: string } {
  const { retry, blame } = errorTable[code];
  return { retry, blame };
}
