import { describe, expect, it, vi } from 'vitest';
import { fullJitter } from '../../../src/control/backoff.ts';
import { RetryQuota } from '../../../src/control/retry-quota.ts';
import { type Call, createContext } from '../../../src/core/context.ts';
import { TransportError } from '../../../src/core/errors.ts';
import { Events } from '../../../src/core/events.ts';
import { Health } from '../../../src/core/health.ts';
import { itinerary, nobodyLeft } from '../../../src/core/itinerary.ts';
import type { Handler } from '../../../src/core/types.ts';
import { retry } from '../../../src/middleware/retry.ts';
import { answerTo, faultCases, simulated } from '../../../src/testing/index.ts';
import {
  advance,
  allSettled,
  asked,
  broken,
  chance,
  flush,
  kept,
  readAll,
  requestsAt,
  settled,
  tally,
  transport,
  virtualTime,
  watch,
} from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };
const sixty = answerTo('Hello');
/** The most that a call waits before its second round. */
const firstBoundMs = fullJitter(1, 1);

describe('a round', () => {
  it('goes from one provider to the next in the same tick, without a timer', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'http-503' }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b] });
    const call = watch(llm.complete(hello));
    await flush();
    expect(call.result).toMatchObject({ ok: true, value: { text: sixty, provider: 'b' } });
    expect([a.requests.length, b.requests.length]).toEqual([1, 1]);
    expect(llm.events.filter(({ type }) => type === 'retry')).toMatchObject([{ code: 'overloaded', waitMs: 0 }]);
  });

  it('asks each provider at most once, then waits with full jitter, and there are as many as it is told', async () => {
    const providers = ['a', 'b', 'c'].map((name) => simulated({ name, fault: 'http-500' }));
    const llm = transport({ providers, circuitBreaker: false, retry: { retries: 2 } });
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const error = await broken(llm.complete(hello));
    expect(error.code).toBe('server_error');
    expect(asked(error)).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']);
    // Half of the bounds.
    expect(error.ms).toBe(firstBoundMs * 0.5 + firstBoundMs);
    expect(error.attempts.map(({ reason }) => reason)).toEqual(['first', ...Array(8).fill('failover')]);
  });

  it('draws its waits from zero to a bound that doubles', async () => {
    const waits: number[][] = [[], [], []];
    for (let seed = 1; seed <= 60; seed++) {
      chance(seed);
      const a = simulated({ name: 'a', fault: 'http-500' });
      const llm = transport({ providers: [a], circuitBreaker: false });
      await broken(llm.complete(hello));
      for (const [index, { waitMs }] of llm.events
        .filter((event) => event.type === 'retry' && event.waitMs > 0)
        .entries() as never as [number, { waitMs: number }][])
        waits[index]?.push(waitMs);
    }
    for (const [index, bound] of [firstBoundMs, firstBoundMs * 2, firstBoundMs * 4].entries()) {
      const drawn = waits[index] ?? [];
      expect(drawn.length).toBeGreaterThan(50);
      expect(Math.max(...drawn)).toBeLessThanOrEqual(bound);
      expect(Math.max(...drawn)).toBeGreaterThan(bound * 0.8);
      expect(Math.min(...drawn)).toBeLessThan(bound * 0.2);
    }
  });

  it('prefers another failure domain', async () => {
    const a = simulated({ name: 'a', domain: 'one', fault: 'http-500' });
    const b = simulated({ name: 'b', domain: 'one' });
    const c = simulated({ name: 'c', domain: 'two' });
    const { provider } = await kept(transport({ providers: [a, b, c] }).complete(hello));
    expect([provider, requestsAt(b)]).toEqual(['c', 0]);
  });

  it.each(['empty-answer', 'malformed-json', 'missing-terminal-event', 'silence-after-headers'] as const)(
    '%s, always, at a lone provider: each answer may be billed, so there are as many probes at most as rounds',
    async (fault) => {
      for (const retries of [0, 1, 3]) {
        const a = simulated({ name: 'a', fault });
        const llm = transport({ providers: [a], retry: { retries } });
        await broken(llm.complete(hello, { timeoutMs: 600_000 }));
        expect(requestsAt(a)).toBeGreaterThanOrEqual(1 + retries);
        expect(requestsAt(a)).toBeLessThanOrEqual(1 + 2 * retries);
      }
    },
  );

  it.each(['http-503', 'http-500', 'connection-refused'] as const)(
    '%s, always, at a lone provider: who only refuses is waited for, and asked as often as its circuit lets it be',
    async (fault) => {
      const a = simulated({ name: 'a', fault });
      const llm = transport({ providers: [a], retry: { maxWaitMs: 30_000 } });
      const { ms } = await broken(llm.complete(hello));
      expect(requestsAt(a)).toBeGreaterThan(7);
      expect(ms).toBeGreaterThan(20_000);
      expect(ms).toBeLessThanOrEqual(30_000);
    },
  );

  it('is told of once, whether the next is asked at once or waited for', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'http-503' }), simulated({ name: 'b', script: ['http-503'] })];
    const llm = transport({ providers: [a, b] });
    const answer = await kept(llm.complete(hello));
    expect(asked(answer)).toEqual(['a', 'b', 'a', 'b']);
    const told = llm.events
      .filter(({ type }) => type === 'retry')
      .map((event) => event.type === 'retry' && event.waitMs > 0);
    expect(told).toEqual([false, true, false]);
  });

  it('does not ask again where nothing can help: the request is wrong', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'invalid-request' }), simulated({ name: 'b' })];
    const error = await broken(transport({ providers: [a, b] }).complete(hello));
    expect([error.code, error.ms, requestsAt(a), requestsAt(b)]).toEqual(['invalid_request', 0, 1, 0]);
  });

  it('ends with the first attempt when it is off', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'http-500' }), simulated({ name: 'b' })];
    const error = await broken(transport({ providers: [a, b], retry: false }).complete(hello));
    expect([error.code, requestsAt(a, b)]).toEqual(['server_error', 1]);
  });
});

