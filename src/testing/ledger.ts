/** The simulated provider's own books: what came, what was sent, and what it would bill. */

import type { Fault } from './faults.ts';
import type { IncomingRequest } from './incoming.ts';

/** What became of one request, seen from the provider. It is written while the request runs, and final once `closed` resolves. */
export interface RequestRecord {
  /** 0 for the first that came. */
  readonly index: number;
  /** Of the request's address, without the query; `undefined` in process. */
  readonly path: string | undefined;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  readonly stream: boolean;
  readonly model: string;
  readonly prompt: string;
  /** Lower-cased names, without credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** What was sent: the parsed JSON body, or the `CompletionRequest`. */
  readonly body: unknown;
  /** The fault that the request met; `undefined` when it was served, or turned away by a limit or for its key. */
  readonly fault: Fault | undefined;
  /** The provider's id of the request. */
  readonly requestId: string;
  /** The HTTP status that was sent; in process, the one that would have been. `undefined` when none was. */
  readonly status: number | undefined;
  /** Pieces of the answer that were sent. */
  readonly tokensSent: number;
  /** Epoch milliseconds of the first of them. */
  readonly firstTokenAt: number | undefined;
  /** Of the prompt. */
  readonly inputTokens: number;
  /** Pieces of the answer that were made, sent or not: a provider stops making them when the client has left. */
  readonly outputTokens: number;
  /** The answer was sent to its end, with its terminal event. */
  readonly whole: boolean;
  /** What the provider bills: prompt and made output from the moment it began to answer, nothing for errors by status. */
  readonly billed: { readonly inputTokens: number; readonly outputTokens: number };
  /** Epoch milliseconds when the client closed the connection (in process: aborted, or left the stream) before the end. */
  readonly closedByClientAt: number | undefined;
  /** Epoch milliseconds; `undefined` while it runs. */
  readonly endedAt: number | undefined;
  /** Resolves when the request is over, whoever ended it; never rejects. */
  readonly closed: Promise<RequestRecord>;
}

/** A record in the making. */
export class Recording implements RequestRecord {
  readonly index: number;
  readonly path: string | undefined;
  readonly receivedAt: number;
  readonly stream: boolean;
  readonly model: string;
  readonly prompt: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly requestId: string;
  readonly inputTokens: number;
  fault: Fault | undefined;
  status: number | undefined;
  tokensSent = 0;
  firstTokenAt: number | undefined;
  outputTokens = 0;
  whole = false;
  closedByClientAt: number | undefined;
  endedAt: number | undefined;
  readonly closed: Promise<RequestRecord>;
  #accepted = false;
  readonly #settle: (record: RequestRecord) => void;

  constructor(request: IncomingRequest, inputTokens: number, requestId: string) {
    this.index = request.index;
    this.path = request.path;
    this.receivedAt = request.at;
    this.stream = request.stream;
    this.model = request.model;
    this.prompt = request.prompt;
    this.headers = request.headers;
    this.body = request.body;
    this.inputTokens = inputTokens;
    this.requestId = requestId;
    let settle: (record: RequestRecord) => void = () => {};
    this.closed = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
  }

  get billed(): { inputTokens: number; outputTokens: number } {
    return this.#accepted
      ? { inputTokens: this.inputTokens, outputTokens: this.outputTokens }
      : { inputTokens: 0, outputTokens: 0 };
  }

  /** The provider begins to answer: from here on it bills. */
  accept(): void {
    this.#accepted = true;
  }

  /** An error is all that comes of it after all: nothing is billed. */
  waive(): void {
    this.#accepted = false;
  }

  /** A piece was made. */
  made(): void {
    this.outputTokens += 1;
  }

  /** Pieces were sent. */
  sent(tokens = 1): void {
    if (tokens > 0) this.firstTokenAt ??= Date.now();
    this.tokensSent += tokens;
  }

  /** The request is over. `byClient`: it closed the connection before the end. */
  end(byClient: boolean): void {
    this.endedAt = Date.now();
    if (byClient) this.closedByClientAt = this.endedAt;
    this.#settle(this);
  }
}

/** All records, and counts of what goes on at the moment. */
export class Ledger {
  readonly requests: Recording[] = [];
  maxInFlight = 0;
  /** Requests that ever came. */
  count = 0;
  readonly #running = new Set<Recording>();
  readonly #keep: number;
  readonly #settled = { inputTokens: 0, outputTokens: 0 };
  readonly #waiting = new Map<number, ((record: RequestRecord) => void)[]>();

  constructor(keepRequests = Number.POSITIVE_INFINITY) {
    this.#keep = keepRequests;
  }

  get inFlight(): number {
    return this.#running.size;
  }

  open(recording: Recording): void {
    this.count += 1;
    this.requests.push(recording);
    if (this.requests.length > this.#keep) this.requests.shift();
    this.#running.add(recording);
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    for (const resolve of this.#waiting.get(this.count) ?? []) resolve(recording);
    this.#waiting.delete(this.count);
  }

  /** Ends a record, once. `byClient`: the client closed the connection before the end. */
  end(recording: Recording, byClient: boolean): void {
    if (!this.#running.delete(recording)) return;
    this.#settled.inputTokens += recording.billed.inputTokens;
    this.#settled.outputTokens += recording.billed.outputTokens;
    recording.end(byClient);
  }

  /** Ends all that runs: the provider is gone. */
  endAll(): void {
    for (const recording of this.#running) this.end(recording, false);
  }

  /** Resolves with the `count`-th request, at once if it has come already. */
  received(count: number): Promise<RequestRecord> {
    const already = this.requests.find(({ index }) => index === count - 1);
    if (already !== undefined) return Promise.resolve(already);
    return new Promise((resolve) => this.#waiting.set(count, [...(this.#waiting.get(count) ?? []), resolve]));
  }

  /** The sum of what all requests so far are billed. */
  billed(): { inputTokens: number; outputTokens: number } {
    const sum = { ...this.#settled };
    for (const { billed } of this.#running) {
      sum.inputTokens += billed.inputTokens;
      sum.outputTokens += billed.outputTokens;
    }
    return sum;
  }
}
