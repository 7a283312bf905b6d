/** What the cases of the strategy contract share: a strategy, and somebody who asks it. */

import assert from 'node:assert/strict';
import type { Candidate, CompletionRequest, Strategy } from '../core/types.ts';
import type { StrategyContractOptions } from './strategy-contract.ts';
import { asking, attempt, type Candidates } from './strategy-contract-candidates.ts';

/** One case's strategy, which is asked through this. */
export class Trial {
  readonly strategy: Strategy;
  readonly #options: StrategyContractOptions;
  #calls = 0;

  constructor(options: StrategyContractOptions) {
    this.#options = options;
    this.strategy = options.make();
  }

  /** Chooses. The attempt ends well, and the strategy is told of it. */
  choose(among: Candidates, request?: CompletionRequest): Candidate | undefined {
    this.#calls += 1;
    const { request: requestOf = promptOf, values } = this.#options;
    const asked = asking(request ?? requestOf(this.#calls), this.#calls, values?.(this.#calls));
    try {
      const chosen = this.strategy(among, asked.request, asked.context);
      if (chosen !== undefined) this.strategy.settled?.(asked.request, asked.context, attempt(chosen.name));
      return chosen;
    } catch (error) {
      return assert.fail(`it threw ${String(error)}`);
    }
  }

  /** The name of the choice. Fails when it is none of these. */
  nameOf(among: Candidates): string | undefined {
    const chosen = this.choose(among);
    if (chosen === undefined) {
      assert.ok(this.#options.declines === true, 'it took none of them: say so, if it may decline');
      return undefined;
    }
    const promised = typeof (chosen as unknown as PromiseLike<unknown>).then === 'function';
    assert.ok(!promised, 'it promised one: a strategy chooses at once');
    const known = among.some(({ name }) => name === chosen.name);
    assert.ok(known, `it took '${chosen.name}', which is not among ${among.map(({ name }) => name).join(', ')}`);
    return chosen.name;
  }
}

export function promptOf(number: number): CompletionRequest {
  return { prompt: `Tell me about the number ${number}, please` };
}

/** A promise of the contract. `run` fails with an `AssertionError` when it is broken. */
export interface StrategyRule {
  readonly name: string;
  readonly run: (trial: Trial, options: StrategyContractOptions) => void | Promise<void>;
}