describe('an error that only another provider can help with', () => {
  it.each(['context-length', 'model-not-found', 'unauthorized', 'insufficient-quota', 'do-not-retry'] as const)(
    '%s: is not asked twice by one call, and the next is asked at once',
    async (fault) => {
      const a = simulated({ name: 'a', fault });
      const b = simulated({ name: 'b', script: ['http-503', 'http-503'] });
      const llm = transport({ providers: [a, b] });
      const answer = await kept(llm.complete(hello));
      expect(asked(answer)).toEqual(['a', 'b', 'b', 'b']);
      expect(requestsAt(a)).toBe(1);
    },
  );

  it('costs no round: with no rounds left the backup is asked all the same', async () => {
    const a = simulated({ name: 'a', fault: 'context-length' });
    const b = simulated({ name: 'b', fault: 'context-length' });
    const c = simulated({ name: 'c' });
    const { provider } = await kept(transport({ providers: [a, b, c], retry: { retries: 0 } }).complete(hello));
    expect(provider).toBe('c');
  });

  it('costs no quota: a thousand fail-overs at once are all made', { tags: ['load'] }, async () => {
    const a = simulated({ name: 'a', fault: 'context-length', words: 2 });
    const b = simulated({ name: 'b', words: 2, firstTokenMs: 1_000 });
    const llm = transport({ providers: [a, b] });
    const results = await allSettled(Array.from({ length: 1_000 }, () => llm.complete(hello)));
    expect(tally(results)).toEqual({ ok: 1_000 });
    // The window of the other one doubles with every round of answers.
    expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThanOrEqual(6_000);
  });

  it('surfaces as no_provider with its cause when every provider has it', async () => {
    const providers = [
      simulated({ name: 'a', fault: 'unauthorized' }),
      simulated({ name: 'b', fault: 'unauthorized' }),
    ];
    const error = await broken(transport({ providers }).complete(hello));
    expect(error).toMatchObject({ code: 'no_provider', ms: 0, cause: { code: 'authentication', provider: 'b' } });
    expect(asked(error)).toEqual(['a', 'b']);
  });

  it('surfaces as itself at a lone provider, after one request, and nothing is sent after that', async () => {
    const a = simulated({ name: 'a', fault: 'unauthorized' });
    const llm = transport({ providers: [a] });
    const first = await broken(llm.complete(hello));
    expect(first).toMatchObject({ code: 'authentication', status: 401, ms: 0 });
    const second = await broken(llm.complete(hello));
    expect(second).toMatchObject({ code: 'authentication', ms: 0, attempts: [] });
    expect(second.retryAfterMs).toBeGreaterThan(0);
    expect(requestsAt(a)).toBe(1);
  });
});

