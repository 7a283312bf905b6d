/** A provider on this machine: OpenAI's Chat Completions over HTTP, healthy or with any fault, on the loopback interface. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { EnforcedLimits, Refusal } from './allowance.ts';
import { type FaultChoice, faultOf } from './fault-cases.ts';
import { type ErrorBody, hintsOf, type StatusFault } from './faults.ts';
import { type Exchange, sendBody, streamAnswer, wholeAnswer } from './http-answer.ts';
import type { RequestRecord } from './ledger.ts';
import { ChatAnswer, errorBody, readChatRequest, wantsUsage } from './openai-wire.ts';
import { Service, type ServiceOptions } from './service.ts';
import { serverError } from './steps.ts';

export interface SimulatedServerOptions extends ServiceOptions {
  /** Kept with 429s. @default none */
  readonly limits?: EnforcedLimits;
  /** The one key that is accepted; others get 401. @default any key, or none */
  readonly requireKey?: string;
}

/** A running simulated server. */
export interface SimulatedServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `url` and `/v1`: what an SDK wants. */
  readonly baseURL: string;
  /** One record for each request, in the order in which they came. */
  readonly requests: readonly RequestRecord[];
  /** Requests that are being served, or kept waiting. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  readonly openSockets: number;
  /** What all requests so far are billed. */
  readonly billed: { readonly inputTokens: number; readonly outputTokens: number };
  /** Resolves with the `count`-th request as soon as it has come. */
  received(count: number): Promise<RequestRecord>;
  /**
   * The fault of every request from now on; `undefined` ends it. With `connection-refused` nobody listens any more and all
   * connections are destroyed, until the next `setFault` listens again on the same port. Resolves when that is so.
   */
  setFault(fault: FaultChoice | undefined): Promise<void>;
  /** New limits, with full buckets; `undefined` is none. */
  setLimits(limits: EnforcedLimits | undefined): void;
  /** Stops listening and destroys every connection. Afterwards nothing of it keeps the process alive. */
  close(): Promise<void>;
}

/** Starts a simulated provider on a free port of 127.0.0.1. */
export async function simulatedServer(options: SimulatedServerOptions = {}): Promise<SimulatedServer> {
  const service = new Service(options, options.limits);
  const sockets = new Set<Socket>();
  const outages: NodeJS.Timeout[] = [];
  let closed = false;

  const http = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    answerRequest(service, options, request, response).catch((error: unknown) => {
      // An option of the test's own threw: let go of the client, and be loud about it.
      response.destroy();
      throw error;
    });
  });
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  const vanish = async () => {
    service.ledger.endAll();
    const ends = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    const stopped = new Promise((resolve) => http.close(resolve));
    for (const socket of sockets) socket.destroy();
    await Promise.all([stopped, ...ends]);
  };
  // Changes of state one after the other, so that switching quickly off and on ends as it was asked last.
  let settled: Promise<void> = Promise.resolve();
  const settle = () => {
    const before = settled.catch(() => undefined);
    settled = before.then(async () => {
      const listening = !closed && !service.plan.refuses(Date.now());
      if (http.listening && !listening) await vanish();
      else if (!http.listening && listening) await listen(http, port);
    });
    return settled;
  };

  await listen(http, 0);
  const { port } = http.address() as AddressInfo;
  for (const { fromMs, toMs = Number.POSITIVE_INFINITY, fault } of options.schedule ?? [])
    if (faultOf(fault)?.kind === 'refused')
      // A timer may be a millisecond early, and would then find nothing changed.
      for (const ms of [fromMs, toMs]) if (Number.isFinite(ms)) outages.push(setTimeout(settle, ms + 2));
  if (service.plan.refuses(Date.now())) await settle();

  const close = async () => {
    closed = true;
    for (const timer of outages) clearTimeout(timer);
    await settle();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    baseURL: `http://127.0.0.1:${port}/v1`,
    requests: service.ledger.requests,
    get inFlight() {
      return service.ledger.inFlight;
    },
    get maxInFlight() {
      return service.ledger.maxInFlight;
    },
    get openSockets() {
      return sockets.size;
    },
    get billed() {
      return service.ledger.billed();
    },
    received: (count) => service.ledger.received(count),
    setFault: (fault) => {
      service.plan.set(fault);
      return settle();
    },
    setLimits: (limits) => service.setLimits(limits),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Listens; when somebody has taken the port in the meantime, tries for a second. */
async function listen(http: Server, port: number, tries = 100): Promise<void> {
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    http.once('error', resolve);
    http.listen(port, '127.0.0.1', () => {
      http.off('error', resolve);
      resolve(undefined);
    });
  });
  if (error === undefined) return;
  if (error.code !== 'EADDRINUSE' || tries <= 1) throw error;
  await new Promise((resolve) => setTimeout(resolve, 10));
  return listen(http, port, tries - 1);
}

