import { describe, expect, it } from 'vitest';
import type { Completion, Provider } from '../../src/index.ts';
import { createTransport, TransportError } from '../../src/index.ts';
import { exponential, interarrival, logNormal } from '../../src/testing/distributions.ts';
import {
  inVirtualTime,
  randomFrom,
  type VirtualProvider,
  type VirtualProviderOptions,
  virtualProvider,
} from '../../src/testing/index.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const plain = { retry: false, circuitBreaker: false, rateLimit: false, timeout: false, hedge: false } as const;

/** A provider, and what asks it once each time: no layer of the transport is in the way. */
async function alone<T>(
  options: VirtualProviderOptions,
  body: (
    provider: VirtualProvider,
    ask: (outputTokens?: number, signal?: AbortSignal) => Promise<Completion>,
  ) => Promise<T>,
): Promise<T> {
  return inVirtualTime(async () => {
    const provider = virtualProvider(options);
    const llm = createTransport({ providers: [provider], ...plain });
    const ask = (outputTokens = 60, signal?: AbortSignal) =>
      llm.complete({ prompt: 'Hello', metadata: { outputTokens } }, { signal });
    const result = await body(provider, ask);
    await llm.close();
    return result;
  });
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error) => (TransportError.is(error) ? error.code : String(error)),
  );
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const quantile = (values: readonly number[], at: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor(at * values.length)] as number;

describe('what is drawn', () => {
  const draws = (draw: () => number): number[] => Array.from({ length: 40_000 }, draw);
  const variation = (values: readonly number[]): number => {
    const middle = mean(values);
    return Math.sqrt(mean(values.map((value) => (value - middle) ** 2))) / middle;
  };

  it('log-normal: half are below the median, and their logarithms differ by sigma', () => {
    const random = randomFrom(1);
    const values = draws(() => logNormal(random, 600, 0.5));
    expect(quantile(values, 0.5) / 600).toBeCloseTo(1, 1);
    expect(Math.log(quantile(values, 0.8413) / quantile(values, 0.5))).toBeCloseTo(0.5, 1);
  });

  it.each([0.5, 1, 3, 13])('times between arrivals: mean 100, and a coefficient of variation of %d', (wanted) => {
    const random = randomFrom(2);
    // Of bursts, many are needed until their mean shows.
    const values = Array.from({ length: Math.ceil(wanted) }, () =>
      draws(() => interarrival(random, 100, wanted)),
    ).flat();
    expect(mean(values) / 100).toBeCloseTo(1, 1);
    expect(Math.abs(variation(values) / wanted - 1)).toBeLessThan(0.1);
    expect(Math.min(...values.slice(0, 1_000))).toBeGreaterThan(0);
  });

  it('exponential: mean and deviation are the same', () => {
    const random = randomFrom(3);
    const values = draws(() => exponential(random, 20));
    expect([mean(values) / 20, variation(values)].map((value) => Math.round(value * 20) / 20)).toEqual([1, 1]);
  });
});

