import { RetryQuota } from '../control/retry-quota.ts';
import { drain, replyFrom } from '../core/reply.ts';
import type { CompletionRequest, Context, Middleware, Outcome, Reply, ValidateOptions } from '../core/types.ts';
import { Asking } from './validate/asking.ts';
import { judge, type Wanted } from './validate/judge.ts';
import { JudgedStream } from './validate/judged-stream.ts';

/** The options that are not given. */
export const validateDefaults: Required<ValidateOptions> = { maxReasks: 2 };

/** What the layer shares with the retries of its transport. */
export interface ValidatePlace {
  readonly quota: RetryQuota;
  /** Whether the reader of a call's stream is told when its answer begins again. */
  readonly restarts?: (context: Context) => boolean;
}

/**
 * Holds the answer against the request's schema: `completion.object` is the validated value. An answer that does not fit is asked
 * again, with what was wrong with it, up to `maxReasks` times and paid from the retry quota; then it is `schema_mismatch`, or
 * `truncated` when its JSON breaks off. The reader of a stream has the text before anything can be judged: there the error comes in
 * place of the `finish` chunk; or, where streams that break are restarted, a chunk `restart`, and the answer that was asked for again.
 */
export function validate(
  options: ValidateOptions = {},
  place: ValidatePlace = { quota: new RetryQuota() },
): Middleware {
  const { maxReasks = validateDefaults.maxReasks } = options;
  return function validate(next) {
    const whole: Ask = async (request, context, wanted) => {
      const asking = new Asking(place.quota, next, request, context, maxReasks);
      let reply: Reply | undefined = await next(request, context);
      for (;;) {
        const verdict = await judge(await outcomeOf(reply), wanted, context.signal);
        if (verdict.ok) {
          asking.fits();
          return replyFrom(verdict.completion);
        }
        reply = await asking.again(verdict);
        if (reply === undefined) throw verdict.error;
      }
    };
    const streamed: Ask = async (request, context, wanted) => {
      const reply = await next(request, context);
      const asking =
        place.restarts?.(context) === true ? new Asking(place.quota, next, request, context, maxReasks) : undefined;
      return new JudgedStream(reply, { wanted, context, asking }).reply;
    };
    return (request, context) =>
      request.schema === undefined
        ? next(request, context)
        : (request.stream === true ? streamed : whole)(request, context, request.schema);
  };
}

type Ask = (request: CompletionRequest, context: Context, wanted: Wanted) => Promise<Reply>;

/** How an answer ended that nobody else reads. */
function outcomeOf(reply: Reply): Promise<Outcome> {
  // One that a layer of the user's has made may be a stream all the same.
  drain(reply).catch(() => {});
  return reply.done;
}
