/** What a wire is: one provider's form of everything. The script of an answer is the same for all of them. */

import type { FinishReason } from '../core/types.ts';
import type { LimitReading } from './allowance.ts';
import type { ErrorBody, RetryAfter } from './faults.ts';
import type { IncomingRequest, WireName } from './incoming.ts';
import type { Piece } from './steps.ts';

/** An object of JSON. */
export type Fields = { readonly [key: string]: unknown };

/** A request as it came by HTTP. */
export interface HttpCall {
  readonly path: string;
  readonly body: Fields;
  readonly headers: IncomingRequest['headers'];
}

/** One provider's form of requests, answers, errors and headers. */
export interface Wire {
  readonly name: WireName;
  readonly contentTypes: { readonly json: string; readonly stream: string };
  /** Keeps the connection of a silent stream busy. */
  readonly heartbeat: string;
  /** The request as the simulated model sees it. */
  read(call: HttpCall): Omit<IncomingRequest, 'index' | 'at'>;
  /** What is wrong with a request that this provider never takes; `undefined` when nothing is. */
  complaint(body: Fields): string | undefined;
  /** Of every answer. */
  headers(requestId: string): Record<string, string>;
  limitHeaders(limits: readonly LimitReading[], now: number): Record<string, string>;
  answer(facts: AnswerFacts): AnswerWriter;
  error(problem: Problem): WireError;
  /** An error's body as an event in a stream. */
  errorEvent(body: string): string;
}

export interface AnswerFacts {
  readonly requestId: string;
  readonly model: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly inputTokens: number;
  /** The request's body. */
  readonly body: unknown;
}

/** Writes one answer, as events or gathered into one body. */
export interface AnswerWriter {
  /** True when the last piece had been sent before, to a client that takes the answer up again further on. */
  readonly behind?: boolean;
  /** True when the last piece had been made before, for another connection: it is not billed again. */
  readonly isMade?: boolean;
  /** The preamble, before any content. */
  opening(): string;
  /** An event of content with no content in it. */
  emptyDelta(): string;
  /** Remembers a piece, and writes what can be written with it. */
  piece(piece: Piece): string;
  /** All that ends a stream, the terminal event included. */
  finish(finishReason: FinishReason): string;
  /** The marker after the terminal event, where there is one. */
  done(): string;
  /** An event that is not JSON. */
  garbage(): string;
  /** The first half of an event. */
  half(): string;
  /** An error's body as an event, where that depends on what has come before it. */
  errorEvent?(body: string): string;
  /** The whole answer in one body; `null` for one that never finished. */
  body(finishReason: FinishReason | null): string;
}

/** What an error says, whatever its form. */
export interface Problem {
  readonly status: number;
  readonly error: ErrorBody;
  /** When to come back. The first is what matters; OpenAI says it in more than one way. */
  readonly hints: readonly RetryAfter[];
  readonly shouldRetry?: boolean | undefined;
  /** The caller's key, when the error repeats it. */
  readonly repeatedKey?: string | undefined;
  readonly requestId: string;
  readonly model: string;
  readonly inputTokens: number;
}

/** An error in a wire's form. Its status is that provider's: an invalid key is a 400 at Gemini. */
export interface WireError {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A value as an object of JSON; empty when it is none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** A value as a list of objects of JSON; empty when it is none. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
