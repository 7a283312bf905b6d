/** Goes through an answer's steps on an HTTP connection, as a stream of events or as one body. */

import type { ServerResponse } from 'node:http';
import type { FinishReason } from '../core/types.ts';
import type { Recording } from './ledger.ts';
import { pause } from './pause.ts';
import type { Step } from './steps.ts';
import type { AnswerWriter, Problem, Wire } from './wire.ts';

/** What one exchange needs to be answered. */
export interface Exchange {
  readonly response: ServerResponse;
  readonly recording: Recording;
  readonly wire: Wire;
  readonly answer: AnswerWriter;
  /** Aborted when the connection is gone. */
  readonly gone: AbortSignal;
  readonly headers: Record<string, string>;
  /** Tells that the server, not the client, ends the connection now. */
  cutting(): void;
}

/** Long enough for what was written before a reset to be read: a reset may overtake it. Milliseconds. */
const lingerMs = 10;

/** Streams the steps as server-sent events. */
export async function streamAnswer(exchange: Exchange, steps: Iterable<Step>): Promise<void> {
  const { response, recording, answer, gone } = exchange;
  const write = async (text: string) => {
    if (text !== '' && !response.write(text)) await drained(response, gone);
  };
  for (const step of steps) {
    if (gone.aborted) return;
    switch (step.type) {
      case 'accept':
        recording.accept();
        sendHead(exchange, 200, exchange.wire.contentTypes.stream);
        break;
      case 'opening':
        await write(answer.opening());
        break;
      case 'pause':
        await pause(step.ms, gone);
        break;
      case 'piece': {
        const text = answer.piece(step.piece);
        const counts = step.piece.type !== 'toolCall' && answer.behind !== true;
        if (counts && answer.isMade !== true) recording.made();
        await write(text);
        if (counts) recording.sent();
        break;
      }
      case 'finish':
        await write(answer.finish(step.finishReason));
        recording.whole = true;
        break;
      case 'done':
        await write(answer.done());
        break;
      case 'error':
        await write(wireErrorEvent(exchange, step));
        break;
      case 'garbage':
        await write(answer.garbage());
        break;
      case 'half':
        await write(answer.half());
        break;
      default:
        return stop(exchange, step);
    }
  }
}

/** Answers with one body, once all the steps are made. What a stream would have lost of the end, the body loses. */
export async function wholeAnswer(exchange: Exchange, steps: Iterable<Step>): Promise<void> {
  const { response, recording, answer, gone } = exchange;
  let accepted = false;
  let finishReason: FinishReason | null = null;
  let half = false;
  for (const step of steps) {
    if (gone.aborted) return;
    switch (step.type) {
      case 'accept':
        recording.accept();
        accepted = true;
        break;
      case 'pause':
        await pause(step.ms, gone);
        break;
      case 'piece':
        if (step.piece.type !== 'toolCall') recording.made();
        answer.piece(step.piece);
        break;
      case 'finish':
        finishReason = step.finishReason;
        break;
      case 'half':
        half = true;
        break;
      case 'garbage':
        return sendBody(exchange, 200, '<!-- this is not JSON -->');
      case 'error':
        recording.waive();
        return sendProblem(exchange, step);
      case 'silence':
      case 'reset':
      case 'close':
        if (accepted) {
          sendHead(exchange, 200, exchange.wire.contentTypes.json);
          if (recording.outputTokens > 0) response.write(halfOf(answer.body(null)));
        }
        return stop(exchange, step.type === 'silence' ? { ...step, heartbeat: 'none' } : step);
      case 'end': {
        const body = answer.body(finishReason);
        if (recording.fault?.kind === 'empty200') return sendBody(exchange, 200, '');
        if (half || recording.fault?.kind === 'cut') return sendBody(exchange, 200, halfOf(body));
        recording.whole = finishReason !== null;
        recording.sent(recording.outputTokens);
        return sendBody(exchange, 200, body);
      }
    }
  }
}

/** The ways in which an exchange ends, or does not. */
async function stop(
  exchange: Exchange,
  step: Extract<Step, { type: 'silence' | 'reset' | 'close' | 'end' }>,
): Promise<void> {
  const { response, answer, gone } = exchange;
  switch (step.type) {
    case 'end':
      response.end();
      return;
    case 'silence':
      while (!gone.aborted) {
        await pause(step.heartbeat === 'none' ? Number.POSITIVE_INFINITY : step.heartbeatMs, gone);
        if (!gone.aborted)
          response.write(step.heartbeat === 'comments' ? exchange.wire.heartbeat : answer.emptyDelta());
      }
      return;
    case 'reset':
    case 'close': {
      if (response.headersSent) await pause(lingerMs, gone);
      if (gone.aborted) return;
      exchange.cutting();
      if (step.type === 'reset') response.socket?.resetAndDestroy();
      else response.socket?.destroySoon();
    }
  }
}

/** What is wrong, as far as this exchange does not know it already. */
export type Wrong = Pick<Problem, 'status' | 'error'> &
  Partial<Pick<Problem, 'hints' | 'shouldRetry' | 'repeatedKey'>> & {
    /** The status is 200 all the same. */
    readonly in200?: boolean;
  };

/** Answers with an error. What a provider says with a 200 is an event when a stream was asked for. */
export function sendProblem(exchange: Exchange, wrong: Wrong): void {
  const { wire, recording } = exchange;
  const { status, headers, body } = wire.error(problemOf(exchange, wrong));
  if (status === 200 && recording.stream)
    return sendBody(exchange, 200, wire.errorEvent(body), { 'content-type': wire.contentTypes.stream });
  sendBody(exchange, wrong.in200 ? 200 : status, body, headers);
}

function wireErrorEvent(exchange: Exchange, wrong: Wrong): string {
  const { wire, answer } = exchange;
  const { body } = wire.error(problemOf(exchange, wrong));
  return answer.errorEvent?.(body) ?? wire.errorEvent(body);
}

function problemOf({ recording }: Exchange, { in200: _, ...wrong }: Wrong): Problem {
  const { requestId, model, inputTokens } = recording;
  return { hints: [], ...wrong, requestId, model, inputTokens };
}

/** Sends status and headers, at once. */
function sendHead({ response, recording, headers }: Exchange, status: number, contentType: string): void {
  recording.status = status;
  response.writeHead(status, { ...headers, 'content-type': contentType });
  response.flushHeaders();
}

/** Sends one body with its length. */
export function sendBody(exchange: Exchange, status: number, body: string, more: Record<string, string> = {}): void {
  const { response, recording, wire, headers } = exchange;
  recording.status = status;
  response.writeHead(status, {
    ...headers,
    'content-type': body.startsWith('<html') ? 'text/html' : wire.contentTypes.json,
    'content-length': String(Buffer.byteLength(body)),
    ...more,
  });
  response.end(body);
}

function halfOf(body: string): string {
  return body.slice(0, Math.floor(body.length / 2));
}

function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      response.off('drain', finish);
      gone.removeEventListener('abort', finish);
      resolve();
    };
    response.on('drain', finish);
    gone.addEventListener('abort', finish);
  });
}