describe('virtualProvider()', () => {
  it('answers after its first-content time, and at its pace, and says what it used', async () => {
    await alone({ firstContentMs: 500, sigma: 0, tokensPerSecond: 60 }, async (provider, ask) => {
      const from = performance.now();
      const { usage, attempts, finishReason } = await ask(120);
      expect([usage?.outputTokens, finishReason]).toEqual([120, 'stop']);
      expect(attempts[0]?.firstContentMs).toBe(500);
      expect(Math.abs(performance.now() - from - 2_500)).toBeLessThan(5);
      expect(provider.requests).toMatchObject([{ at: 0, firstContentAt: 500, outcome: 'ok', outputTokens: 120 }]);
    });
  });

  it('answers unary too, for who does not stream', async () => {
    await inVirtualTime(async () => {
      const { complete, ...rest } = Object.assign(Object.create(null), {
        name: 'u',
        domain: 'u',
        kind: 'k',
        model: 'm',
      }) as Provider & { complete?: Provider['complete'] };
      expect(complete).toBeUndefined();
      const inner = virtualProvider({ name: 'u' });
      const llm = createTransport({
        providers: [{ ...rest, complete: (request, context) => inner.complete(request, context) }],
      });
      const { text, transactionId } = await llm.complete({ prompt: 'Hello' });
      expect(text.startsWith(`${transactionId} `)).toBe(true);
      await llm.close();
    });
  });

  it('is the same for the same seed, and differs for another', async () => {
    const times = (seed: number) =>
      alone({ seed, sigma: 1 }, async (provider, ask) => {
        for (let count = 0; count < 5; count += 1) await ask();
        return provider.requests.map(({ firstContentAt = 0, at }) => firstContentAt - at);
      });
    expect(await times(1)).toEqual(await times(1));
    expect(await times(1)).not.toEqual(await times(2));
  });

  it('is slower when it is told to be, for stragglers, and beyond its knee', async () => {
    const firsts = (options: VirtualProviderOptions, many = 1) =>
      alone({ sigma: 0, firstContentMs: 100, ...options }, async (provider, ask) => {
        await Promise.all(Array.from({ length: many }, () => ask()));
        return provider.requests.map(({ firstContentAt = 0, at }) => firstContentAt - at);
      });
    expect(await firsts({ slowness: 6 })).toEqual([600]);
    expect((await firsts({ stragglerRatio: 0.5 }, 400)).filter((ms) => ms === 1_000).length).toBeGreaterThan(150);
    expect(Math.max(...(await firsts({ knee: 10 }, 10)))).toBe(100);
    expect(Math.max(...(await firsts({ knee: 10 }, 30)))).toBe(300);
  });

  it('fails as many as it is told to, with the code, the time and the delay that it is told', async () => {
    await alone(
      { errorRatio: 0.25, errorCode: 'overloaded', errorMs: 40, errorRetryAfterMs: 3_000 },
      async (_, ask) => {
        const errors: TransportError[] = [];
        for (let count = 0; count < 400; count += 1) {
          await ask(1).catch((error) => errors.push(error));
          // Whoever is told to come back later is left alone until then.
          await sleep(3_000);
        }
        expect(errors.length / 400).toBeCloseTo(0.25, 1);
        expect(errors[0]).toMatchObject({ code: 'overloaded', status: 503, retryAfterMs: 3_000, blame: 'provider' });
        expect(errors[0]?.attempts[0]?.durationMs).toBe(40);
      },
    );
  });

  it('can be silent, unreachable, or break and fall silent in the middle', async () => {
    const deadline = async (ask: (tokens: number, signal: AbortSignal) => Promise<unknown>): Promise<string> => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 60_000);
      return codeOf(ask(60, controller.signal));
    };
    await alone({ state: 'silent' }, async (provider, ask) => {
      expect([await deadline(ask), provider.requests[0]?.outcome]).toEqual(['cancelled', 'abandoned']);
    });
    await alone({ state: 'unreachable', errorMs: 20 }, async (provider, ask) => {
      expect([await deadline(ask), provider.requests.length]).toEqual(['connection', 0]);
      const error = await ask().catch((thrown: TransportError) => thrown);
      expect(error.attempts.map(({ mayBeBilled }) => mayBeBilled)).toEqual([false]);
    });
    await alone({ cutRatio: 1 }, async (provider, ask) => {
      expect([await deadline(ask), provider.requests[0]?.outcome]).toEqual(['connection', 'connection']);
    });
    await alone({ stallRatio: 1 }, async (provider, ask) => {
      expect([await deadline(ask), provider.requests[0]?.firstContentAt !== undefined]).toEqual(['cancelled', true]);
    });
  });

  it('keeps its limits, and tells of them in headers and with 429s, or does not', async () => {
    const heard: string[] = [];
    const refusals = (options: VirtualProviderOptions) =>
      alone(options, async (provider, ask) => {
        const errors = await Promise.all(
          Array.from({ length: 8 }, () =>
            ask(1).then(
              () => undefined,
              (error) => error,
            ),
          ),
        );
        heard.push(...provider.requests.map(({ outcome }) => outcome as string));
        return errors.filter((error) => error !== undefined);
      });
    const told = await refusals({ enforcedLimits: { requestsPerMinute: 5 } });
    expect(told).toHaveLength(3);
    expect(told[0]).toMatchObject({ code: 'rate_limited', status: 429, retryAfterMs: 12_000 });
    expect(heard.filter((outcome) => outcome === 'rate_limited')).toHaveLength(3);
    const untold = await refusals({ enforcedLimits: { requestsPerMinute: 5 }, retryAfter: false });
    expect([untold.length, untold[0]?.retryAfterMs]).toEqual([3, undefined]);
    const hidden = { requestsPerMinute: 5, headers: false } as const;
    expect((await refusals({ enforcedLimits: hidden }))[0]?.retryAfterMs).toBeUndefined();
    expect((await refusals({ enforcedLimits: { ...hidden, retryAfter: true } }))[0]?.retryAfterMs).toBe(12_000);
    const places = await refusals({ enforcedLimits: { concurrency: 2, headers: false, retryAfter: 1_000 } });
    expect([places.length, places[0]?.retryAfterMs]).toEqual([6, 1_000]);
    expect(await refusals({ enforcedLimits: { concurrency: 2 } })).toHaveLength(6);
    expect(await refusals({ enforcedLimits: { tokensPerMinute: 9 } })).toHaveLength(5);
  });

  it('says how its limits stand in the headers of every answer', async () => {
    await inVirtualTime(async () => {
      const seen: string[] = [];
      const context = {
        ...{ transactionId: 't', attempt: 1, signal: new AbortController().signal },
        received: (facts: { headers: Iterable<readonly [string, string]> }) =>
          seen.push(...[...facts.headers].map((pair) => pair.join(': '))),
      };
      const ask = async (options: VirtualProviderOptions) => {
        seen.length = 0;
        await virtualProvider(options).complete({ prompt: 'Hello' }, context as never);
        return seen;
      };
      expect(await ask({ enforcedLimits: { requestsPerMinute: 60 } })).toContain('x-ratelimit-remaining-requests: 59');
      expect(await ask({ enforcedLimits: { requestsPerMinute: 60, headers: false } })).toEqual([]);
    });
  });

  it('works on as many as it has slots for, in the order in which they came, and turns away whom the line does not hold', async () => {
    const options = {
      slots: 2,
      maxWaiting: 2,
      firstContentMs: 100,
      sigma: 0,
      tokensPerSecond: Number.POSITIVE_INFINITY,
    };
    await alone(options, async (provider, ask) => {
      const codes = await Promise.all(Array.from({ length: 5 }, () => codeOf(ask())));
      expect(codes).toEqual(['ok', 'ok', 'ok', 'ok', 'overloaded']);
      const firsts = provider.requests.map(({ firstContentAt }) => firstContentAt);
      expect(firsts.slice(0, 4)).toEqual([100, 100, 200, 200]);
    });
  });

  it.each([
    { keepsAbandoned: false, freeAt: 50 },
    { keepsAbandoned: true, freeAt: 1_000 },
  ])(
    'with keepsAbandoned: $keepsAbandoned, a slot is free at $freeAt when its client leaves at 50',
    async ({ keepsAbandoned, freeAt }) => {
      const options = { slots: 1, firstContentMs: 1_000, sigma: 0, tokensPerSecond: Number.POSITIVE_INFINITY };
      await alone({ ...options, keepsAbandoned }, async (provider, ask) => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 50);
        const left = [codeOf(ask(1, controller.signal)), codeOf(ask(1, controller.signal))];
        await sleep(10);
        const next = ask(1);
        await Promise.all(left);
        expect([provider.inFlight, provider.timers]).toEqual([1, keepsAbandoned ? 1 : 0]);
        await next;
        // The second one that has left keeps its place in the line too.
        expect(provider.requests[2]?.firstContentAt).toBe(freeAt + 1_000 + (keepsAbandoned ? 1_000 : 0));
      });
    },
  );

  it('changes by its schedule, and back; of two incidents at once the later one in the list counts', async () => {
    const schedule = [
      { fromMs: 1_000, toMs: 3_000, errorRatio: 1 },
      { fromMs: 2_000, toMs: 3_000, errorRatio: 1, errorCode: 'overloaded' as const },
    ];
    await alone(
      { schedule, firstContentMs: 10, sigma: 0, tokensPerSecond: Number.POSITIVE_INFINITY },
      async (_, ask) => {
        const codes: string[] = [];
        for (const at of [500, 1_500, 2_500, 3_500]) {
          await sleep(at - (performance.now() - 1_000));
          codes.push(await codeOf(ask(1)));
        }
        expect(codes).toEqual(['ok', 'server_error', 'overloaded', 'ok']);
      },
    );
  });
});
