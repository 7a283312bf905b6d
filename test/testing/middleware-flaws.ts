import { setTimeout as sleep } from 'node:timers/promises';
import { callOf, createContext } from '../../src/core/context.ts';
import { TransportError } from '../../src/core/errors.ts';
import { type Fork, forkSignal, isAbandoned, onAbort } from '../../src/core/signals.ts';
import type {
  Chunk,
  Completion,
  CompletionRequest,
  Context,
  Handler,
  Middleware,
  Outcome,
  Reply,
} from '../../src/core/types.ts';
import { mapChunks, replyFrom } from '../../src/index.ts';
import type { MiddlewareContractOptions } from '../../src/testing/index.ts';

/** What is wrong, what the suite is told of it, and the rules that must notice it: each of them, and no other. */
export interface MiddlewareFlaw extends MiddlewareContractOptions {
  readonly what: string;
  readonly rules: readonly RegExp[];
}

type More = Omit<MiddlewareContractOptions, 'make'>;

function flaw(what: string, rules: RegExp | readonly RegExp[], make: Middleware, more: More = {}): MiddlewareFlaw {
  const named: Middleware = (next, mount) => make(next, mount);
  return { what, rules: [rules].flat(), make: () => named, ...more };
}

/** What becomes of a reply. */
function reply(change: (reply: Reply, context: Context) => Reply | Promise<Reply>): Middleware {
  return (next) => async (request, context) => change(await next(request, context), context);
}

/** What becomes of a stream; a unary answer stays. */
function stream(change: (chunks: AsyncIterable<Chunk>) => AsyncIterable<Chunk>): Middleware {
  return (next) => async (request, context) => {
    const came = await next(request, context);
    return request.stream === true ? { ...came, chunks: change(came.chunks) } : came;
  };
}

/** What becomes of a rejection. */
function rejection(change: (error: TransportError) => unknown): Middleware {
  return (next) => (request, context) => next(request, context).catch((error) => Promise.reject(change(error)));
}

/** Three places for calls under way at once; `leave` has to give a place back. */
function places(leave: (reply: Promise<Reply>, back: () => void, context: Context) => void): Middleware {
  return (next) => {
    let taken = 0;
    return async (request, context) => {
      if (taken === 3) throw new TransportError('queue_full', 'No place is left');
      taken += 1;
      const came = next(request, context);
      leave(
        came,
        () => {
          taken -= 1;
        },
        context,
      );
      return came;
    };
  };
}

/** An own signal for what is below, which `follow` may connect to the caller's. */
function ownSignal(follow: (signal: AbortSignal, controller: AbortController) => void = () => {}): Middleware {
  return (next) => (request, context) => {
    const controller = new AbortController();
    follow(context.signal, controller);
    return next(request, context.fork({ signal: controller.signal }));
  };
}

