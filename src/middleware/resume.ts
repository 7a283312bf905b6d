import type { RetryQuota } from '../control/retry-quota.ts';
import { isResumable, readerSees, resumeChoice } from '../core/context.ts';
import type { Health } from '../core/health.ts';
import { isWhole, mapError } from '../core/reply.ts';
import type { Context, Middleware, ResumeOptions } from '../core/types.ts';
import { interrupted } from './resume/interrupted.ts';
import { Rejoined } from './resume/rejoined.ts';

/** The options that are not given. */
export const resumeDefaults: Required<ResumeOptions> = { mode: 'error', maxResumes: 3 };

/** What a transport's resumes share with its retries. */
export interface ResumePlace {
  readonly quota: RetryQuota;
  readonly health: Health;
  /** There is a retry layer below, which asks elsewhere, waits, and keeps the quota. */
  readonly retries: boolean;
}

/**
 * Says what happens to a streaming call that breaks after it was answered. Mode `error`: it ends in `stream_interrupted`, whose
 * `partial` is exactly what had come and whose `cause` is what happened. `restart`: the reader is told to drop what it has, and the
 * answer comes from its beginning, elsewhere if need be. Nothing is ever re-run behind the reader's back, and each resume is paid from
 * the retry quota.
 */
export function resume(options: ResumeOptions | false = {}, place: ResumePlace): Middleware {
  return function resume(next) {
    return async (request, context) => {
      const chosen = request.stream === true ? choiceOf(options, context) : false;
      if (chosen === false) return next(request, context);
      const { mode, maxResumes } = chosen;
      if (mode === 'error' || maxResumes === 0) return mapError(await next(request, context), interrupted);
      const reply = await next(request, context.with(isResumable.of(true)));
      // Nothing of an answer that is there whole can break.
      return isWhole(reply) ? reply : new Rejoined(reply, { mode, maxResumes, place, next, request, context }).reply;
    };
  };
}

/** What holds for a call. A reader that cannot be told of a restart is given the error. */
function choiceOf(options: ResumeOptions | false, context: Context): Required<ResumeOptions> | false {
  const own = context.get(resumeChoice);
  if (own === false || (own === undefined && options === false)) return false;
  const given = options === false ? {} : options;
  const { mode = given.mode ?? resumeDefaults.mode, maxResumes = given.maxResumes ?? resumeDefaults.maxResumes } =
    own ?? {};
  return { mode: context.get(readerSees) === 'chunks' ? mode : 'error', maxResumes };
}
