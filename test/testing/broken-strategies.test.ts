import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import type { Candidate, Strategy } from '../../src/core/types.ts';
import { type StrategyContractOptions, strategyContract } from '../../src/testing/index.ts';

type Choose = (candidates: readonly Candidate[], ...rest: unknown[]) => Candidate | undefined;

/** The first that would send at once: what is right. */
const first: Choose = (candidates) => candidates.find(({ waitMs }) => waitMs === 0) ?? candidates[0];

interface Flaw {
  readonly what: string;
  /** That must notice it: each of them, and no other. */
  readonly rules: readonly RegExp[];
  readonly make: () => Choose;
  readonly more?: Partial<StrategyContractOptions>;
}

/** Remembered outside of what is made. */
let turn = 0;

const flaws: readonly Flaw[] = [
  {
    what: 'a promise',
    rules: [/./],
    make: () => ((...asked: Parameters<Choose>) => Promise.resolve(first(...asked))) as unknown as Choose,
  },
  {
    what: 'a candidate of its own',
    rules: [/./],
    make: () => (candidates) => ({ ...first(candidates), name: 'mine' }) as Candidate,
  },
  {
    what: 'none',
    rules: [/./],
    make: () => () => undefined,
  },
  {
    what: 'love for the first that it saw',
    rules: [/^takes (one of|the only)/, /^keeps to those/, /^can do with/],
    make: () => {
      let love: Candidate | undefined;
      return (candidates) => {
        love ??= first(candidates);
        return love;
      };
    },
  },
  {
    what: 'a look into what is not known',
    rules: [/^can do with a provider/],
    make: () => (candidates) => {
      for (const { firstContentMs } of candidates)
        if (firstContentMs?.toFixed === undefined) throw new TypeError('What?');
      return first(candidates);
    },
  },
  {
    what: 'a sum of nothing',
    rules: [/^can do with weights/],
    make: () => (candidates) => {
      const weights = candidates.map(({ traits }) => traits.weight ?? 1);
      const sum = weights.reduce((one, other) => one + other, 0);
      const shares = weights.map((weight) => weight / sum);
      return shares.every(Number.isNaN) ? undefined : first(candidates);
    },
  },
  {
    what: 'another order of the candidates',
    rules: [/^leaves the candidates/],
    make: () => (candidates) => {
      const best = first(candidates);
      (candidates as Candidate[]).sort((one, other) => (one.firstContentMs ?? 0) - (other.firstContentMs ?? 0));
      return best;
    },
  },
  {
    what: 'a count in the candidate',
    rules: [/^leaves the candidates/],
    make: () => (candidates) => {
      const best = first(candidates);
      (best as { inFlight: number }).inFlight += 1;
      return best;
    },
  },
  {
    what: 'no eye for who is busy',
    rules: [/^takes one that would send/],
    make: () => (candidates) => candidates[0],
  },
  {
    what: 'no turn for the others',
    rules: [/^takes each of those/],
    make: () => first,
    more: { spreads: true },
  },
  {
    what: 'a slow choice',
    rules: [/^chooses within/],
    make: () => (candidates) => {
      const until = performance.now() + 0.3;
      // Of so many: the other cases are then over in time.
      while (candidates.length === 10 && performance.now() < until);
      return first(candidates);
    },
  },
  {
    what: 'a book of all calls',
    rules: [/^keeps nothing/],
    make: () => {
      const book: unknown[] = [];
      return (candidates, request) => {
        book.push(request);
        return first(candidates);
      };
    },
  },
  {
    what: 'a wheel for all transports',
    rules: [/^shares nothing/],
    make: () => (candidates) => {
      turn += 1;
      const free = candidates.filter(({ waitMs }) => waitMs === 0);
      return free[turn % free.length] ?? first(candidates);
    },
  },
];

/** The rules that are broken. */
async function brokenRules(options: StrategyContractOptions): Promise<string[]> {
  const broken: string[] = [];
  for (const { name, run } of strategyContract(options)) {
    try {
      await run();
    } catch (error) {
      expect(error).toBeInstanceOf(AssertionError);
      broken.push(name);
    }
  }
  return broken;
}

describe('the contract suite', () => {
  it.each(flaws)('notices $what, and nothing else', async ({ rules, make, more }) => {
    const named = (): Strategy => {
      const choose = make();
      return function flawed(...asked) {
        return choose(...asked);
      };
    };
    const broken = await brokenRules({ make: named, ...more });
    for (const rule of rules)
      expect(
        broken.filter((name) => rule.test(name)),
        String(rule),
      ).not.toEqual([]);
    expect(broken.filter((name) => !rules.some((rule) => rule.test(name)))).toEqual([]);
  });

  it('notices what settled() does', async () => {
    const make = () => {
      const known = new Map<string, { ended: number }>();
      const strategy: Strategy = function strategy(candidates) {
        for (const { name } of candidates) known.set(name, { ended: 0 });
        return first(candidates);
      };
      strategy.settled = (_request, _context, { provider }) => {
        (known.get(provider) as { ended: number }).ended += 1;
      };
      return strategy;
    };
    expect(await brokenRules({ make })).toEqual(['can be told of the end of any attempt']);
  });

  it('notices a name that is missing', async () => {
    const broken = await brokenRules({ make: () => (candidates) => first(candidates) });
    expect(broken).toEqual(['has a name, by which events call it']);
  });

  it('lets a strategy do what it says that it does', async () => {
    const last: Strategy = (candidates) => candidates.at(-1);
    expect(await brokenRules({ make: () => last, prefersFree: false })).toEqual([]);
    const nobody: Strategy = () => undefined;
    expect(await brokenRules({ make: () => nobody, declines: true })).toEqual([]);
  });

  it('says of which strategy it speaks', () => {
    const names = strategyContract({ name: 'mine', make: () => (candidates) => candidates[0] }).map(({ name }) => name);
    expect(names.every((name) => name.startsWith('mine: '))).toBe(true);
    expect(new Set(names).size).toBe(names.length);
  });
});
