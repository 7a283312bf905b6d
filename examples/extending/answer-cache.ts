/** A middleware that answers by itself. */

// #region cache
import { type Completion, type CompletionRequest, type Middleware, replyFrom } from 'llm-transport';

export interface AnswerCacheOptions {
  /** Answers that are kept. @default 1_000 */
  readonly entries?: number;
}

/** Gives the answer that the same request had before, streamed or whole, and asks nobody. */
export function answerCache({ entries = 1_000 }: AnswerCacheOptions = {}): Middleware {
  return function answerCache(next) {
    const answers = new Map<string, Completion>();

    return async (request, context) => {
      const key = keyOf(request);
      if (key === undefined) return next(request, context);
      const known = answers.get(key);
      // Whoever is asked for goes to the end: the first is the one that nobody has asked for longest.
      answers.delete(key);
      if (known !== undefined) {
        answers.set(key, known);
        context.publish({ type: 'cache:hit' });
        return replyFrom({ ...known, transactionId: context.transactionId, attempts: [], cost: 0 });
      }

      const reply = await next(request, context);
      void reply.done.then((outcome) => {
        if (!outcome.ok) return;
        answers.set(key, outcome.completion);
        const [oldest] = answers.keys();
        if (answers.size > entries && oldest !== undefined) answers.delete(oldest);
      });
      return reply;
    };
  };
}

/** What must be the same. A request with tools or a schema is not kept: functions have no text. */
function keyOf({ stream: _, metadata: __, ...request }: CompletionRequest): string | undefined {
  if (request.tools !== undefined || request.schema !== undefined) return undefined;
  return JSON.stringify(request);
}
// #endregion
