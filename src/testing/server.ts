/** A provider on this machine: four wires over HTTP, healthy or with any fault, on the loopback interface. */

import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { EnforcedLimits } from './allowance.ts';
import { type FaultChoice, faultOf } from './fault-cases.ts';
import { answerRequest } from './http-exchange.ts';
import type { RequestRecord } from './ledger.ts';
import { listenAnywhere, listenAt } from './loopback-port.ts';
import { checkSimulatedServer } from './option-names.ts';
import { BackgroundResponses } from './responses-background.ts';
import { Service, type ServiceOptions } from './service.ts';

export interface SimulatedServerOptions extends ServiceOptions {
  /** Kept with 429s. @default none */
  readonly limits?: EnforcedLimits;
  /** The one key that is accepted, however it is sent; others are refused. @default any key, or none */
  readonly requireKey?: string;
  /** More headers, sent with every answer: Anthropic, say, sends `retry-after` with successes too. @default none */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A running simulated server. */
export interface SimulatedServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: what Anthropic's SDK wants as `baseURL`, and Google's as `httpOptions.baseUrl`. */
  readonly url: string;
  /** `url` and `/v1`: what OpenAI's SDK wants. */
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

/**
 * Starts a simulated provider on a free port of 127.0.0.1. It speaks four wires, told apart by path: OpenAI's Chat Completions
 * (`POST …/chat/completions`) and Responses (`POST …/responses`; those in the background also `GET …/responses/ID` and
 * `POST …/responses/ID/cancel`), Anthropic's Messages (`POST …/messages`) and Gemini's (`POST …/models/MODEL:generateContent` and
 * `:streamGenerateContent`, always as server-sent events). Answers, faults, limits and books are the same on all of them, each in
 * that wire's own form.
 *
 * @throws OptionsError for a name that is no option, or no fault.
 */
export async function simulatedServer(options: SimulatedServerOptions = {}): Promise<SimulatedServer> {
  checkSimulatedServer(options);
  const service = new Service(options, options.limits);
  const sockets = new Set<Socket>();
  const outages: NodeJS.Timeout[] = [];
  let closed = false;

  const exchangeOptions = { ...options, background: new BackgroundResponses() };
  const http = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    answerRequest(service, exchangeOptions, request, response).catch((error: unknown) => {
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
      else if (!http.listening && listening) await listenAt(http, port);
    });
    return settled;
  };

  const port = await listenAnywhere(http);
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
