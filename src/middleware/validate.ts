import { RetryQuota } from '../control/retry-quota.ts';
import { replyFrom } from '../core/reply.ts';
import { messagesOf } from '../core/request.ts';
import type {
  Chunk,
  CompletionRequest,
  Context,
  Handler,
  Message,
  Middleware,
  Outcome,
  Reply,
  ValidateOptions,
} from '../core/types.ts';
import { judge, type Verdict, type Wanted } from './validate/judge.ts';

/** The options that are not given. */
export const validateDefaults: Required<ValidateOptions> = { maxReasks: 2 };

/** What the layer shares with the retries of its transport. */
export interface ValidatePlace {
  readonly quota: RetryQuota;
}

/**
 * Holds the answer against the request's schema: `completion.object` is the validated value. An answer that does not fit is asked
 * again, with what was wrong with it, up to `maxReasks` times and paid from the retry quota; then it is `schema_mismatch`, or
 * `truncated` when its JSON breaks off. The reader of a stream has the text before anything can be judged: there the error comes in
 * place of the `finish` chunk, and nothing is asked again.
 */
export function validate(
  options: ValidateOptions = {},
  place: ValidatePlace = { quota: new RetryQuota() },
): Middleware {
  const { maxReasks = validateDefaults.maxReasks } = options;
  return function validate(next) {
    const whole: Ask = async (request, context, wanted) => {
      const asking = new Asking(place.quota, next, request, context);
      let verdict = await judge(await asking.first(), wanted, context.signal);
      for (let asked = 0; !verdict.ok && asked < maxReasks; asked += 1) {
        const outcome = await asking.again(verdict);
        if (outcome === undefined) break;
        verdict = await judge(outcome, wanted, context.signal);
      }
      if (!verdict.ok) throw verdict.error;
      asking.fits();
      return replyFrom(verdict.completion);
    };
    const streamed: Ask = async (request, context, wanted) => {
      const { provider, chunks, done: unjudged } = await next(request, context);
      const done = unjudged.then(async (outcome): Promise<Outcome> => judge(outcome, wanted, context.signal));
      return { provider, chunks: new JudgedChunks(chunks[Symbol.asyncIterator](), done), done };
    };
    return (request, context) =>
      request.schema === undefined
        ? next(request, context)
        : (request.stream === true ? streamed : whole)(request, context, request.schema);
  };
}

type Ask = (request: CompletionRequest, context: Context, wanted: Wanted) => Promise<Reply>;

/** A call's questions: the first, and those after an answer that did not fit. */
class Asking {
  readonly #quota: RetryQuota;
  readonly #next: Handler;
  readonly #request: CompletionRequest;
  readonly #context: Context;
  #paid = false;

  constructor(quota: RetryQuota, next: Handler, request: CompletionRequest, context: Context) {
    this.#quota = quota;
    this.#next = next;
    this.#request = request;
    this.#context = context;
  }

  async first(): Promise<Outcome> {
    return (await this.#next(this.#request, this.#context)).done;
  }

  /** Asks again, telling what was wrong. `undefined` when that cannot help, or cannot be paid for. */
  async again({ error, complaint }: Verdict & { readonly ok: false }): Promise<Outcome | undefined> {
    if (complaint === undefined || !this.#quota.withdraw()) return undefined;
    this.#paid = true;
    this.#context.publish({ type: 'retry', code: error.code, waitMs: 0 });
    const sent = this.#context.attempts.length;
    try {
      const request = corrected(this.#request, error.partial?.text ?? '', complaint);
      return await (await this.#next(request, this.#context)).done;
    } catch (thrown) {
      if (this.#context.attempts.length === sent) this.#quota.refund();
      throw thrown;
    }
  }

  /** The answer fits. */
  fits(): void {
    if (this.#paid) this.#quota.refund();
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

/** The chunks of a stream, whose end is held back until its answer has been judged. */
class JudgedChunks implements AsyncIterableIterator<Chunk> {
  readonly #chunks: AsyncIterator<Chunk>;
  readonly #done: Promise<Outcome>;

  constructor(chunks: AsyncIterator<Chunk>, done: Promise<Outcome>) {
    this.#chunks = chunks;
    this.#done = done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Chunk>> {
    const result = await this.#chunks.next();
    if (result.done === true || result.value.type !== 'finish') return result;
    const outcome = await this.#done;
    if (outcome.ok) return result;
    throw outcome.error;
  }

  // Not a generator's: that could be left only between two chunks, and a stream that is stalled would keep its socket.
  return(): Promise<IteratorResult<Chunk>> {
    return this.#chunks.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }
}
