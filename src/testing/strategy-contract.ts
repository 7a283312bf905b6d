/** The contract suite for strategies: whatever keeps these promises can be a transport's `route`. */

import assert from 'node:assert/strict';
import type { Candidate, CompletionRequest, ContextEntry, Strategy } from '../core/types.ts';
import { randomFrom } from './answer.ts';
import { checkStrategyContract } from './option-names.ts';
import type { ContractCase } from './provider-contract.ts';
import { type Candidates, candidate, candidates, someOf } from './strategy-contract-candidates.ts';
import { lastingRules } from './strategy-contract-lasting.ts';
import { type StrategyRule, Trial } from './strategy-contract-trial.ts';

/** What the suite needs to know of a strategy. */
export interface StrategyContractOptions {
  /** Makes the strategy that is tested, a new one for each case. */
  readonly make: () => Strategy;
  /** Put before the name of each case. */
  readonly name?: string;
  /** The request of a call, another for each number. @default a prompt */
  readonly request?: (number: number) => CompletionRequest;
  /** What the caller sends along with it, for a strategy that looks at that: `() => [tenant.of('acme')]`. @default nothing */
  readonly values?: (number: number) => readonly ContextEntry[];
  /** It takes one that would send at once rather than one that would have to wait. @default true */
  readonly prefersFree?: boolean;
  /** It may take none, although there is one that is well. @default false */
  readonly declines?: boolean;
  /** Of providers that are alike it takes each now and then. @default false */
  readonly spreads?: boolean;
}

/** The rules of one choice. */
const choosing: readonly StrategyRule[] = [
  {
    name: 'has a name, by which events call it',
    run({ strategy }) {
      assert.equal(
        typeof strategy,
        'function',
        'a strategy is a function: (candidates, request, context) => candidate',
      );
      assert.notEqual(strategy.name, '', 'it has no name');
    },
  },
  {
    name: 'takes one of those that it is given, at once',
    run(trial) {
      const random = randomFrom(1);
      for (let round = 0; round < 300; round += 1) trial.nameOf(candidates(1 + (round % 6), random));
    },
  },
  {
    name: 'takes the only one there is',
    run(trial) {
      for (const name of ['a', 'b', 'a', 'c']) trial.nameOf([candidate(name)]);
    },
  },
  {
    name: 'keeps to those of the moment, however they come and go',
    run(trial) {
      const random = randomFrom(2);
      const all = candidates(8, random);
      for (let round = 0; round < 300; round += 1) trial.nameOf(someOf(all, random));
    },
  },
  {
    name: 'can do with a provider of which nothing is known, or nothing good',
    run(trial) {
      const unknown = { firstContentMs: undefined, chunkGapMs: undefined, traits: {} };
      const endless = Number.POSITIVE_INFINITY;
      const odd: readonly Partial<Candidate>[] = [
        { ...unknown, inFlight: 0, window: endless },
        { ...unknown, waitMs: endless, window: 0 },
        {
          ...unknown,
          circuit: 'open',
          quarantined: true,
          failureRatio: 1,
          parkedUntil: endless,
          lastError: 'internal',
        },
        { ...unknown, inFlight: 5_000, queued: 10_000, waitMs: 3_600_000 },
        { firstContentMs: 0, chunkGapMs: 0, inFlight: 0, window: 1 },
      ];
      for (const [index, fields] of odd.entries()) {
        trial.nameOf([candidate(`odd-${index}`, fields)]);
        trial.nameOf([candidate('known'), candidate(`odd-${index}`, fields)]);
        trial.nameOf([candidate(`odd-${index}`, fields), candidate('known')]);
      }
      trial.nameOf(odd.map((fields, index) => candidate(`odd-${index}`, fields)) as unknown as Candidates);
    },
  },
  {
    name: 'can do with weights of 0',
    run(trial) {
      const none = { traits: { weight: 0 } };
      for (let round = 0; round < 20; round += 1) {
        trial.nameOf([candidate('a', none)]);
        trial.nameOf([candidate('a', none), candidate('b', none), candidate('c', none)]);
        trial.nameOf([candidate('a', none), candidate('b')]);
      }
    },
  },
  {
    name: 'leaves the candidates as they were, and their order',
    run(trial) {
      const random = randomFrom(3);
      for (let round = 0; round < 50; round += 1) {
        const among = candidates(5, random);
        const before = structuredClone(among);
        trial.choose(among);
        assert.deepEqual(among, before, 'it has changed what it was to choose from');
      }
    },
  },
  {
    name: 'takes one that would send at once rather than one that would wait',
    run(trial, { prefersFree = true }) {
      if (!prefersFree) return;
      // Better in every other way.
      const busy = candidate('busy', { waitMs: 5_000, inFlight: 8, queued: 40, firstContentMs: 100, chunkGapMs: 1 });
      const free = candidate('free', { firstContentMs: 900, chunkGapMs: 40, failureRatio: 0.1 });
      for (let round = 0; round < 50; round += 1)
        for (const among of [[busy, free] as const, [free, busy] as const])
          assert.notEqual(trial.nameOf(among), 'busy', 'it lets the call wait although another would send at once');
    },
  },
  {
    name: 'takes each of those that are alike now and then',
    run(trial, { spreads = false }) {
      if (!spreads) return;
      const among = [candidate('a'), candidate('b'), candidate('c')] as const;
      const taken = new Set(Array.from({ length: 300 }, () => trial.nameOf(among)));
      assert.deepEqual([...taken].sort(), ['a', 'b', 'c'], 'of three that are alike, these are all that it took');
    },
  },
];

/**
 * The promises of a strategy as cases for any test runner: `for (const { name, run } of strategyContract({ make })) it(name, run);`
 *
 * They are: it has a name; it takes one of those that it is given, at once, whatever is or is not known of them, and whoever comes and
 * goes; it changes nothing; it prefers one that would send at once; it can be told of any attempt; it is fast, keeps nothing of a
 * call, and two that were made know nothing of each other.
 */
export function strategyContract(options: StrategyContractOptions): readonly ContractCase[] {
  checkStrategyContract(options);
  const { name } = options;
  return [...choosing, ...lastingRules].map((rule) => ({
    name: name === undefined ? rule.name : `${name}: ${rule.name}`,
    run: async () => rule.run(new Trial(options), options),
  }));
}