async function answerRequest(
  service: Service,
  options: SimulatedServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request);
  if (response.destroyed) return;
  const key = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const { request: incoming, recording } = service.open(readChatRequest(body ?? {}, keptHeaders(request)));

  const gone = new AbortController();
  let cut = false;
  response.on('close', () => {
    service.ledger.end(recording, !response.writableEnded && !cut);
    gone.abort();
  });
  const exchange: Exchange = {
    response,
    recording,
    gone: gone.signal,
    includeUsage: wantsUsage(body),
    answer: new ChatAnswer({
      id: `chatcmpl-${recording.requestId.slice(4)}`,
      model: incoming.model,
      created: Math.floor(incoming.at / 1_000),
      inputTokens: recording.inputTokens,
    }),
    headers: { 'x-request-id': recording.requestId, 'openai-processing-ms': '1', 'openai-version': '2020-10-01' },
    cutting: () => {
      cut = true;
    },
  };

  if (body === undefined)
    return sendBody(exchange, 400, errorBody({ ...invalid, message: 'Could not parse the body.' }));
  if (request.method !== 'POST' || !request.url?.split('?')[0]?.endsWith('/chat/completions'))
    return sendBody(
      exchange,
      404,
      errorBody({ ...invalid, message: `Invalid URL (${request.method} ${request.url})` }),
    );
  if (options.requireKey !== undefined && key !== options.requireKey)
    return sendBody(
      exchange,
      401,
      errorBody({ ...invalid, code: 'invalid_api_key', message: 'Incorrect API key provided.' }),
    );

  const { fault, refusal, headers, steps } = service.decide(incoming, recording);
  Object.assign(exchange.headers, headers);
  if (refusal !== undefined) return sendRefusal(exchange, refusal);
  if (fault?.kind === 'status') return sendStatus(exchange, fault, key);
  if (fault?.kind === 'errorIn200') return sendBody(exchange, 200, errorBody(fault.error ?? serverError));
  const answer = incoming.stream && fault?.kind !== 'streamIgnored' ? streamAnswer : wholeAnswer;
  return answer(exchange, steps());
}

const invalid: ErrorBody = { type: 'invalid_request_error' };

function sendStatus(exchange: Exchange, fault: StatusFault, key: string): void {
  const page = `<html><head><title>${fault.status}</title></head><body><h1>${fault.status} from the proxy</h1></body></html>`;
  const message = fault.repeatsKey ? `Incorrect API key provided: ${key}.` : fault.error?.message;
  const body = fault.html
    ? page
    : errorBody({ ...serverError, ...fault.error, ...(message !== undefined && { message }) });
  sendBody(exchange, fault.status, body, hintsOf(fault, Date.now()));
}

function sendRefusal(exchange: Exchange, { limit, retryAfterMs }: Refusal): void {
  const hints: Record<string, string> = {};
  if (retryAfterMs !== undefined) {
    hints['retry-after'] = String(Math.ceil(retryAfterMs / 1_000));
    hints['retry-after-ms'] = String(retryAfterMs);
  }
  const error = { type: limit, code: 'rate_limit_exceeded', message: `Rate limit reached for ${limit}.` };
  sendBody(exchange, 429, errorBody(error), hints);
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
