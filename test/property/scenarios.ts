import fc from 'fast-check';
import type { TransportOptions } from '../../src/index.ts';
import type { Continues } from '../../src/testing/continued.ts';
import { type FaultChoice, type FaultName, faults } from '../../src/testing/fault-cases.ts';
import { type StrategyName, strategies } from './strategies.ts';
import { type UserMiddlewareName, userMiddleware } from './user-middleware.ts';

/** What can come together: providers, calls, options, and what users add. A new layer is a line in `options`. */

/** Words of an answer. */
export const words = 12;

/** All but those whose answer is another one on purpose. */
export const faultNames = (Object.keys(faults) as FaultName[]).filter((name) => name !== 'length');

export interface ProviderPlan {
  readonly domain: 'a' | 'b' | 'c';
  readonly streaming: boolean;
  readonly script: readonly FaultChoice[];
  /** Share of the requests that meet a fault after the script. */
  readonly ratio: number;
  readonly firstTokenMs: number;
  readonly tokenMs: number;
  readonly concurrency: number;
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  /** What it really enforces, with 429s; often less than it says. */
  readonly enforcedPerMinute: number | undefined;
  readonly weight: number | undefined;
  readonly contextWindow: number | undefined;
  /** What its model makes of an answer that was cut off. */
  readonly continues: Continues;
}

export interface CallPlan {
  readonly prompt: string;
  readonly startMs: number;
  /** How it is read: `whole` is unary, all others are streams. */
  readonly reading: 'whole' | 'chunks' | 'text' | 'completion' | 'both' | 'slowly' | 'leave' | 'never';
  readonly abortMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly priority: 'interactive' | 'default' | 'batch';
  readonly schema: boolean;
  /** Longer than a small context window. */
  readonly long: boolean;
}

export interface Scenario {
  readonly seed: number;
  readonly providers: readonly ProviderPlan[];
  readonly calls: readonly CallPlan[];
  /** Outermost first: once per call, and once per attempt. */
  readonly use: readonly UserMiddlewareName[];
  readonly useEach: readonly UserMiddlewareName[];
  readonly strategy: StrategyName;
  readonly options: Pick<TransportOptions, 'retry' | 'hedge' | 'resume' | 'timeout' | 'circuitBreaker' | 'rateLimit'>;
  readonly closeMs: number | undefined;
}

/** Usually undefined: in so many of ten cases it is not. */
const sometimes = <T>(arbitrary: fc.Arbitrary<T>, often: number): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 10 - often, arbitrary: fc.constant(undefined) }, { weight: often, arbitrary });
/** Usually what is given; now and then off, or as it comes. */
const layer = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | false | undefined> =>
  fc.oneof({ weight: 6, arbitrary }, { weight: 2, arbitrary: fc.constant(undefined) }, fc.constant<false>(false));

const endless = Number.POSITIVE_INFINITY;

const faultChoice = fc.oneof(
  { weight: 2, arbitrary: fc.constant<FaultChoice>('ok') },
  { weight: 3, arbitrary: fc.constantFrom<FaultChoice>(...faultNames) },
);

const provider: fc.Arbitrary<ProviderPlan> = fc.record({
  domain: fc.constantFrom('a' as const, 'b' as const, 'c' as const),
  streaming: fc.boolean(),
  script: fc.array(faultChoice, { maxLength: 5 }),
  ratio: fc.constantFrom(0, 0, 0.3, 1),
  firstTokenMs: fc.constantFrom(0, 20, 400, 3_000),
  tokenMs: fc.constantFrom(0, 1, 50),
  concurrency: fc.constantFrom(1, 2, endless),
  requestsPerMinute: fc.constantFrom(6, 600, 600, endless),
  tokensPerMinute: fc.constantFrom(2_000, endless, endless),
  enforcedPerMinute: sometimes(fc.constantFrom(3, 30), 2),
  weight: sometimes(fc.constantFrom(0, 0.5, 3), 4),
  contextWindow: sometimes(fc.constantFrom(100, 8_000), 3),
  continues: fc.constantFrom<Continues>('exactly', 'exactly', 'exactly', 'ignores', 'paraphrases', 'repeats'),
});

const call: fc.Arbitrary<CallPlan> = fc.record({
  prompt: fc.string({ minLength: 1, maxLength: 20 }),
  startMs: fc.nat(2_000),
  reading: fc.constantFrom(
    ...(['whole', 'whole', 'whole', 'chunks', 'text', 'completion', 'both', 'slowly', 'leave', 'never'] as const),
  ),
  abortMs: sometimes(fc.nat(3_000), 2),
  timeoutMs: sometimes(fc.nat(6_000), 3),
  priority: fc.constantFrom('interactive' as const, 'default' as const, 'batch' as const),
  schema: fc.constantFrom(false, false, false, true),
  long: fc.constantFrom(false, false, false, true),
});

const options: fc.Arbitrary<Scenario['options']> = fc.record({
  retry: layer(fc.record({ retries: fc.constantFrom(0, 1, 3), maxWaitMs: fc.constantFrom(0, 20_000, 20_000) })),
  hedge: fc.oneof(
    fc.constantFrom<false | undefined>(false, undefined),
    fc.record({ afterMs: fc.constantFrom(0, 30, 500, 5_000) }),
  ),
  resume: fc.oneof(
    fc.constantFrom<false | undefined>(false, undefined),
    fc.record({
      mode: fc.constantFrom('restart' as const, 'continue' as const, 'continue' as const),
      otherwise: fc.constantFrom('error' as const, 'restart' as const),
      maxResumes: fc.constantFrom(1, 3, 10),
    }),
  ),
  timeout: layer(
    fc.record({
      firstContentMs: fc.constantFrom(100, 2_000),
      idleMs: fc.constant(1_000),
      responseMs: fc.constant(4_000),
      abandonedMs: fc.constant(3_000),
    }),
  ),
  circuitBreaker: layer(fc.record({ minAttempts: fc.constantFrom(1, 10), openMs: fc.constantFrom(100, 500) })),
  rateLimit: layer(fc.record({ maxQueued: fc.constantFrom(0, 1, 10_000) })),
});

const names = Object.keys(userMiddleware) as UserMiddlewareName[];

/** Of users whose middleware keeps to the contract, or of all. */
export function scenarios(users: 'good' | 'any'): fc.Arbitrary<Scenario> {
  const some = names.filter((name) => users === 'any' || userMiddleware[name].ends === undefined);
  return fc.record({
    seed: fc.nat(),
    providers: fc.array(provider, { minLength: 1, maxLength: 4 }),
    calls: fc.array(call, { minLength: 1, maxLength: 8 }),
    use: fc.subarray(some, { maxLength: 2 }),
    useEach: fc.subarray(some, { maxLength: 2 }),
    strategy: fc.constantFrom(
      ...(Object.keys(strategies) as StrategyName[]).filter(
        (name) => users === 'any' || strategies[name].ends === undefined,
      ),
    ),
    options,
    closeMs: sometimes(fc.nat(4_000), 2),
  });
}
