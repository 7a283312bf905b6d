import { describe, expect, it, vi } from 'vitest';
import { compose, guarded } from '../../../src/core/compose.ts';
import { OptionsError, TransportError } from '../../../src/core/errors.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { Handler, Middleware, Mount } from '../../../src/core/types.ts';
import { aContext, completionOf } from './support.ts';

const mount: Mount = { provider: undefined, onClose: () => {} };
const request = { prompt: 'Hello' };
const served: Handler = () => Promise.resolve(replyFrom(completionOf()));

describe('compose', () => {
  it('puts the first layer outermost, and gives each the place where it is', async () => {
    const order: string[] = [];
    const layer =
      (name: string): Middleware =>
      (next, where) => {
        expect(where).toBe(mount);
        return (...args) => {
          order.push(name);
          return next(...args);
        };
      };
    await compose([layer('outer'), layer('inner')], served, mount)(request, aContext());
    expect(order).toEqual(['outer', 'inner']);
  });

  it('is the handler itself without layers', () => {
    expect(compose([], served, mount)).toBe(served);
  });

  it('applies each layer once, however many calls there are', async () => {
    let applied = 0;
    const handler = compose(
      [
        (next) => {
          applied += 1;
          return next;
        },
      ],
      served,
      mount,
    );
    await handler(request, aContext());
    await handler(request, aContext());
    expect(applied).toBe(1);
  });
});

describe("a user's middleware", () => {
  it('passes what it answers', async () => {
    const reply = replyFrom(completionOf());
    const handler = guarded(() => () => Promise.resolve(reply))(served, mount);
    const answered = await handler(request, aContext());
    expect(answered).toEqual(reply);
    expect(answered.chunks).toBe(reply.chunks);
  });

  it('is blamed for what it throws, by name and with the cause', async () => {
    const layer: Middleware = function auditLog() {
      return () => {
        throw new RangeError('out of range');
      };
    };
    await expect(guarded(layer)(served, mount)(request, aContext())).rejects.toMatchObject({
      code: 'middleware',
      message: 'auditLog threw RangeError',
      cause: { name: 'RangeError', message: 'out of range' },
    });
  });

  it('is blamed for what it rejects with, also when that is no error', async () => {
    const handler = guarded(() => () => Promise.reject('nope'))(served, mount);
    await expect(handler(request, aContext())).rejects.toMatchObject({
      code: 'middleware',
      cause: { message: 'nope' },
    });
  });

  it('may throw a TransportError of its own, which passes as it is', async () => {
    const error = new TransportError('budget_exceeded', 'no tokens left');
    const handler = guarded(() => () => Promise.reject(error))(served, mount);
    await expect(handler(request, aContext())).rejects.toBe(error);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a completion', completionOf()],
    ['a reply without chunks', { provider: 'one', done: Promise.resolve() }],
    ['a reply without done', { provider: 'one', chunks: (async function* () {})() }],
  ])('is blamed for answering with %s instead of a reply', async (_, answered) => {
    const handler = guarded(() => () => Promise.resolve(answered as never))(served, mount);
    await expect(handler(request, aContext())).rejects.toMatchObject({
      code: 'middleware',
      cause: { message: expect.stringContaining('expected a Reply') },
    });
  });

  it.each([
    ['named', function named() {}],
    ['unnamed', (() => () => {})()],
  ])('is refused when it is put in place if it returns no handler (%s)', (_, layer) => {
    expect(() => guarded(layer as never)(served, mount)).toThrow(OptionsError);
    expect(() => guarded(layer as never)(served, mount)).toThrow('handler (request, context)');
  });

  it('that never settles does not outlast its deadline by more than a moment', async () => {
    vi.useFakeTimers();
    try {
      const controller = new AbortController();
      const handler = guarded(() => () => new Promise(() => {}))(served, mount);
      const call = handler(request, aContext().fork({ signal: controller.signal }));
      const outcome = call.catch((error: TransportError) => error.code);
      controller.abort(new TransportError('deadline_exceeded', 'The time for the call is over'));
      await vi.advanceTimersByTimeAsync(10_000);
      await expect(outcome).resolves.toBe('deadline_exceeded');
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('may still answer in another way when its call was stopped', async () => {
    const controller = new AbortController();
    const late = replyFrom(completionOf());
    const handler = guarded(() => async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return late;
    })(served, mount);
    const call = handler(request, aContext().fork({ signal: controller.signal }));
    controller.abort(new TransportError('deadline_exceeded', 'The time for the call is over'));
    await expect(call).resolves.toEqual(late);
  });
});
