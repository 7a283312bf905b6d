import { TransportError } from '../../core/errors.ts';
import { onAbort, reasonOf } from '../../core/signals.ts';
import { longestTimerMs } from '../../core/time.ts';
import type { TransactionStore } from '../../core/transaction-types.ts';
import type { Completion, Context } from '../../core/types.ts';
import { type Digest, hashOf } from './digest.ts';
import { completionFrom, readRecord, recorded, recordVersion } from './record.ts';

/** The answers of finished transactions, for a while. Whatever is wrong with the store, no call fails or hangs by it. */
export class Replays {
  readonly #store: TransactionStore;
  readonly #replayMs: number;
  readonly #timeoutMs: number;
  /** What is being written, which the store does not know yet. */
  readonly #writing = new Map<string, string>();
  /** What is being forgotten, because it could not be read. */
  readonly #forgetting = new Map<string, Promise<unknown>>();
  readonly #busy = new Set<Promise<unknown>>();

  constructor(store: TransactionStore, replayMs: number, timeoutMs: number) {
    this.#store = store;
    this.#replayMs = replayMs;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The answer that is kept for an id; `undefined` when there is none that can be had in time.
   * @throws TransportError `invalid_request` when it is the answer to another request
   */
  async find(id: string, digest: Digest, context: Context): Promise<Completion | undefined> {
    const key = keyOf(id);
    const kept =
      this.#writing.get(key) ?? (await this.#asked('get', context, () => this.#store.get(key), context.signal));
    if (context.signal.aborted) throw reasonOf(context.signal);
    if (kept === undefined || kept === null) return undefined;
    const record = readRecord(key, kept);
    if (record === undefined) {
      context.publish({ type: 'transaction:store', operation: 'get', problem: 'unreadable' });
      this.#do(() => this.#forget(key, context));
      return undefined;
    }
    if (record.digest !== digest.text) throw otherRequest();
    context.publish({ type: 'call:replay', provider: record.answer.provider });
    return completionFrom(record, context.transactionId);
  }

  /** Keeps an answer. */
  keep(id: string, digest: Digest, completion: Completion, context: Context): void {
    const key = keyOf(id);
    const json = recorded(key, digest.text, completion);
    if (json === undefined) return;
    this.#writing.set(key, json);
    const forgetting = this.#forgetting.get(key);
    this.#do(async () => {
      // Else a slow store would forget this instead.
      if (forgetting !== undefined) await forgetting;
      await this.#asked('set', context, () => this.#store.set(key, json, this.#replayMs));
      if (this.#writing.get(key) === json) this.#writing.delete(key);
    });
  }

  /** Waits for what is being written, as long as a call would. */
  async written(): Promise<void> {
    await Promise.all(this.#busy);
  }

  async #forget(key: string, context: Context): Promise<void> {
    const forgotten = this.#asked('set', context, () => this.#store.delete(key));
    this.#forgetting.set(key, forgotten);
    await forgotten;
    if (this.#forgetting.get(key) === forgotten) this.#forgetting.delete(key);
  }

  #do(work: () => Promise<unknown>): void {
    const over = work().finally(() => this.#busy.delete(over));
    this.#busy.add(over);
  }

  /** What the store says; `undefined` when that is an error, or comes too late. */
  #asked(operation: 'get' | 'set', context: Context, ask: () => unknown, signal?: AbortSignal): Promise<unknown> {
    const complain = (problem: 'timeout' | 'error'): void =>
      context.publish({ type: 'transaction:store', operation, problem });
    let answer: unknown;
    try {
      answer = ask();
    } catch {
      complain('error');
      return Promise.resolve(undefined);
    }
    // Most are in process, and need no timer.
    if (typeof answer === 'string' || answer === undefined) return Promise.resolve(answer);
    return new Promise((resolve) => {
      let stop = (): void => {};
      let isOver = false;
      const end = (value: unknown, problem?: 'timeout' | 'error'): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        stop();
        if (problem !== undefined) complain(problem);
        resolve(value);
      };
      const timer = setTimeout(() => end(undefined, 'timeout'), Math.min(this.#timeoutMs, longestTimerMs));
      Promise.resolve(answer).then(end, () => end(undefined, 'error'));
      if (signal !== undefined) stop = onAbort(signal, () => end(undefined));
    });
  }
}

/** The id was another request's. */
export function otherRequest(): TransportError {
  return new TransportError(
    'invalid_request',
    'The transactionId is that of another request: calls with one id ask the same, and another question needs an id of its own',
  );
}

/** Neither the id nor whose it is can be read from it. */
function keyOf(id: string): string {
  return `llm-transport:transaction:${recordVersion}:${hashOf(id)}`;
}
