import {
  type Completion,
  type Context,
  contextKey,
  type ErrorCode,
  type Middleware,
  mapChunks,
  type Reply,
  replyFrom,
  TransportError,
} from '../../src/index.ts';
import { hashOf } from '../../src/testing/answer.ts';

/** What users put around calls and attempts, well and badly. What is bad is done to some of them only. */

interface UserMiddleware {
  readonly make: Middleware;
  /** What calls end in because of it: `ok` is another answer. Without it, it keeps to the contract. */
  readonly ends?: ErrorCode | 'ok';
  /** A call may only end by its deadline. */
  readonly needsDeadline?: boolean;
}

/** Calls that nothing is done to. */
export const spared = contextKey('spared', false);
export const isSpared = (context: Context): boolean => context.get(spared);

/** Whether something is done to this call, or attempt: the same each time that it is played. */
export function strikes(context: Context): boolean {
  return !isSpared(context) && hashOf(`${context.transactionId}/${context.attempt}`) % 3 === 0;
}

/** The answer of a middleware that asks nobody. */
export const canned = 'It is forty-two.';
const cannedCompletion: Completion = {
  ...{ text: canned, toolCalls: [], reasoning: undefined, object: undefined, finishReason: 'stop' },
  ...{ usage: undefined, provider: 'canned', model: 'canned', transactionId: 'canned', attempts: [] },
  ...{ cost: 0, resumed: false, raw: undefined },
};

/** Does this to the calls that it strikes; to the others nothing. */
const striking =
  (middleware: Middleware): Middleware =>
  (next, mount) => {
    const struck = middleware(next, mount);
    return (request, context) => (strikes(context) ? struck : next)(request, context);
  };

const all = {
  mapped: {
    make: (next) => async (request, context) => mapChunks(await next(request, context), (chunk) => chunk),
  },
  generated: {
    make: (next) => async (request, context) => {
      const reply: Reply = await next(request, context);
      async function* chunks() {
        yield* reply.chunks;
      }
      return { ...reply, chunks: chunks() };
    },
  },
  looking: {
    make: (next) => async (request, context) => {
      const reply = await next(request, context);
      void reply.done.then(({ ok }) => ok && context.with(spared.of(true)).get(spared));
      return reply;
    },
  },
  forking: {
    make: (next) => async (request, context) => {
      const controller = new AbortController();
      const follow = () => controller.abort(context.signal.reason);
      if (context.signal.aborted) follow();
      context.signal.addEventListener('abort', follow);
      const stop = (ok: boolean) => {
        context.signal.removeEventListener('abort', follow);
        // Who is below may still be at it, and nobody above reaches it any more.
        if (!ok) controller.abort(new TransportError('cancelled', 'The call is over'));
      };
      try {
        const reply = await next(request, context.fork({ signal: controller.signal }));
        void reply.done.then(({ ok }) => stop(ok));
        return reply;
      } catch (error) {
        stop(false);
        throw error;
      }
    },
  },
  waiting: {
    make: (next) => async (request, context) => {
      await new Promise<void>((resolve, reject) => {
        const stop = () => {
          clearTimeout(timer);
          context.signal.removeEventListener('abort', abort);
        };
        const abort = () => {
          stop();
          reject(context.signal.reason);
        };
        const timer = setTimeout(() => {
          stop();
          resolve();
        }, 30);
        if (context.signal.aborted) abort();
        else context.signal.addEventListener('abort', abort);
      });
      return next(request, context);
    },
  },
  hurrying: {
    make: (next) => (request, context) =>
      next(request, isSpared(context) ? context : context.fork({ deadline: Date.now() + 5_000 })),
  },

  refusing: {
    make: striking(() => async () => {
      throw new TransportError('budget_exceeded', 'No money is left');
    }),
    ends: 'budget_exceeded',
  },
  throwing: {
    make: striking(() => () => {
      throw new TypeError('a bug');
    }),
    ends: 'middleware',
  },
  throwingLate: {
    make: striking((next) => async (request, context) => {
      await next(request, context);
      throw new TypeError('a bug');
    }),
    ends: 'middleware',
  },
  nonsense: { make: striking(() => async () => ({}) as Reply), ends: 'middleware' },
  rejectingDone: {
    make: striking((next) => async (request, context) => ({
      ...(await next(request, context)),
      done: Promise.reject(new TypeError('a bug')),
    })),
    ends: 'middleware',
  },
  answering: { make: striking(() => async () => replyFrom(cannedCompletion)), ends: 'ok' },
  hanging: {
    make: striking(() => () => new Promise<Reply>(() => {})),
    ends: 'deadline_exceeded',
    needsDeadline: true,
  },
  hangingLate: {
    make: striking((next) => async (request, context) => {
      await next(request, context);
      return new Promise<Reply>(() => {});
    }),
    ends: 'deadline_exceeded',
    needsDeadline: true,
  },
} as const satisfies Readonly<Record<string, UserMiddleware>>;

export type UserMiddlewareName = keyof typeof all;
export const userMiddleware: Readonly<Record<UserMiddlewareName, UserMiddleware>> = all;