export const middlewareFlaws: readonly MiddlewareFlaw[] = [
  // What is handed on.
  { what: 'no name', rules: [/^has a name/], make: () => (next) => (request, context) => next(request, context) },
  flaw(
    'a call that is made twice',
    [/^asks what is below it once/, /^serves each/],
    (next) => async (request, context) => {
      const first = await next(request, context);
      return request.stream === true ? first : next(request, context);
    },
  ),
  flaw('another request', /^asks what is below it once/, (next) => (request, context) => {
    return next({ ...request, temperature: 0 }, context);
  }),
  flaw('half a context', /./, (next) => (request, context) => next(request, { ...context } as Context)),
  flaw('a context of its own', /^hands on the context/, (next) => (request, context) => {
    return next(request, createContext(callOf(context), context));
  }),
  flaw('a request that is changed', /^leaves the request and the context/, (next) => (request, context) => {
    return next(Object.assign(request, { temperature: 0 }), context);
  }),
  flaw('a context that is changed', /^leaves the request and the context/, (next) => (request, context) => {
    return next(request, Object.assign(context, { seen: true }));
  }),
  flaw('an event with the prompt', /^publishes plain/, (next) => (request, context) => {
    context.publish({ type: 'asked', request });
    return next(request, context);
  }),
  flaw('an event with an object of a class', /^publishes plain/, (next) => (request, context) => {
    context.publish({ type: 'asked', when: new Date() });
    return next(request, context);
  }),

  // Answers.
  flaw('a whole answer that is changed', /^hands out a whole/, (next) => async (request, context) => {
    const came = await next(request, context);
    const outcome = request.stream === true ? undefined : await came.done;
    return outcome?.ok ? replyFrom({ ...outcome.completion, usage: undefined }) : came;
  }),
  flaw(
    'lost chunks',
    [/^hands out a whole/, /^hands out the chunks/],
    reply((came) => {
      let first = true;
      return mapChunks(came, (chunk) => {
        const lost = first;
        first = false;
        return lost ? undefined : chunk;
      });
    }),
  ),
  flaw(
    'a look at every chunk',
    /^leaves the chunks alone/,
    stream(async function* (chunks) {
      yield* chunks;
    }),
  ),
  flaw(
    'a stream that it reads itself',
    [/stream/, /^says in done/, /^reads no further/, /^stops what is below when/],
    reply(async (came, { signal: _ }) => {
      for await (const _ of came.chunks);
      return came;
    }),
  ),
  flaw(
    'done at once',
    [/^is done when the stream is over/, /^says in done/],
    done(() => Promise.resolve(endedBadly)),
  ),
  flaw(
    'done that says that all is well',
    /^says in done/,
    done((came) => came.then((outcome) => (outcome.ok ? outcome : { ok: true, completion: {} as Completion }))),
  ),
  flaw(
    'done that rejects',
    [/^says in done/, /^leaves no rejection/],
    done((came) => came.then((outcome) => (outcome.ok ? outcome : Promise.reject(outcome.error)))),
  ),
  flaw(
    'done that settles with nothing',
    /^says in done/,
    done((came) => came.then(() => undefined as never)),
  ),
  flaw(
    'done that never comes',
    [/^is done when/, /^says in done/],
    done(() => new Promise(() => {})),
  ),
  flaw('answers for others', /^does not mix/, (next) => {
    let latest: CompletionRequest;
    return async (request, context) => {
      latest = request;
      await new Promise((resolve) => setImmediate(resolve));
      return next(latest, context);
    };
  }),
  { what: 'one next for all', rules: [/^serves each place/], make: oneNext },

  // Errors.
  flaw(
    'errors of another class',
    /^throws nothing but/,
    rejection(({ message }) => new Error(message)),
  ),
  flaw(
    'another code',
    /^rejects with what/,
    rejection(({ message }) => new TransportError('internal', message)),
  ),
  flaw(
    'errors that are swallowed',
    [/^rejects with what/, /^does not take half/, /^rejects when/, /^ends at once when the signal aborts before/],
    (next) => (request, context) => {
      return next(request, context).catch(() => replyFrom({ text: 'Sorry', toolCalls: [] } as never));
    },
  ),
  flaw('a refusal of any class', /^throws nothing but/, (next) => {
    let running = 0;
    return async (request, context) => {
      if (running > 10) throw new RangeError('too many');
      running += 1;
      return next(request, context).finally(() => {
        running -= 1;
      });
    };
  }),
  flaw(
    'an end that it makes up',
    [/^lets a stream break/, /^ends at once when the signal aborts in the middle/],
    stream(async function* (chunks) {
      try {
        yield* chunks;
      } catch {
        yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
      }
    }),
    { changes: ['chunks'] },
  ),
  flaw(
    'half an answer for a whole one',
    /^does not take half/,
    (next) => async (request, context) => {
      const came = await next({ ...request, stream: true }, context);
      if (request.stream === true) return came;
      let text = '';
      try {
        for await (const chunk of came.chunks) if (chunk.type === 'text') text += chunk.text;
      } catch {}
      return replyFrom({ text, toolCalls: [] } as never);
    },
    { changes: ['request', 'chunks'] },
  ),

  // The flow.
  flaw(
    'a stream that is held up',
    [/^hands out the beginning/, /^reads no further/, /^lets a stream break/],
    stream(async function* (chunks) {
      const all = [];
      for await (const chunk of chunks) all.push(chunk);
      yield* all;
    }),
    { changes: ['chunks'] },
  ),
  flaw(
    'a stream that is answered when it is done',
    [/stream/, /^says in done/, /^reads no further/, /^stops what is below when/],
    (next) => async (request, context) => {
      const came = await next(request, context);
      await came.done;
      return came;
    },
  ),
  flaw('reading ahead', /^reads no further/, stream(ahead), { changes: ['chunks'] }),

  // Aborts.
  flaw('no ear for the signal', [/abort/, /^says in done/, /^stops what is below/], ownSignal()),
  flaw(
    'a signal that is followed only while it waits',
    [/abort/, /^says in done/, /^stops what is below/],
    (next) => async (request, context) => {
      const controller = new AbortController();
      const follow = () => controller.abort(context.signal.reason);
      context.signal.addEventListener('abort', follow);
      try {
        return await next(request, context.fork({ signal: controller.signal }));
      } finally {
        context.signal.removeEventListener('abort', follow);
      }
    },
  ),
  flaw(
    'a reader whose leaving is not told',
    [/^stops what is below when the reader leaves/, /^says in done/],
    (next) => async (request, context) => {
      const fork = forkSignal(undefined);
      const stop = onAbort(context.signal, () => isAbandoned(context.signal) || fork.abort(context.signal.reason));
      const came = await next(request, context.fork({ signal: fork.signal })).catch((error) => {
        stop();
        throw error;
      });
      void came.done.then(stop);
      if (request.stream !== true) return came;
      const inner = came.chunks[Symbol.asyncIterator]();
      return { ...came, chunks: { [Symbol.asyncIterator]: () => ({ next: () => inner.next() }) } };
    },
    { changes: ['chunks'] },
  ),
  flaw('a signal that is let go of when the call has failed', /^stops what is below when the reader leaves/, (next) => {
    return async (request, context) => {
      const fork = forkSignal(context.signal);
      const came = next(request, context.fork({ signal: fork.signal }));
      came.then(({ done }) => done.then(fork.release), fork.release);
      return came;
    };
  }),
  flaw('a line that does not hear of aborts', /^ends a call that is aborted while/, line),
  flaw('an abort for all', [/^ends a call that is aborted while/, /^stops what is below/], (next) => {
    const all = new Set<Fork>();
    return async (request, context) => {
      const fork = forkSignal(undefined);
      all.add(fork);
      const stop = onAbort(context.signal, () => {
        for (const one of all) one.abort(context.signal.reason);
      });
      const end = (): void => {
        all.delete(fork);
        stop();
      };
      const came = next(request, context.fork({ signal: fork.signal }));
      came.then(({ done }) => done.then(end), end);
      return came;
    };
  }),

  // What is kept.
  flaw(
    'places kept by streams',
    /^answers as before after many calls that (?!were rejected)/,
    places((came, back) => came.catch(back)),
  ),
  flaw(
    'places kept by rejections',
    /^answers as before after many calls that (were rejected|broke|were aborted before)/,
    places((came, back) =>
      came.then(
        ({ done }) => done.then(back),
        () => {},
      ),
    ),
  ),
  flaw(
    'places kept by broken streams',
    /^answers as before/,
    places((came, back) => came.then(({ done }) => done.then(({ ok }) => ok && back()), back)),
  ),
  flaw('a listener for each call', /^leaves no listener/, (next) => (request, context) => {
    context.signal.addEventListener('abort', () => {});
    return next(request, context);
  }),
  flaw(
    'a timer for each call',
    [/^leaves no listener and no timer/, /^leaves no timer/],
    (next) => (request, context) => {
      setTimeout(() => {}, 60_000).unref();
      return next(request, context);
    },
  ),
  flaw(
    'a timer of node:timers/promises',
    [/^leaves no listener and no timer/, /^leaves no timer/, /^keeps nothing/],
    (next) => async (request, context) => {
      const late = sleep(60_000, undefined, { ref: false });
      return Promise.race([next(request, context), late]) as Promise<Reply>;
    },
  ),
  flaw('a timer for all', /^leaves no timer when/, (next) => {
    setInterval(() => {}, 60_000).unref();
    return next;
  }),
  flaw('a cleanup that never ends', /^leaves no timer when/, (next, mount) => {
    mount.onClose(() => new Promise(() => {}));
    return next;
  }),
  flaw('a book of all calls', /^keeps nothing/, (next) => {
    const book: Context[] = [];
    return (request, context) => {
      book.push(context);
      return next(request, context);
    };
  }),
  flaw('a promise that nobody looks after', /^leaves no rejection/, (next) => (request, context) => {
    const came = next(request, context);
    void came.then(() => {});
    return came;
  }),
];

