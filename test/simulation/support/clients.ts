/** What the transport is compared with: what applications write around a provider when they have none. */

import { Slots } from '../../../bench/trouble/slots.ts';
import {
  type Attempt,
  type CallOptions,
  type CompletionRequest,
  type Context,
  TransportError,
} from '../../../src/index.ts';
import type { SimulatedClient, VirtualProvider } from '../../../src/testing/index.ts';
import { pause } from '../../../src/testing/pause.ts';

/** How a plain client is set up. */
export interface PlainOptions {
  /** Attempts at once at each provider; `aimd`: as many as it is found to take. @default Infinity */
  readonly concurrency?: number | 'aimd';
  /** Attempts after the first. @default 2 */
  readonly retries?: number;
  /** Milliseconds to the first content. @default Infinity */
  readonly firstContentMs?: number;
}

/** What says that there were too many at once. */
const isLoss: ReadonlySet<string> = new Set(['rate_limited', 'overloaded', 'timeout']);
/** Of those that learn how many: at first, and at most. */
const firstAtOnce = 20;
const mostAtOnce = 200;
/** The longest `Retry-After` that is kept, as the SDKs of OpenAI and Anthropic have it; a longer one is taken for none. */
const longestRetryAfterMs = 60_000;

/**
 * Retries as the SDKs do (twice, after 0.5 s, 1 s, … at most 8 s, less up to a quarter of it), over all providers in turn, with as many
 * attempts at once as it is told.
 */
export class PlainClient implements SimulatedClient {
  readonly #providers: readonly VirtualProvider[];
  readonly #slots: readonly Slots[];
  readonly #learns: boolean;
  readonly #retries: number;
  readonly #firstContentMs: number;
  #turn = 0;

  constructor(providers: readonly VirtualProvider[], options: PlainOptions = {}) {
    const { concurrency = Number.POSITIVE_INFINITY, retries = 2, firstContentMs = Number.POSITIVE_INFINITY } = options;
    this.#providers = providers;
    this.#learns = concurrency === 'aimd';
    this.#slots = providers.map(() => new Slots(concurrency === 'aimd' ? firstAtOnce : concurrency));
    this.#retries = retries;
    this.#firstContentMs = firstContentMs;
  }

  async complete(request: CompletionRequest, { transactionId = '', timeoutMs = 600_000 }: CallOptions) {
    const controller = new AbortController();
    const over = (): void => controller.abort(new TransportError('deadline_exceeded', 'The time for the call is over'));
    const timer = setTimeout(over, timeoutMs);
    const attempts: Attempt[] = [];
    try {
      for (let count = 0; ; count += 1) {
        const at = this.#turn++ % this.#providers.length;
        try {
          const text = await this.#attempt(at, request, { transactionId, attempts, signal: controller.signal });
          return { text, provider: this.#providers[at]?.name ?? '', attempts };
        } catch (thrown) {
          const error = thrown as TransportError;
          if (controller.signal.aborted || error.retry === 'never' || count >= this.#retries)
            throw new TransportError(error.code, error.message, { attempts, retryAfterMs: error.retryAfterMs });
          const { retryAfterMs = Number.POSITIVE_INFINITY } = error;
          const backOffMs = Math.min(500 * 2 ** count, 8_000) * (1 - Math.random() / 4);
          await pause(retryAfterMs <= longestRetryAfterMs ? retryAfterMs : backOffMs, controller.signal);
          controller.signal.throwIfAborted();
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #attempt(at: number, request: CompletionRequest, call: PlainCall): Promise<string> {
    const provider = this.#providers[at] as VirtualProvider;
    const slots = this.#slots[at] as Slots;
    const from = performance.now();
    await slots.take(call.signal);
    const sentAt = performance.now();
    const controller = new AbortController();
    const abort = (): void => controller.abort(call.signal.reason);
    call.signal.addEventListener('abort', abort);
    if (call.signal.aborted) abort();
    const late = (): void => controller.abort(new TransportError('timeout', 'No first content in time'));
    const timer = Number.isFinite(this.#firstContentMs) ? setTimeout(late, this.#firstContentMs) : undefined;
    let firstContentMs: number | undefined;
    const line = (outcome: Attempt['outcome']): void => {
      const { name, model } = provider;
      call.attempts.push({
        ...{ number: call.attempts.length + 1, reason: 'first', provider: name, model, waitMs: sentAt - from },
        ...{ startedAt: Date.now() - (performance.now() - sentAt), firstContentMs, outcome, usage: undefined },
        ...{ durationMs: performance.now() - sentAt, usageEstimated: false, cost: undefined, mayBeBilled: true },
        providerRequestId: undefined,
      });
    };
    const leave = (ok: boolean | undefined): void => {
      if (this.#learns) learn(slots, ok);
      slots.give();
    };
    try {
      let text = '';
      const context = plainContext(call, controller.signal);
      for await (const chunk of provider.stream?.(request, context) ?? []) {
        clearTimeout(timer);
        firstContentMs ??= performance.now() - sentAt;
        if (chunk.type === 'text') text += chunk.text;
      }
      leave(true);
      line('ok');
      return text;
    } catch (error) {
      const { code } = error as TransportError;
      leave(isLoss.has(code) ? false : undefined);
      line(code);
      throw error;
    } finally {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', abort);
    }
  }
}

interface PlainCall {
  readonly transactionId: string;
  readonly attempts: Attempt[];
  readonly signal: AbortSignal;
}

/** What an adapter asks of a context; the rest is the transport's. */
function plainContext({ transactionId, attempts }: PlainCall, signal: AbortSignal): Context {
  const context: Context = {
    ...{ transactionId, attempt: attempts.length + 1, signal, deadline: Number.POSITIVE_INFINITY },
    ...{ priority: 'default', attempts },
    get: (key) => key.initial,
    with: () => context,
    fork: () => context,
    publish: () => {},
    received: () => {},
  };
  return context;
}

/** One more at once for each success while half of them are in use, a tenth less for each loss. Source: Netflix concurrency-limits, `AIMDLimit`. */
function learn(slots: Slots, ok: boolean | undefined): void {
  if (ok === true && 2 * slots.taken >= slots.limit) slots.limit = Math.min(mostAtOnce, slots.limit + 1);
  if (ok === false) slots.limit = Math.max(1, slots.limit * 0.9);
}
