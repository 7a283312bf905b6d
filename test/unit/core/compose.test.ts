import { describe, expect, it, vi } from 'vitest';
import { compose, guarded } from '../../../src/core/compose.ts';
import { OptionsError, TransportError } from '../../../src/core/errors.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { Handler, Middleware, Mount, Reply } from '../../../src/core/types.ts';
import { aContext, completionOf, flush, foreignReply, listenersOf, Source } from './support.ts';

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

  it('hands on the very reply that it was given, so that nothing is copied', async () => {
    for (const reply of [replyFrom(completionOf()), foreignReply(new Source()).reply]) {
      const handler = guarded((next) => next)(() => Promise.resolve(reply), mount);
      expect(await handler(request, aContext())).toBe(reply);
    }
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

  it('is blamed also when it has no name', async () => {
    const unnamed = [() => Promise.reject(new RangeError('out of range'))][0] as Handler;
    const handler = guarded(
      (
        (): Middleware => () =>
          unnamed
      )(),
    )(served, mount);
    await expect(handler(request, aContext())).rejects.toThrow('A middleware threw RangeError');
  });

  it('may throw a TransportError of its own, which passes as it is', async () => {
    const error = new TransportError('budget_exceeded', 'no tokens left');
    const handler = guarded(() => () => Promise.reject(error))(served, mount);
    await expect(handler(request, aContext())).rejects.toBe(error);
  });

  it.each([
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a text', 'Hello', 'string'],
    ['a completion', completionOf(), 'object'],
    ['a reply without chunks', { provider: 'one', done: Promise.resolve() }, 'object'],
    ['a reply without done', { provider: 'one', chunks: (async function* () {})() }, 'object'],
  ])('is blamed for answering with %s instead of a reply', async (_, answered, got) => {
    const handler = guarded(() => () => Promise.resolve(answered as never))(served, mount);
    await expect(handler(request, aContext())).rejects.toMatchObject({
      code: 'middleware',
      cause: { message: `expected a Reply with chunks and done, got ${got}` },
    });
  });

  it.each([
    ['named', function named() {}],
    ['unnamed', (() => () => {})()],
  ])('is refused when it is put in place if it returns no handler (%s)', (_, layer) => {
    expect(() => guarded(layer as never)(served, mount)).toThrow(OptionsError);
    expect(() => guarded(layer as never)(served, mount)).toThrow('handler (request, context)');
    expect(() => guarded(layer as never)(served, mount)).toThrow(expect.objectContaining({ path: '' }));
  });

  describe('that gives next something else than a request', () => {
    const passing = (changed: unknown): Handler =>
      guarded((next) => (_, context) => next(changed as never, context))(served, mount);

    it.each([
      ['nothing', undefined],
      ['null', null],
      ['a text', 'Hello'],
      ['messages that are no array', { messages: 'Hello' }],
      ['a message without content', { messages: [{ role: 'user', content: undefined }] }],
      ['a message whose content is null', { messages: [{ role: 'user', content: null }] }],
      [
        'one good message and one without content',
        { messages: [{ role: 'user', content: 'Hello' }, { role: 'user' }] },
      ],
      ['a part that is no object', { messages: [{ role: 'user', content: ['Hello'] }] }],
      ['a part that is null', { messages: [{ role: 'user', content: [null] }] }],
      [
        'one good part and one that is none',
        { messages: [{ role: 'user', content: [{ type: 'text', text: '' }, 1] }] },
      ],
    ])('is blamed (%s)', async (_, changed) => {
      await expect(passing(changed)(request, aContext())).rejects.toMatchObject({
        code: 'middleware',
        cause: { name: 'TypeError', message: 'next was not given a request' },
      });
    });

    it.each([
      ['a prompt', { prompt: 'Hello' }],
      ['messages of text', { messages: [{ role: 'user', content: 'Hello' }] }],
      ['messages of parts', { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] }],
      ['no messages at all', { messages: [] }],
    ])('is not blamed for another request (%s)', async (_, changed) => {
      await expect(passing(changed)(request, aContext())).resolves.toMatchObject({ provider: 'one' });
    });

    it('may hand on what it was asked with itself, whatever that is', async () => {
      const odd = { messages: 'of a layer above' } as never;
      await expect(guarded((next) => next)(served, mount)(odd, aContext())).resolves.toMatchObject({ provider: 'one' });
    });
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a completion', completionOf()],
    ['a success without a completion', { ok: true }],
    ['a success whose completion is null', { ok: true, completion: null }],
    ['a success with a text', { ok: true, completion: 'Hello' }],
    ['a failure without an error', { ok: false }],
    ['a failure with a foreign error', { ok: false, error: new Error('odd') }],
  ])('is blamed for a reply whose done is %s', async (_, outcome) => {
    const reply = { ...replyFrom(completionOf()), done: Promise.resolve(outcome as never) };
    const answered = await guarded(() => () => Promise.resolve(reply))(served, mount)(request, aContext());
    await expect(answered.done).resolves.toMatchObject({
      ok: false,
      error: { code: 'middleware', cause: { name: 'TypeError', message: 'done is no outcome' } },
    });
  });

  it('is blamed for a reply whose done rejects', async () => {
    const reply = { ...replyFrom(completionOf()), done: Promise.reject(new RangeError('odd')) };
    const answered = await guarded(() => () => Promise.resolve(reply))(served, mount)(request, aContext());
    await expect(answered.done).resolves.toMatchObject({
      ok: false,
      error: { code: 'middleware', cause: { name: 'RangeError' } },
    });
  });

  it.each([
    ['a success', { ok: true as const, completion: completionOf() }],
    ['a failure', { ok: false as const, error: new TransportError('truncated', 'cut off') }],
  ])('may make a reply whose done is %s of its own', async (_, outcome) => {
    const reply = { ...replyFrom(completionOf()), done: Promise.resolve(outcome) };
    const answered = await guarded(() => () => Promise.resolve(reply))(served, mount)(request, aContext());
    expect(await answered.done).toBe(outcome);
  });

  it('leaves neither a listener nor a timer behind, also when it answers after the call was stopped', async () => {
    vi.useFakeTimers();
    try {
      const controller = new AbortController();
      const listeners = listenersOf(controller.signal);
      let answer: (reply: Reply) => void = () => {};
      const layer: Middleware = () => () =>
        new Promise((resolve) => {
          answer = resolve;
        });
      const ask = () => guarded(layer)(served, mount)(request, aContext(controller.signal));
      const first = ask();
      answer(replyFrom(completionOf()));
      await (await first).done;
      await flush();
      expect(listeners()).toBe(0);

      const second = ask();
      controller.abort();
      expect(vi.getTimerCount()).toBe(1);
      answer(replyFrom(completionOf()));
      await (await second).done;
      await flush();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
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
