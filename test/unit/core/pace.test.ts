import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RttEstimator } from '../../../src/control/rtt-estimator.ts';
import { Silence } from '../../../src/control/silence.ts';
import { attemptReason, beginAttempt, firstWait, type Watcher, watched } from '../../../src/core/context.ts';
import { endpoint } from '../../../src/core/endpoint.ts';
import { streamingRefused } from '../../../src/core/errors.ts';
import { ProviderHealth } from '../../../src/core/health.ts';
import { Pace } from '../../../src/core/pace.ts';
import type { Attempt, Context, Provider } from '../../../src/core/types.ts';
import { aCall, answer, aProvider, attempt, finish, flush, readAll, reasoning, Source, text } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.advanceTimersByTime(1_000);
});
afterEach(() => {
  vi.useRealTimers();
});

const hello = { prompt: 'Hello' };
const noEstimate = { value: undefined, add: () => {}, forget: () => {} };
const paceOf = () =>
  new Pace({ firstContent: noEstimate, chunkGap: noEstimate, rtt: () => new RttEstimator(), silence: new Silence() });

describe('the pace of a provider', () => {
  it('expects nothing before ten answers have begun, nor of other amounts of reasoning', () => {
    const pace = paceOf();
    for (let sample = 0; sample < 10; sample += 1) {
      expect([pace.p95Ms(hello), pace.timeoutMs(hello, true)]).toEqual([undefined, undefined]);
      pace.begun(800, hello);
    }
    expect(pace.p95Ms(hello)).toBeGreaterThan(800);
    expect(pace.timeoutMs(hello, true)).toBeGreaterThan(pace.p95Ms(hello) ?? 0);
    expect(pace.p95Ms({ ...hello, reasoning: 'high' })).toBeUndefined();
  });

  it('is not adapted to where nobody estimates, and nothing can go wrong there', () => {
    const pace = new Pace({ firstContent: noEstimate, chunkGap: noEstimate });
    for (let sample = 0; sample < 20; sample += 1) {
      pace.begun(800, hello);
      pace.chunkGap(5, 1);
      pace.silent(5);
      pace.ended();
      pace.timedOut(hello, 1, 2);
    }
    expect([pace.p95Ms(hello), pace.timeoutMs(hello, true), pace.silenceMs]).toEqual([undefined, undefined, undefined]);
    pace.forget();
  });

  it('knows nothing any more when it has forgotten', () => {
    const pace = paceOf();
    for (let sample = 0; sample < 10; sample += 1) {
      pace.begun(800, hello);
      pace.ended();
    }
    expect(pace.silenceMs).toBeDefined();
    pace.forget();
    expect([pace.p95Ms(hello), pace.silenceMs]).toEqual([undefined, undefined]);
  });
});

/** Writes down what an attempt at a provider shows of its pace. */
function observed(fields: Partial<Provider>) {
  const begun: [number, number][] = [];
  const gaps: number[] = [];
  const seen = { begun, gaps, ended: 0 };
  const provider = aProvider(fields);
  const rtt = () => ({
    samples: 0,
    add: (ms: number, inputTokens: number) => begun.push([ms, inputTokens]),
    timedOut: () => {},
    p95Ms: () => undefined,
    timeoutMs: () => undefined,
  });
  const silence = {
    timeoutMs: undefined,
    gap: (ms: number) => gaps.push(ms),
    ended: () => {
      seen.ended += 1;
    },
    forget: () => {},
  };
  const health = new ProviderHealth(provider, { firstContent: noEstimate, chunkGap: noEstimate, rtt, silence });
  return { seen, health, handler: endpoint(provider, health) };
}

