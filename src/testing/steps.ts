/** An answer, healthy or faulty, as the steps that a provider goes through: the one script for every wire. */

import type { FinishReason } from '../core/types.ts';
import { answerTo, tokensOf } from './answer.ts';
import type { ErrorBody, Fault } from './faults.ts';
import type { Answer } from './model.ts';

/** A piece of an answer. All but `toolCall` count as one token. */
export type Piece =
  | { readonly type: 'text' | 'reasoning' | 'refusal'; readonly text: string }
  | { readonly type: 'toolCall'; readonly index: number; readonly id: string; readonly name: string }
  | { readonly type: 'arguments'; readonly index: number; readonly text: string };

/** One thing that a provider does. After `silence`, `reset`, `close` and `end` nothing follows. */
export type Step =
  /** Status 200 and the headers. */
  | { readonly type: 'accept' }
  /** The preamble: a chunk with a role and no content. */
  | { readonly type: 'opening' }
  | { readonly type: 'pause'; readonly ms: number }
  | { readonly type: 'piece'; readonly piece: Piece }
  | { readonly type: 'finish'; readonly finishReason: FinishReason }
  /** The marker after the terminal event: `[DONE]`. */
  | { readonly type: 'done' }
  | { readonly type: 'error'; readonly status: number; readonly error: ErrorBody }
  /** An event that is not JSON, where a token should have been. */
  | { readonly type: 'garbage' }
  /** The first half of an event. */
  | { readonly type: 'half' }
  | { readonly type: 'silence'; readonly heartbeat: 'none' | 'comments' | 'emptyDeltas'; readonly heartbeatMs: number }
  | { readonly type: 'reset' }
  | { readonly type: 'close' }
  | { readonly type: 'end' };

/** How long things take, already drawn for one request. */
export interface Pace {
  /** Milliseconds. */
  readonly firstTokenMs: number;
  /** Milliseconds before each further token. */
  readonly tokenMs: () => number;
}

/** The pieces of an answer, in the order in which they are streamed: reasoning, text, tool calls. */
export function piecesOf(answer: Answer): Piece[] {
  const pieces: Piece[] = [];
  for (const text of tokensOf(answer.reasoning ?? '')) pieces.push({ type: 'reasoning', text });
  for (const text of tokensOf(answer.text ?? '')) pieces.push({ type: 'text', text });
  for (const [index, call] of (answer.toolCalls ?? []).entries()) {
    pieces.push({ type: 'toolCall', index, id: call.id ?? `call_${index + 1}`, name: call.name });
    const fragments = JSON.stringify(call.input ?? {}).match(/.{1,8}/gsu) ?? [];
    for (const text of fragments) pieces.push({ type: 'arguments', index, text });
  }
  return pieces;
}

/** Tokens that these pieces count as. */
export function countTokens(pieces: readonly Piece[]): number {
  return pieces.filter(({ type }) => type !== 'toolCall').length;
}

/** All the text of one type in an answer's pieces. */
export function textIn(pieces: readonly Piece[], type: 'text' | 'reasoning' | 'refusal'): string {
  return pieces.map((piece) => (piece.type === type ? piece.text : '')).join('');
}

/** The arguments of one tool call, as JSON. */
export function argumentsIn(pieces: readonly Piece[], index: number): string {
  return pieces.map((piece) => (piece.type === 'arguments' && piece.index === index ? piece.text : '')).join('');
}

/** The arguments of one tool call; `undefined` as long as they are not whole. */
export function inputIn(pieces: readonly Piece[], index: number): unknown {
  try {
    return JSON.parse(argumentsIn(pieces, index)) as unknown;
  } catch {
    return undefined;
  }
}

