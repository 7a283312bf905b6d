import { describe, expect, it } from 'vitest';
import {
  alternatives,
  attemptReason,
  beginAttempt,
  callInfo,
  callOf,
  contextKey,
  createContext,
  firstWait,
  forgetAttempt,
  receiver,
  type Watcher,
  waitedMs,
  watched,
  watchers,
} from '../../../src/core/context.ts';
import type { Context, ContextKey } from '../../../src/core/types.ts';
import { aCall } from './support.ts';

const tenant = contextKey('tenant', 'anonymous');

describe('values of a context', () => {
  it('have their initial value until somebody gives another', () => {
    const { above } = aCall();
    expect(above.get(tenant)).toBe('anonymous');
    expect(above.with(tenant.of('acme')).get(tenant)).toBe('acme');
    expect(aCall({ values: [tenant.of('acme')] }).above.get(tenant)).toBe('acme');
  });

  it('are told apart by key, not by name', () => {
    const other = contextKey('tenant', 'other');
    const context = aCall().above.with(tenant.of('acme'));
    expect(context.get(other)).toBe('other');
  });

  it('can be undefined, which is not the same as not given', () => {
    const key = contextKey<string | undefined>('maybe', 'initial');
    expect(aCall().above.with(key.of(undefined)).get(key)).toBeUndefined();
  });

  it('keep the last that was given', () => {
    const context = aCall().above.with(tenant.of('a'), tenant.of('b')).with(alternatives.of(1));
    expect(context.get(tenant)).toBe('b');
  });

  it('are not seen above, nor by a sibling', () => {
    const { above } = aCall();
    const one = above.with(tenant.of('one'));
    const other = above.with(tenant.of('other'));
    expect([above, one, other].map((context) => context.get(tenant))).toEqual(['anonymous', 'one', 'other']);
  });
});

describe('forks of a context', () => {
  it('have a signal and a deadline of their own, and share the rest', () => {
    const { above } = aCall({ deadline: 1_000, values: [tenant.of('acme')] });
    const { signal } = new AbortController();
    const fork = above.fork({ signal });
    expect(fork.signal).toBe(signal);
    expect(fork.deadline).toBe(1_000);
    expect(above.fork({ deadline: 5 }).deadline).toBe(5);
    expect(above.fork({ deadline: 5 }).signal).toBe(above.signal);
    expect(fork.get(tenant)).toBe('acme');
    expect(callOf(fork)).toBe(callOf(above));
    expect(above.signal).not.toBe(signal);
  });

  it('are isolated from each other', () => {
    const { above } = aCall();
    const one = beginAttempt(above.fork({ deadline: 1 }), 'first').with(tenant.of('one'));
    const other = beginAttempt(above.fork({ deadline: 2 }), 'hedge');
    expect([one.attempt, other.attempt, above.attempt]).toEqual([1, 2, 0]);
    expect([one.get(attemptReason), other.get(attemptReason)]).toEqual(['first', 'hedge']);
    expect(other.get(tenant)).toBe('anonymous');
    expect([one.deadline, other.deadline]).toEqual([1, 2]);
  });

  it('have no deadline unless one is given', () => {
    expect(aCall().above.deadline).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('attempts', () => {
  it('are numbered from 1, and nothing is one above the router', () => {
    const { above } = aCall();
    expect(above.attempt).toBe(0);
    expect(beginAttempt(above, 'first').attempt).toBe(1);
  });

  it('give their number back when nothing was sent, unless another has begun since', () => {
    const { above } = aCall();
    forgetAttempt(beginAttempt(above, 'first'));
    const first = beginAttempt(above, 'first');
    expect(first.attempt).toBe(1);
    const second = beginAttempt(above, 'hedge');
    forgetAttempt(first);
    expect(beginAttempt(above, 'retry').attempt).toBe(second.attempt + 1);
  });
});

describe('a context', () => {
  it('stamps what is published with the call and the attempt', () => {
    const { above, context, seen } = aCall();
    above.publish({ type: 'mine', size: 3 });
    context.publish({ type: 'mine' });
    expect(seen).toMatchObject([
      { type: 'mine', size: 3, transactionId: 'transaction-1', attempt: 0 },
      { type: 'mine', transactionId: 'transaction-1', attempt: 1 },
    ]);
  });

  it('adds watchers without replacing any, and only below', () => {
    const { above } = aCall();
    const [one, two]: Watcher[] = [{}, {}];
    const below = watched(watched(above, one as Watcher), two as Watcher);
    expect(below.get(watchers)).toEqual([one, two]);
    expect(above.get(watchers)).toEqual([]);
  });

  it('ignores what is received where nobody asks for it', () => {
    expect(() => aCall().above.received({ providerRequestId: 'r' })).not.toThrow();
  });

  it('tells a function what it needs to know', () => {
    const { context } = aCall({ deadline: 7 });
    expect(callInfo(context)).toEqual({
      signal: context.signal,
      deadline: 7,
      transactionId: 'transaction-1',
      attempt: 1,
    });
  });

  it('belongs to its call also when another is put around it', () => {
    const { above, call } = aCall();
    const around: Context = Object.create(above, { get: { value: above.get.bind(above) } });
    expect(callOf(around)).toBe(call);
  });

  it('knows what holds for an attempt of which nobody has said anything', () => {
    const { above } = aCall();
    const values = [watchers, waitedMs, attemptReason, alternatives, firstWait, receiver].map((key) =>
      above.get(key as ContextKey<unknown>),
    );
    expect(values).toEqual([[], 0, 'first', 0, 'stream', undefined]);
  });

  it('knows the ledger, the id and the priority of its call', () => {
    const { above, call } = aCall();
    expect(above.attempts).toBe(call.attempts);
    expect([above.transactionId, above.priority]).toEqual(['transaction-1', 'default']);
  });

  it('that belongs to no call says so when it is asked for one', () => {
    const stray = { get: <T>({ initial }: { initial: T }) => initial } as unknown as Context;
    expect(() => callOf(stray)).toThrow('The context does not belong to a call');
  });

  it('belongs to its call, whatever values it is given', () => {
    const one = aCall();
    const other = aCall();
    const stolen = createContext(one.call, { signal: one.above.signal, values: [] });
    expect(callOf(stolen)).toBe(one.call);
    expect(callOf(other.above)).not.toBe(one.call);
  });
});