describe('a refusal by policy', () => {
  it.each(['content-policy', 'refusal', 'refusal-field'] as const)(
    '%s: goes to nobody else by default',
    async (fault) => {
      const [a, b] = [simulated({ name: 'a', fault }), simulated({ name: 'b' })];
      const llm = transport({ providers: [a, b] });
      expect(await broken(llm.complete(hello))).toMatchObject({ code: 'content_filtered' });
      expect(await broken(llm.complete({ ...hello, stream: true }))).toMatchObject({ code: 'content_filtered' });
      expect([requestsAt(a), requestsAt(b)]).toEqual([2, 0]);
    },
  );

  it.each(['content-policy', 'refusal'] as const)('%s: goes elsewhere when that was asked for', async (fault) => {
    const [a, b] = [simulated({ name: 'a', fault }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b], retry: { contentFiltered: 'elsewhere' } });
    expect(await kept(llm.complete(hello))).toMatchObject({ text: sixty, provider: 'b' });
    expect([requestsAt(a), requestsAt(b)]).toEqual([1, 1]);
  });

  it('surfaces as itself when it went elsewhere and was refused there too', async () => {
    const providers = [simulated({ name: 'a', fault: 'refusal' }), simulated({ name: 'b', fault: 'refusal' })];
    const llm = transport({ providers, retry: { contentFiltered: 'elsewhere' } });
    const error = await broken(llm.complete(hello));
    expect([error.code, (error.cause as TransportError).code]).toEqual(['no_provider', 'content_filtered']);
  });
});

describe('a provider that says when to come back', () => {
  it.each([
    ['rate-limited', 1_000],
    ['rate-limited-ms', 700],
    ['rate-limited-date', 2_000],
  ] as const)('%s: is asked neither before then nor much later', async (fault, ms) => {
    for (let seed = 1; seed <= 20; seed++) {
      chance(seed);
      const a = simulated({ name: 'a', script: [fault] });
      const llm = transport({ providers: [a] });
      await kept(llm.complete(hello));
      const [first, second] = a.requests.map(({ receivedAt }) => receivedAt);
      expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(ms);
      expect((second ?? 0) - (first ?? 0)).toBeLessThanOrEqual(ms + 51);
      expect(requestsAt(a)).toBe(2);
    }
  });

  it('is asked by nobody before then, however many calls come meanwhile', async () => {
    const a = simulated({ name: 'a', words: 2, script: ['ok', 'rate-limited-date'] });
    const llm = transport({ providers: [a] });
    await kept(llm.complete(hello));
    const calls = [llm.complete(hello)];
    for (let count = 0; count < 50; count++) {
      await advance(30);
      calls.push(llm.complete({ ...hello, stream: true }).then((stream) => stream.completion));
    }
    await allSettled(calls);
    const parkedAt = a.requests[1]?.receivedAt ?? 0;
    expect(a.requests.slice(2).every(({ receivedAt }) => receivedAt >= parkedAt + 2_000)).toBe(true);
    expect(requestsAt(a)).toBe(53);
  });

  it('is not waited for longer than a call waits: it rejects at once and says when', async () => {
    const a = simulated({ name: 'a', fault: 'rate-limited-600s' });
    const llm = transport({ providers: [a] });
    const first = await broken(llm.complete(hello));
    expect(first).toMatchObject({ code: 'rate_limited', ms: 0, status: 429, retryAfterMs: 600_000 });
    const second = await broken(llm.complete(hello));
    expect(second).toMatchObject({ code: 'rate_limited', ms: 0, attempts: [], retryAfterMs: 600_000 });
    expect(requestsAt(a)).toBe(1);
    await advance(600_000);
    a.setFault(undefined);
    await kept(llm.complete(hello));
    expect(requestsAt(a)).toBe(2);
  });

  it('is not waited for beyond the deadline: it rejects at once', async () => {
    const a = simulated({ name: 'a', fault: 'rate-limited-date' });
    const llm = transport({ providers: [a] });
    const error = await broken(llm.complete(hello, { timeoutMs: 1_900 }));
    expect(error).toMatchObject({ code: 'rate_limited', ms: 0, retryAfterMs: 2_000 });
  });

  it('is waited for as long as maxWaitMs allows, all waits together', async () => {
    const a = simulated({ name: 'a', fault: 'rate-limited' });
    const llm = transport({ providers: [a], retry: { maxWaitMs: 2_500, retries: 10 } });
    const error = await broken(llm.complete(hello));
    expect(error.code).toBe('rate_limited');
    expect(requestsAt(a)).toBe(3);
    expect(error.ms).toBeLessThanOrEqual(2_500);
  });

  it('is not waited for at all when another is there', async () => {
    const [a, b] = [simulated({ name: 'a', fault: 'rate-limited' }), simulated({ name: 'b' })];
    const llm = transport({ providers: [a, b] });
    const { provider, attempts } = await kept(llm.complete(hello));
    expect([provider, attempts.length]).toEqual(['b', 2]);
    expect(asked(await kept(llm.complete(hello)))).toEqual(['b']);
    expect(requestsAt(a)).toBe(1);
  });
});

