import { MovingAverage } from '../../../src/control/moving-average.ts';
import { compose } from '../../../src/core/compose.ts';
import { createContext, watchers } from '../../../src/core/context.ts';
import { Events } from '../../../src/core/events.ts';
import { Health, ProviderHealth } from '../../../src/core/health.ts';
import { type ErrorCode, type Handler, replyFrom, TransportError } from '../../../src/index.ts';
import { circuitBreaker } from '../../../src/middleware/circuit-breaker.ts';
import { quarantine } from '../../../src/middleware/quarantine.ts';
import { inVirtualTime } from '../../../src/testing/index.ts';
import { minute, second } from '../support/measure.ts';
import type { Scenario } from '../support/scenario.ts';

const sequences = 20_000;
/** Between two who would ask, and what an answer takes: the longest that both add to a bound. */
const gapMs = 250;
const answerMs = 100;
/** Documented: the longest between two probes of a circuit; of a quarantine, a minute, then two, up to an hour. */
const betweenProbesMs = 5 * second;
const hour = 60 * minute;

type Event = { readonly code: ErrorCode | 'ok'; readonly ms: number };

const events: readonly Event[] = [
  { code: 'ok', ms: answerMs },
  { code: 'ok', ms: 3 * second },
  { code: 'server_error', ms: 30 },
  { code: 'server_error', ms: 30 },
  { code: 'overloaded', ms: 100 },
  { code: 'connection', ms: 20 },
  { code: 'timeout', ms: 5 * second },
  // Longer than a probe may be under way: its place is given to another.
  { code: 'timeout', ms: 30 * second },
  { code: 'rate_limited', ms: 50 },
  { code: 'invalid_request', ms: 50 },
  { code: 'cancelled', ms: 200 },
  { code: 'authentication', ms: 50 },
  { code: 'quota_exhausted', ms: 50 },
  { code: 'bad_response', ms: 400 },
];

/** Random trouble, then health, 20,000 times in each run: how long is it until the provider is asked as any other? */
export const exclusion: Scenario = {
  name: 'exclusion',
  title: 'Circuit breaker and quarantine, 100,000 random sequences of events',
  seeds: 5,
  baselines: [],
  measures: {
    circuit: {
      label: 'longest exclusion of a healthy provider by its circuit',
      unit: 's',
      atMost: (betweenProbesMs + gapMs + answerMs + 50) / second,
    },
    beyond: {
      label: 'longest beyond the bound, that of a quarantine included',
      unit: 's',
      atMost: (gapMs + answerMs + 50) / second,
    },
    sequences: { label: 'sequences', unit: '' },
  },

  run: (seed) => inVirtualTime(() => play(), { seed }),
};

async function play() {
  const all = new Health();
  const estimate = () => ({ firstContent: new MovingAverage(1), chunkGap: new MovingAverage(1) });
  const of = (name: string) =>
    new ProviderHealth({ name, domain: name, kind: 't', model: 'm' } as never, estimate(), all.changed);
  const [health, other] = [of('a'), of('b')];
  all.providers.push(health, other);
  let isWell = false;
  /** Attempts under way that end as they would have when it was ill. */
  let ill = 0;
  const ask: Handler = async (_request, context) => {
    const wasWell = isWell;
    const { code, ms } = wasWell ? { code: 'ok' as const, ms: answerMs } : draw(events);
    if (!wasWell) ill += 1;
    await sleep(ms);
    if (!wasWell) ill -= 1;
    if (code !== 'ok') throw new TransportError(code, 'no', { provider: 'a' });
    for (const watcher of context.get(watchers)) {
      watcher.answered?.();
      watcher.content?.();
    }
    return replyFrom({ text: 'yes', toolCalls: [], provider: 'a' } as never);
  };
  const layers = [quarantine(health), circuitBreaker({}, { health, all, publish: () => {} })];
  const cleanups: (() => unknown)[] = [];
  const handler = compose(layers, ask, { provider: health, onClose: (cleanup) => void cleanups.push(cleanup) });
  const call = {
    transactionId: '',
    priority: 'default',
    startedAt: 0,
    attempts: [],
    events: new Events(),
    lastAttempt: 0,
  };
  const context = createContext(call as never, { signal: new AbortController().signal });
  const tryOnce = async (): Promise<boolean> => {
    if (health.unavailable() !== undefined) return false;
    return handler({ prompt: '' }, context).then(
      async (reply) => (await reply.done).ok,
      () => false,
    );
  };

  let longestByCircuit = 0;
  let beyond = 0;
  for (let sequence = 0; sequence < sequences; sequence += 1) {
    isWell = false;
    // Whether somebody else serves decides how often it is looked at.
    other.circuit = Math.random() < 0.5 ? 'closed' : 'open';
    const count = 3 + Math.floor(Math.random() * 8);
    for (let event = 0; event < count; event += 1) {
      void tryOnce();
      // Sometimes until it can be asked again, and fails again.
      await sleep(draw([0, 10, 300, 2_000, 6_000, health.backMs()]));
    }
    isWell = true;
    const ask = async (): Promise<boolean> => {
      const isAnswered = await tryOnce();
      await sleep(gapMs);
      return isAnswered && health.circuit === 'closed' && health.quarantine === undefined;
    };
    while (ill > 0) await ask();
    const wellAt = performance.now();
    const { until = 0, times = 0 } = health.quarantine ?? {};
    const quarantinedMs = Math.max(0, Math.min(until - Date.now(), hour, minute * 2 ** (times - 1)));
    while (!(await ask())) {
      // Nobody would be let through before: there is nothing to see.
      await sleep(Math.min(health.backMs(), minute));
      if (performance.now() - wellAt > quarantinedMs + hour) break;
    }
    const excludedMs = performance.now() - wellAt - gapMs;
    if (quarantinedMs === 0) longestByCircuit = Math.max(longestByCircuit, excludedMs);
    beyond = Math.max(beyond, excludedMs - quarantinedMs - betweenProbesMs);
  }
  for (const cleanup of cleanups) await cleanup();
  return {
    figures: { circuit: longestByCircuit / second, beyond: beyond / second, sequences },
    broken: [],
    log: `${longestByCircuit} ${beyond}`,
  };
}

const draw = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
