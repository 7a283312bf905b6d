import type { RetryQuota } from '../../control/retry-quota.ts';
import { messagesOf } from '../../core/request.ts';
import type { CompletionRequest, Context, Handler, Message, Reply } from '../../core/types.ts';
import type { Misfit } from './judge.ts';

/** A call's questions after an answer that did not fit: how many there may be, what they say, and how they are paid for. */
export class Asking {
  readonly #quota: RetryQuota;
  readonly #next: Handler;
  readonly #request: CompletionRequest;
  readonly #context: Context;
  #left: number;
  #paid = false;

  /** @param most how often it may be asked again */
  constructor(quota: RetryQuota, next: Handler, request: CompletionRequest, context: Context, most: number) {
    this.#quota = quota;
    this.#next = next;
    this.#request = request;
    this.#context = context;
    this.#left = most;
  }

  /** Asks again, telling what was wrong. `undefined` when that cannot help, was done often enough, or cannot be paid for. */
  async again({ error, complaint }: Misfit, signal: AbortSignal = this.#context.signal): Promise<Reply | undefined> {
    if (complaint === undefined || this.#left === 0 || !this.#quota.withdraw()) return undefined;
    this.#left -= 1;
    this.#paid = true;
    this.#context.publish({ type: 'retry', code: error.code, waitMs: 0 });
    const sent = this.#context.attempts.length;
    try {
      const request = corrected(this.#request, error.partial?.text ?? '', complaint);
      return await this.#next(request, this.#context.fork({ signal }));
    } catch (thrown) {
      if (this.#context.attempts.length === sent) this.#quota.refund();
      throw thrown;
    }
  }

  /** The answer fits. */
  fits(): void {
    if (this.#paid) this.#quota.refund();
    this.#paid = false;
  }
}

/** The same conversation, with the answer and what was wrong with it. Of several such answers the last one only. */
function corrected(request: CompletionRequest, answer: string, complaint: string): CompletionRequest {
  const { prompt: _, ...rest } = request;
  // Some providers refuse a turn with nothing in it.
  const said: Message[] = answer.trim() === '' ? [] : [{ role: 'assistant', content: answer }];
  const asked = `Your answer cannot be used. ${complaint}\nAnswer again from the beginning, with JSON alone that matches the schema.`;
  return { ...rest, messages: [...messagesOf(request), ...said, { role: 'user', content: asked }] };
}
