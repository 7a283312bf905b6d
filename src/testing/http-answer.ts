/** Goes through an answer's steps on an HTTP connection, as a stream of events or as one body. */

import type { ServerResponse } from 'node:http';
import type { FinishReason } from '../core/types.ts';
import type { Recording } from './ledger.ts';
import { type ChatAnswer, errorBody, event } from './openai-wire.ts';
import { pause } from './pause.ts';
import type { Step } from './steps.ts';

/** What one exchange needs to be answered. */
export interface Exchange {
  readonly response: ServerResponse;
  readonly recording: Recording;
  readonly answer: ChatAnswer;
  /** Aborted when the connection is gone. */
  readonly gone: AbortSignal;
  readonly headers: Record<string, string>;
  readonly includeUsage: boolean;
  /** Tells that the server, not the client, ends the connection now. */
  cutting(): void;
}

/** Long enough for what was written before a reset to be read: a reset may overtake it. Milliseconds. */
const lingerMs = 10;

/** Streams the steps as server-sent events. */
export async function streamAnswer(exchange: Exchange, steps: Iterable<Step>): Promise<void> {
  const { response, recording, answer, gone } = exchange;
  const write = async (text: string) => {
    if (!response.write(text)) await drained(response, gone);
  };
  for (const step of steps) {
    if (gone.aborted) return;
    switch (step.type) {
      case 'accept':
        recording.accept();
        sendHead(exchange, 200, 'text/event-stream; charset=utf-8');
        break;
      case 'opening':
        await write(answer.opening());
        break;
      case 'pause':
        await pause(step.ms, gone);
        break;
      case 'piece':
        if (step.piece.type !== 'toolCall') recording.made();
        await write(answer.piece(step.piece));
        if (step.piece.type !== 'toolCall') recording.sent();
        break;
      case 'finish':
        await write(answer.finish(step.finishReason, exchange.includeUsage));
        recording.whole = true;
        break;
      case 'done':
        await write(event('[DONE]'));
        break;
      case 'error':
        await write(event(errorBody(step.error)));
        break;
      case 'garbage':
        await write(event('{"id":"chatcmpl-broken","choices":[{"index":0,"delta":{"content":"brok'));
        break;
      case 'half':
        await write(answer.emptyDelta().slice(0, 40));
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
        return sendBody(exchange, step.status, errorBody(step.error));
      case 'silence':
      case 'reset':
      case 'close':
        if (accepted) {
          sendHead(exchange, 200, 'application/json');
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
        if (!gone.aborted) response.write(step.heartbeat === 'comments' ? ': keep-alive\n\n' : answer.emptyDelta());
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

/** Sends status and headers, at once. */
export function sendHead({ response, recording, headers }: Exchange, status: number, contentType: string): void {
  recording.status = status;
  response.writeHead(status, { ...headers, 'content-type': contentType });
  response.flushHeaders();
}

/** Sends one body with its length. */
export function sendBody(exchange: Exchange, status: number, body: string, more: Record<string, string> = {}): void {
  const { response, recording, headers } = exchange;
  recording.status = status;
  response.writeHead(status, {
    ...headers,
    'content-type': body.startsWith('<html') ? 'text/html' : 'application/json',
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
