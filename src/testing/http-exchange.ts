/** One HTTP exchange: which wire it is on, whether it is let in, and how it is answered. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from './allowance.ts';
import { anthropicWire } from './anthropic-wire.ts';
import { type ErrorBody, hintsOf, type RetryAfter, type StatusFault } from './faults.ts';
import { googleWire } from './google-wire.ts';
import { type Exchange, sendBody, sendProblem, streamAnswer, wholeAnswer } from './http-answer.ts';
import { openaiWire } from './openai-wire.ts';
import { type BackgroundResponses, revisitOf } from './responses-background.ts';
import { responsesWire } from './responses-wire.ts';
import type { Service } from './service.ts';
import { serverError } from './steps.ts';
import type { Wire } from './wire.ts';

/** What of a server's options concerns one exchange. */
export interface ExchangeOptions {
  readonly requireKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers that are made whether or not somebody is connected. */
  readonly background: BackgroundResponses;
  /** The wire that a path belongs to, and whether it is one that is served there. @default one of the four of `simulatedServer()` */
  readonly wireOf?: (path: string) => { readonly wire: Wire; readonly served: boolean };
}

/** Answers one HTTP request, on the wire that its path belongs to. */
export async function answerRequest(
  service: Service,
  options: ExchangeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const revisit = revisitOf(request.method, request.url ?? '');
  const sent = await readJson(request);
  if (response.destroyed) return;
  const body = revisit === undefined ? sent : revisit.query;
  const path = request.url?.split('?')[0] ?? '';
  const { wire, served } = (options.wireOf ?? ownWireOf)(path);
  const call = { path, body: body ?? {}, headers: keptHeaders(request) };
  const { request: incoming, recording } = service.open({ ...wire.read(call), path });

  const gone = new AbortController();
  let cut = false;
  response.on('close', () => {
    service.ledger.end(recording, !response.writableEnded && !cut);
    gone.abort();
  });
  const { requestId, inputTokens } = recording;
  const facts = { requestId, model: incoming.model, at: incoming.at, inputTokens, body };
  const exchange: Exchange = {
    response,
    recording,
    gone: gone.signal,
    wire,
    answer: wire.answer(facts),
    headers: { ...wire.headers(recording.requestId), ...options.headers },
    cutting: () => {
      cut = true;
    },
  };

  const refuse = (status: number, error: ErrorBody) =>
    sendProblem(exchange, { status, error: { type: 'invalid_request_error', ...error } });
  if (body === undefined) return refuse(400, { message: 'Could not parse the body.' });
  if (revisit === undefined && (request.method !== 'POST' || !served))
    return refuse(404, { message: `Invalid URL (${request.method} ${request.url})` });
  const key = keyOf(request);
  if (options.requireKey !== undefined && key !== options.requireKey)
    return refuse(401, { code: 'invalid_api_key', message: 'Incorrect API key provided.' });
  const complaint = revisit === undefined ? wire.complaint(body) : undefined;
  if (complaint !== undefined) return refuse(400, { message: complaint });

  const turn = service.decide(incoming, recording);
  const { fault, refusal, limits, steps } = turn;
  Object.assign(exchange.headers, wire.limitHeaders(limits, Date.now()));
  if (refusal !== undefined) return sendRefusal(exchange, refusal);
  if (fault?.kind === 'status') return sendStatus(exchange, fault, key);
  if (fault?.kind === 'errorIn200')
    return sendProblem(exchange, { status: 500, error: fault.error ?? serverError, in200: true });
  if (revisit !== undefined) return options.background.revisit(exchange, revisit, fault);
  const stream = incoming.stream && fault?.kind !== 'streamIgnored';
  if (wire === responsesWire && body.background === true)
    return options.background.begin(exchange, facts, turn, stream);
  return (stream ? streamAnswer : wholeAnswer)(exchange, steps());
}

function sendStatus(exchange: Exchange, fault: StatusFault, key: string): void {
  const { status, error = {}, html, body, retryAfter, shouldRetry, repeatsKey } = fault;
  Object.assign(exchange.headers, fault.headers);
  const hints = retryAfter === undefined ? [] : [retryAfter];
  const page = `<html><head><title>${status}</title></head><body><h1>${status} from the proxy</h1></body></html>`;
  const given = html ? page : typeof body === 'object' ? JSON.stringify(body) : body;
  if (given !== undefined) return sendBody(exchange, status, given, hintsOf(hints, shouldRetry, Date.now()));
  sendProblem(exchange, { status, error, hints, shouldRetry, repeatedKey: repeatsKey ? key : undefined });
}

function sendRefusal(exchange: Exchange, { limit, retryAfterMs: ms }: Refusal): void {
  const hints: RetryAfter[] = [];
  if (ms !== undefined) hints.push({ as: 'seconds', ms }, { as: 'milliseconds', ms });
  const error = { type: limit, code: 'rate_limit_exceeded', message: `Rate limit reached for ${limit}.` };
  sendProblem(exchange, { status: 429, error, hints });
}

function ownWireOf(path: string): { readonly wire: Wire; readonly served: boolean } {
  if (path.includes('/messages')) return { wire: anthropicWire, served: path.endsWith('/messages') };
  if (/\/models\/[^/]+:/.test(path)) return { wire: googleWire, served: /:(?:g|streamG)enerateContent$/.test(path) };
  if (/\/responses(?:\/|$)/.test(path)) return { wire: responsesWire, served: path.endsWith('/responses') };
  return { wire: openaiWire, served: path.endsWith('/chat/completions') };
}

function keyOf({ headers, url }: IncomingMessage): string {
  const given =
    headers['api-key'] ??
    headers['x-api-key'] ??
    headers['x-goog-api-key'] ??
    headers.authorization?.replace(/^Bearer /, '');
  return String(given ?? new URLSearchParams(url?.split('?')[1]).get('key') ?? '');
}

const credentials = new Set([
  'authorization',
  'cookie',
  'api-key',
  'x-api-key',
  'x-goog-api-key',
  'proxy-authorization',
]);

function keptHeaders(request: IncomingMessage): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers))
    if (!credentials.has(name) && value !== undefined) kept[name] = String(value);
  return kept;
}

/** The body as an object; `undefined` when it is not JSON. Ends also when the client leaves half-way. */
async function readJson(request: IncomingMessage): Promise<{ readonly [key: string]: unknown } | undefined> {
  const parts: Buffer[] = [];
  try {
    for await (const part of request) parts.push(part as Buffer);
    const value: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as { readonly [key: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}