describe('an attempt at the endpoint', () => {
  it('shows when the answer began, the gaps in it, and its end', async () => {
    const source = new Source();
    const { seen, handler } = observed({ stream: () => source });
    const asked = handler({ prompt: 'x'.repeat(400) }, aCall().context);
    vi.advanceTimersByTime(300);
    source.push(reasoning('hm'));
    const reply = await asked;
    expect(seen.begun).toEqual([[300, 100]]);
    vi.advanceTimersByTime(70);
    source.push(text('Hel'));
    await flush();
    vi.advanceTimersByTime(40);
    source.push(text(''));
    await flush();
    vi.advanceTimersByTime(20);
    source.push(text('lo'));
    await flush();
    vi.advanceTimersByTime(90);
    source.push(finish);
    await readAll(reply.chunks);
    // What is empty is no progress; what the end takes is.
    expect(seen).toMatchObject({ gaps: [70, 60, 90], ended: 1 });
  });

  it('shows nothing of how long its reader takes', async () => {
    const source = new Source(text('x'.repeat(70_000)));
    const { seen, handler } = observed({ stream: () => source });
    const { chunks, done } = await handler(hello, aCall().context);
    await flush();
    vi.advanceTimersByTime(50_000);
    const reader = chunks[Symbol.asyncIterator]();
    await reader.next();
    await flush();
    vi.advanceTimersByTime(30);
    source.push(text('more'), finish);
    await flush();
    await reader.return?.();
    await done;
    expect(seen.gaps).toEqual([30, 0]);
  });

  it('shows no beginning when the answer comes whole, nor an end', async () => {
    const whole = { complete: async () => answer({ text: 'Hello' }) };
    const refusing = {
      ...whole,
      stream: () => new Source().fail(streamingRefused('no', { provider: 'one' })),
    };
    for (const fields of [whole, refusing]) {
      const { seen, health, handler } = observed(fields);
      await handler(hello, aCall().context);
      expect(seen).toEqual({ begun: [], gaps: [], ended: 0 });
      expect(health.streams).toBe(false);
    }
  });

  it('shows neither where a function is waited for as a whole, which opens as a stream', async () => {
    const { seen, handler } = observed({ stream: () => new Source({ type: 'raw', value: 1 } as never, finish) });
    const { done } = await handler(hello, aCall({ values: [firstWait.of('unary')] }).context);
    await done;
    expect(seen).toMatchObject({ begun: [], ended: 0 });
  });

  it.each<[string, Attempt['reason'], string[], boolean]>([
    ['a first attempt', 'first', [], true],
    ['a fail-over to somebody new', 'failover', ['other'], true],
    ['a retry at the same provider, which has the prompt in its cache', 'retry', ['one'], false],
    ['a fail-over back to it', 'failover', ['one', 'other'], false],
    ['a hedge, of which only the quick ones are seen', 'hedge', ['other'], false],
  ])('counts where it is %s: as it should', async (_, reason, before, counts) => {
    const { seen, handler } = observed({ stream: () => new Source(text('Hello'), finish) });
    const { call, above } = aCall();
    for (const provider of before) {
      beginAttempt(above, 'first');
      call.attempts.push(attempt({ provider, number: call.lastAttempt }));
    }
    await handler(hello, beginAttempt(above, reason).with(attemptReason.of(reason)));
    expect(seen.begun).toHaveLength(counts ? 1 : 0);
  });

  /** A stream that tells of progress when it is told to. */
  function atWork() {
    const source = new Source();
    let context: Context | undefined;
    const { seen, handler } = observed({
      stream: (_, given) => {
        context = given;
        return source;
      },
    });
    const told: [string, number | undefined][] = [];
    const watcher: Watcher = {
      progress: (at) => told.push(['progress', at]),
      answered: () => told.push(['answered', undefined]),
    };
    const asked = handler(hello, watched(aCall().context, watcher));
    return { seen, source, asked, told, progress: () => context?.received({ progress: true }) };
  }

  it('that is at work on what cannot be handed out yet has begun, and goes on, and is not answered', async () => {
    const { seen, source, asked, told, progress } = atWork();
    vi.advanceTimersByTime(200);
    progress();
    vi.advanceTimersByTime(50);
    progress();
    expect(told.map(([what]) => what)).toEqual(['progress', 'progress']);
    expect(told[0]?.[1]).toBe(performance.now() - 50);
    vi.advanceTimersByTime(10);
    source.push({ type: 'toolCall', toolCall: { id: '1', name: 'x', input: {} } }, finish);
    const { done } = await asked;
    await done;
    expect(seen).toMatchObject({ begun: [[200, 2]], gaps: [50, 10, 0], ended: 1 });
    expect(told.at(-1)?.[0]).toBe('answered');
    // It is over.
    progress();
    expect(told).toHaveLength(3);
    expect(seen.gaps).toHaveLength(3);
  });

  it('that is waited for as a whole has no pieces', async () => {
    let context: Context | undefined;
    let resolve: (answered: ReturnType<typeof answer>) => void = () => {};
    const { seen, handler } = observed({
      complete: (_, given) => {
        context = given;
        return new Promise((done) => {
          resolve = done;
        });
      },
    });
    const told: string[] = [];
    const asked = handler(hello, watched(aCall().context, { progress: () => told.push('progress') }));
    context?.received({ progress: true });
    resolve(answer({ text: 'Hello' }));
    await asked;
    expect([told, seen.begun]).toEqual([[], []]);
  });
});