describe('cancellation', () => {
  it.each([
    ['a back-off', 'http-500'],
    ['a told time', 'rate-limited'],
  ] as const)('during %s rejects at once, and nothing more is sent', async (_, fault) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    const a = simulated({ name: 'a', fault });
    const llm = transport({ providers: [a] });
    const controller = new AbortController();
    const call = watch(llm.complete(hello, { signal: controller.signal }));
    await advance(50);
    expect(call.result).toBeUndefined();
    controller.abort();
    await flush();
    expect(call.result).toMatchObject({ ok: false, error: { code: 'cancelled' }, ms: 50 });
    await advance(5_000);
    expect(requestsAt(a)).toBe(1);
  });

  it('before the call sends nothing', async () => {
    for (const retry of [undefined, false] as const) {
      const a = simulated({ name: 'a' });
      const llm = transport({ providers: [a], retry });
      expect(await broken(llm.complete(hello, { signal: AbortSignal.abort() }))).toMatchObject({ code: 'cancelled' });
      expect(requestsAt(a)).toBe(0);
    }
  });
});

describe('streaming and unary', () => {
  // Reasoning is content: who streams has seen it.
  const early = faultCases.filter(({ strikes, name }) => strikes === 'beforeContent' && name !== 'reasoning-only');

  it.each(early.map(({ name }) => name))('%s: make the same attempts before the first content', async (fault) => {
    const run = async (stream: boolean) => {
      chance(7);
      const [a, b] = [simulated({ name: 'a', fault }), simulated({ name: 'b' })];
      const llm = transport({ providers: [a, b], timeout: { firstContentMs: 1_000, idleMs: 1_000 } });
      const call = stream
        ? llm.complete({ ...hello, stream: true }).then((open) => open.completion)
        : llm.complete(hello);
      const result = await settled(call);
      const { attempts } = result.ok ? result.value : result.error;
      const text = result.ok ? result.value.text : undefined;
      return {
        code: result.code,
        text,
        made: attempts.map(({ provider, reason, outcome }) => [provider, reason, outcome]),
      };
    };
    const unary = await run(false);
    expect(await run(true)).toEqual(unary);
    expect(unary.text ?? sixty).toBe(sixty);
  });

  it.each(early.map(({ name }) => name))('%s: make the same attempts at a lone provider', async (fault) => {
    const run = async (stream: boolean) => {
      chance(7);
      const a = simulated({ name: 'a', fault });
      const llm = transport({ providers: [a], timeout: { firstContentMs: 1_000, idleMs: 1_000 } });
      const result = await settled(llm.complete({ ...hello, stream } as never) as Promise<unknown>);
      if (result.ok) throw new Error('Expected it to be rejected');
      return { code: result.code, made: asked(result.error), ms: result.ms };
    };
    const unary = await run(false);
    expect(await run(true)).toEqual(unary);
  });

  it.each(faultCases.filter(({ strikes }) => strikes === 'afterContent').map(({ name }) => name))(
    '%s: a unary call is retried and whole, a stream says exactly what had come',
    async (fault) => {
      const make = () => {
        const [a, b] = [simulated({ name: 'a', fault }), simulated({ name: 'b' })];
        return { a, b, llm: transport({ providers: [a, b], timeout: { idleMs: 1_000 } }) };
      };
      const unary = make();
      const result = await settled(unary.llm.complete(hello));
      const filtered = fault === 'refusal-after-content';
      if (filtered) expect(result).toMatchObject({ code: 'content_filtered' });
      else expect(result).toMatchObject({ ok: true, value: { text: sixty, provider: 'b' } });

      const streaming = make();
      const stream = await kept(streaming.llm.complete({ ...hello, stream: true }));
      const { text, error } = await kept(readAll(stream));
      expect(error).toMatchObject({ code: filtered ? 'content_filtered' : 'stream_interrupted', partial: { text } });
      expect(sixty.startsWith(text)).toBe(true);
      expect(text).not.toBe('');
      expect(requestsAt(streaming.b)).toBe(0);
    },
  );
});

