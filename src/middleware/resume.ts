import type { RetryQuota } from '../control/retry-quota.ts';
import { isResumable, readerSees, resumeChoice, watched } from '../core/context.ts';
import type { Health } from '../core/health.ts';
import { isWhole, mapError } from '../core/reply.ts';
import type { Context, Middleware, ResumeOptions } from '../core/types.ts';
import { interrupted } from './resume/interrupted.ts';
import { OpenTools } from './resume/open-tools.ts';
import { Rejoined } from './resume/rejoined.ts';
import { Unable } from './resume/unable.ts';

/** The options that are not given. */
export const resumeDefaults: Required<ResumeOptions> = { mode: 'error', otherwise: 'error', maxResumes: 3 };

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
 * answer comes from its beginning, elsewhere if need be. `continue`: a model is asked for the rest, and what it says is handed on only when
 * it goes on from the right place, exactly. Nothing is ever re-run behind the reader's back, and each resume is paid from the retry quota.
 */
export function resume(options: ResumeOptions | false = {}, place: ResumePlace): Middleware {
  return function resume(next) {
    const unable = new Unable();
    return async (request, context) => {
      const chosen = request.stream === true ? choiceOf(options, context) : false;
      if (chosen === false) return next(request, context);
      const { mode, otherwise, maxResumes } = chosen;
      if (mode === 'error' || maxResumes === 0) return mapError(await next(request, context), interrupted);
      const tools = new OpenTools();
      const reply = await next(request, watched(context.with(isResumable.of(true)), tools));
      // Nothing of an answer that is there whole can break.
      return isWhole(reply)
        ? reply
        : new Rejoined(reply, tools, { mode, otherwise, maxResumes, unable, place, next, request, context }).reply;
    };
  };
}

/** Whether the reader of a call's stream is told when its answer begins again. */
export function mayRestart(options: ResumeOptions | false | undefined, context: Context): boolean {
  const chosen = choiceOf(options ?? {}, context);
  if (chosen === false || chosen.maxResumes === 0) return false;
  return chosen.mode === 'restart' || (chosen.mode === 'continue' && chosen.otherwise === 'restart');
}

/** What holds for a call. A reader that cannot be told of a restart is given the error. */
function choiceOf(options: ResumeOptions | false, context: Context): Required<ResumeOptions> | false {
  const own = context.get(resumeChoice);
  if (own === false || (own === undefined && options === false)) return false;
  const given = options === false ? {} : options;
  const {
    mode = given.mode ?? resumeDefaults.mode,
    otherwise = given.otherwise ?? resumeDefaults.otherwise,
    maxResumes = given.maxResumes ?? resumeDefaults.maxResumes,
  } = own ?? {};
  const sees = context.get(readerSees);
  if (sees === 'chunks') return { mode, otherwise, maxResumes };
  return { mode: sees === 'text' && mode === 'continue' ? mode : 'error', otherwise: 'error', maxResumes };
}