const endedBadly: Outcome = { ok: false, error: new TransportError('internal', 'It is over') };

/** Another `done`. */
function done(change: (done: Promise<Outcome>) => Promise<Outcome>): Middleware {
  return (next) => async (request, context) => {
    const came = await next(request, context);
    return request.stream === true ? { ...came, done: change(came.done) } : came;
  };
}

/** Two at a time; the others wait, and hear nothing meanwhile. */
function line(next: Handler): Handler {
  let running = 0;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    running -= 1;
    waiting.shift()?.();
  };
  return async (request, context) => {
    if (running >= 2) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    try {
      const came = await next(request, context);
      void came.done.then(leave);
      return came;
    } catch (error) {
      leave();
      throw error;
    }
  };
}

/** Reads all that there is, however slow its reader. */
function ahead(chunks: AsyncIterable<Chunk>): AsyncIterable<Chunk> {
  const come: IteratorResult<Chunk>[] = [];
  let wake = () => {};
  let failed: unknown;
  void (async () => {
    try {
      for await (const value of chunks) {
        come.push({ done: false, value });
        wake();
      }
    } catch (error) {
      failed = error;
    }
    come.push({ done: true, value: undefined });
    wake();
  })();
  return (async function* () {
    for (;;) {
      const next = come.shift();
      if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else if (!next.done) yield next.value;
      else if (failed !== undefined) throw failed;
      else return;
    }
  })();
}

function oneNext(): Middleware {
  let below: Handler | undefined;
  return function oneNext(next) {
    below ??= next;
    const handler = below;
    return (request, context) => handler(request, context);
  };
}
