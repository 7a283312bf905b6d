import { describe, it } from 'vitest';
import { RetryQuota } from '../../src/control/retry-quota.ts';
import { Health, ProviderHealth } from '../../src/core/health.ts';
import type { Limits, Middleware } from '../../src/core/types.ts';
import { collect } from '../../src/middleware/collect.ts';
import { deadline } from '../../src/middleware/deadline.ts';
import { hedge } from '../../src/middleware/hedge.ts';
import { quarantine } from '../../src/middleware/quarantine.ts';
import { rateLimit } from '../../src/middleware/rate-limit.ts';
import { resume } from '../../src/middleware/resume.ts';
import { retry } from '../../src/middleware/retry.ts';
import { timeout } from '../../src/middleware/timeout.ts';
import { transaction } from '../../src/middleware/transaction.ts';
import { validate } from '../../src/middleware/validate.ts';
import { priority } from '../../src/routing/priority.ts';
import { router } from '../../src/routing/router.ts';
import { type MiddlewareContractOptions, middlewareContract } from '../../src/testing/index.ts';

const nothing: Middleware = function nothing(next) {
  return next;
};

const estimate = { value: undefined, add() {}, forget() {} };
const aHealth = (limits?: Limits) =>
  new ProviderHealth(
    { name: 'below', domain: 'below', kind: 'contract', model: 'm', limits, complete: () => Promise.reject() },
    { firstContent: estimate, chunkGap: estimate },
  );

/** Above a router of its own: that is what tells it that nobody is left. */
function routed(layer: (place: { quota: RetryQuota; health: Health }) => Middleware): Middleware {
  return function routed(next, mount) {
    const [health, all] = [aHealth(), new Health()];
    all.providers.push(health);
    return layer({ quota: new RetryQuota(), health: all })(router(priority(), [{ health, handler: next }]), mount);
  };
}

/** Above nothing but what is below: a hedge is sent there too. */
function unrouted(layer: (place: { quota: RetryQuota; health: Health }) => Middleware): Middleware {
  const all = new Health();
  all.providers.push(aHealth());
  return layer({ quota: new RetryQuota(), health: all });
}

const good: readonly MiddlewareContractOptions[] = [
  { name: 'nothing', make: () => nothing },
  { name: 'transaction', make: transaction },
  { name: 'deadline', make: deadline },
  { name: 'deadline, with one', make: deadline, call: { timeoutMs: 60_000 } },
  { name: 'validate', make: () => validate() },
  {
    name: 'validate, a schema',
    make: () => validate(),
    // It holds back the last one.
    changes: ['chunks'],
    request: (number) => ({
      prompt: `Who is number ${number}?`,
      schema: { jsonSchema: { type: 'object', properties: { name: { type: 'string' } } } },
    }),
  },
  {
    name: 'validate, a schema, restart',
    make: () => validate({}, { quota: new RetryQuota(), restarts: () => true }),
    changes: ['chunks', 'asking'],
    request: (number) => ({
      prompt: `Who is number ${number}?`,
      schema: { jsonSchema: { type: 'object', properties: { name: { type: 'string' } } } },
    }),
  },
  { name: 'resume', make: () => unrouted((place) => resume({}, { ...place, retries: true })), changes: ['errors'] },
  {
    name: 'resume, restart',
    make: () => unrouted((place) => resume({ mode: 'restart', maxResumes: 1 }, { ...place, retries: false })),
    changes: ['errors', 'asking', 'chunks'],
  },
  { name: 'retry', make: () => routed((place) => retry({ retries: 0 }, place)), changes: ['asking'] },
  { name: 'hedge', make: () => routed((place) => hedge({ afterMs: 1 }, place)), changes: ['asking'] },
  {
    name: 'hedge, two at once',
    make: () => unrouted((place) => hedge({ afterMs: 1 }, place)),
    changes: ['asking'],
  },
  {
    name: 'rateLimit',
    make: () => rateLimit({}, { health: aHealth({ concurrency: 2 }), all: new Health() }),
    place: 'attempt',
  },
  { name: 'quarantine', make: () => quarantine(aHealth()), place: 'attempt' },
  { name: 'collect', make: collect, place: 'attempt' },
  { name: 'timeout', make: () => timeout(), place: 'attempt' },
];

for (const options of good)
  describe(options.name ?? '', () => {
    const rules = middlewareContract({ ...options, name: undefined });
    for (const { name, run } of rules) it(name, run);
  });
