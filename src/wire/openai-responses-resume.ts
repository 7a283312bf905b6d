import type { TransportError } from '../core/errors.ts';
import { sleep } from '../core/time.ts';
import { type OpenResponse, type ResponsesCall, retrieveResponse } from './openai-responses-call.ts';

/** Milliseconds of which a random part is waited before each try in a row: many streams are often cut at once. */
const waitsMs: readonly number[] = [100, 500, 1_000, 2_000, 4_000];
/** Longer than this (milliseconds) is not waited because a server says so: its caller had better go elsewhere. */
const longestWaitMs = 10_000;

/** Counts the tries, without anything new between them, to get back to an answer that is made in the background. */
export class Patience {
  #tries = 0;

  /** Something new has come. */
  restore(): void {
    this.#tries = 0;
  }

  /** Waits before the next try. @throws what went wrong, when there is to be no next one, or why `signal` was aborted */
  async spend(failure: TransportError, signal: AbortSignal): Promise<void> {
    const mostMs = waitsMs[this.#tries];
    const toldMs = failure.retryAfterMs ?? 0;
    if (mostMs === undefined || failure.retry !== 'again' || toldMs > longestWaitMs) throw failure;
    this.#tries += 1;
    await sleep(toldMs + Math.random() * mostMs, signal);
  }
}

/** A Response that is made in the background, asked for until the server has it: its events after `after`, or as it is now. */
export async function retrieveAgain(
  call: ResponsesCall,
  id: string,
  patience: Patience,
  after?: number,
): Promise<OpenResponse> {
  for (;;) {
    try {
      return await retrieveResponse(call, id, after);
    } catch (error) {
      await patience.spend(error as TransportError, call.signal);
    }
  }
}