describe('the quota', () => {
  /** The layer alone, above a handler that is told what to do. */
  function layer(script: (attempt: number, probe: () => void) => TransportError | undefined) {
    const quota = new RetryQuota();
    const health = new Health();
    health.providers.push({ name: 'a', inFlight: 0, circuit: 'open', unavailable: () => 'circuit open' } as never);
    let attempts = 0;
    const next: Handler = async (_request, context) => {
      attempts += 1;
      const error = script(attempts, () => {
        const { hop } = context.get(itinerary);
        if (hop !== undefined) hop.probe = true;
      });
      if (error?.code !== 'no_provider') (context.attempts as unknown[]).push({});
      if (error !== undefined) throw error;
      return { provider: 'a', chunks: [] as never, done: Promise.resolve({ ok: true, completion: {} as never }) };
    };
    const call: Call = {
      transactionId: 't',
      priority: 'default',
      startedAt: 0,
      attempts: [],
      events: new Events(),
      lastAttempt: 0,
    };
    const context = createContext(call, { signal: new AbortController().signal });
    const handler = retry({}, { quota, health })(next, { provider: undefined, onClose: () => {} });
    return { quota, run: () => settled(handler(hello, context)) };
  }
  const failure = (fields = {}) => new TransportError('server_error', 'no', { provider: 'a', ...fields });

  it('is paid for a hop after `again`, and refunded when that succeeds', async () => {
    const levels: number[] = [];
    const { quota, run } = layer((attempt) => {
      levels.push(quota.left);
      return attempt <= 2 ? failure() : undefined;
    });
    await run();
    await flush();
    expect([...levels, quota.left]).toEqual([500, 495, 490, 495]);
  });

  it('is not paid for a hop after `elsewhere`', async () => {
    const { quota, run } = layer((attempt) => (attempt === 1 ? failure({ retry: 'elsewhere' }) : undefined));
    await run();
    await flush();
    expect(quota.left).toBe(500);
  });

  it('is not paid for a failed probe, not even for the first', async () => {
    const { quota, run } = layer((attempt, probe) => {
      if (attempt > 1) probe();
      return attempt <= 4 ? failure() : new TransportError('invalid_request', 'no', { provider: 'a' });
    });
    await run();
    expect(quota.left).toBe(500);
  });

  it('is given back when the attempt that was paid for is not made', async () => {
    const { quota, run } = layer((attempt) =>
      attempt === 1 ? failure() : nobodyLeft(Number.POSITIVE_INFINITY, new TransportError('no_provider', 'nobody')),
    );
    await run();
    expect(quota.left).toBe(500);
  });

  it('lets a call wait until others have filled it, and the round goes on where it was', {
    tags: ['load'],
  }, async () => {
    const limits = { concurrency: 2_000 };
    const a = simulated({ name: 'a', words: 2, limits });
    const b = simulated({ name: 'b', words: 2, firstTokenMs: 500, limits });
    const llm = transport({ providers: [a, b] });
    await kept(llm.complete(hello));
    a.setFault('http-500');
    const results = await allSettled(Array.from({ length: 1_000 }, () => llm.complete(hello)));
    expect(tally(results)).toEqual({ ok: 1_000 });
    expect([requestsAt(a), requestsAt(b)]).toEqual([1_001, 1_000]);
    expect(b.maxInFlight).toBeLessThanOrEqual(100);
  });
});

describe('a call for a model that one of several providers has', () => {
  it('waits for that one, whoever else is well meanwhile', async () => {
    const script = [{ kind: 'status', status: 429, retryAfter: { as: 'seconds', ms: 5_000 } }] as const;
    const only = simulated({ name: 'only', model: 'large', script });
    const other = simulated({ name: 'other', model: 'small' });
    const llm = transport({ providers: [only, other] });
    const asked = kept(llm.complete({ prompt: 'Hi', model: 'large' }));
    for (let second = 0; second < 4; second += 1) {
      await advance(1_000);
      llm.reset('other');
    }
    const answer = await asked;
    expect(answer.provider).toBe('only');
    const waits = llm.events.filter(({ type }) => type === 'retry');
    // Once, for the wait: whoever else is well cannot be gone on to.
    expect(waits).toHaveLength(1);
    expect(other.requests).toHaveLength(0);
  });
});