/** What a provider does for one request. Status errors are not in here: with those, no answer begins. */
export function* stepsOf(answer: Answer, fault: Fault | undefined, pace: Pace): Generator<Step> {
  if (fault?.kind === 'refused' || (fault?.kind === 'reset' && fault.at === 'beforeHeaders'))
    return yield { type: 'reset' };
  if (fault?.kind === 'silence' && fault.at === 'beforeHeaders') return yield quiet;

  yield { type: 'accept' };
  if (fault?.kind === 'reset') return yield { type: 'reset' };
  if (fault?.kind === 'silence') return yield quiet;
  if (fault?.kind === 'empty200') return yield { type: 'end' };

  yield { type: 'opening' };
  const { pieces, finishReason } = altered(answer, fault);
  const strikesAfter = strikeOf(fault);
  let tokens = 0;
  let struck = false;
  const firstTokenMs = fault?.kind === 'slow' ? fault.firstTokenMs : pace.firstTokenMs;
  for (const piece of pieces) {
    if (tokens === strikesAfter && !struck) {
      struck = true;
      yield* strike(fault);
      if (fault?.kind !== 'malformed') return;
      tokens += 1;
      continue;
    }
    yield { type: 'pause', ms: tokens === 0 ? firstTokenMs : pace.tokenMs() };
    yield { type: 'piece', piece };
    if (piece.type !== 'toolCall') tokens += 1;
  }
  if (strikesAfter !== undefined && !struck) {
    yield* strike(fault);
    if (fault?.kind !== 'malformed') return;
  }
  if (pieces.length === 0) yield { type: 'pause', ms: firstTokenMs };
  if (fault?.kind === 'unterminated' && fault.missing === 'terminalEvent') return yield { type: 'end' };
  yield { type: 'finish', finishReason };
  if (fault?.kind !== 'unterminated') yield { type: 'done' };
  yield { type: 'end' };
}

const quiet: Step = { type: 'silence', heartbeat: 'none', heartbeatMs: 25 };

/** The answer as the fault leaves it: what there is to say, and the reason for which it ends. */
function altered(answer: Answer, fault: Fault | undefined): { pieces: Piece[]; finishReason: FinishReason } {
  const pieces = piecesOf(answer);
  switch (fault?.kind) {
    case 'emptyAnswer':
      return { pieces: [], finishReason: 'stop' };
    case 'reasoningOnly': {
      const reasoning = answer.reasoning ?? answerTo('reasoning', { words: 8 });
      return { pieces: piecesOf({ reasoning }), finishReason: fault.finishReason ?? 'stop' };
    }
    case 'length':
      return { pieces: pieces.slice(0, fault.afterTokens), finishReason: 'length' };
    case 'refusal': {
      const said = pieces.slice(0, fault.afterTokens ?? 0);
      if (fault.by === 'finishReason') return { pieces: said, finishReason: 'content_filter' };
      const refusal = tokensOf("I'm sorry, I can't help with that.").map((text): Piece => ({ type: 'refusal', text }));
      return { pieces: [...said, ...refusal], finishReason: 'stop' };
    }
    default:
      return {
        pieces,
        finishReason: answer.finishReason ?? ((answer.toolCalls?.length ?? 0) > 0 ? 'tool_calls' : 'stop'),
      };
  }
}

/** After how many tokens the fault strikes; `undefined` for faults that are not of a moment. */
function strikeOf(fault: Fault | undefined): number | undefined {
  switch (fault?.kind) {
    case 'cut':
    case 'streamError':
    case 'stall':
    case 'malformed':
    case 'truncatedJson':
      return fault.afterTokens;
    default:
      return undefined;
  }
}

function* strike(fault: Fault | undefined): Generator<Step> {
  switch (fault?.kind) {
    case 'cut':
      return yield { type: fault.by };
    case 'streamError':
      yield { type: 'error', status: fault.status ?? 500, error: fault.error ?? serverError };
      return yield { type: 'end' };
    case 'stall':
      return yield { type: 'silence', heartbeat: fault.heartbeat ?? 'none', heartbeatMs: fault.heartbeatMs ?? 25 };
    case 'malformed':
      return yield { type: 'garbage' };
    case 'truncatedJson':
      yield { type: 'half' };
      return yield { type: 'end' };
  }
}

/** What OpenAI says when it does not know either. */
export const serverError: ErrorBody = {
  message: 'The server had an error while processing your request. Sorry about that!',
  type: 'server_error',
  param: null,
  code: null,
};
