import { describe, expect, it } from 'vitest';
import { endpoint } from '../../../src/core/endpoint.ts';
import type { TransportError } from '../../../src/core/errors.ts';
import { backAfterMs } from '../../../src/core/itinerary.ts';
import type { CompletionRequest, Handler, Strategy, Traits } from '../../../src/core/types.ts';
import { lowestLatency } from '../../../src/routing/lowest-latency.ts';
import { priority } from '../../../src/routing/priority.ts';
import { router } from '../../../src/routing/router.ts';
import { aCall, aHealth, aProvider } from '../core/support.ts';

/** A router over one provider. */
function over(strategy: Strategy, { traits, handler }: { traits?: Traits; handler?: Handler } = {}) {
  const provider = aProvider({ traits });
  const { health } = aHealth(provider);
  const route = router(strategy, [{ health, handler: handler ?? endpoint(provider, health) }]);
  const ask = (request: CompletionRequest = { prompt: 'Hi' }) => route(request, aCall().above);
  return { ask, health };
}

const thrownBy = (asking: Promise<unknown>): Promise<TransportError> =>
  asking.then(
    () => {
      throw new Error('was answered');
    },
    (error) => error as TransportError,
  );

const throwing = (): never => {
  throw new RangeError('out of range');
};

describe('a strategy that throws', () => {
  it('is blamed by its name, and its error is the cause', async () => {
    const named: Strategy = function cheapest() {
      return throwing();
    };
    expect(await thrownBy(over(named).ask())).toMatchObject({
      ...{ code: 'middleware', message: 'The strategy cheapest threw' },
      cause: { name: 'RangeError', message: 'out of range' },
    });
  });

  it('is blamed also when it has no name', async () => {
    const [unnamed] = [() => throwing()];
    expect((await thrownBy(over(unnamed as Strategy).ask())).message).toBe('The strategy given threw');
  });

  it('is blamed for a choice that is no candidate, by its name where it has one', async () => {
    const stranger = aHealth(aProvider({ name: 'stranger' })).health;
    const [unnamed] = [() => stranger];
    expect((await thrownBy(over(unnamed as Strategy).ask())).message).toBe(
      "The strategy given chose 'stranger', which is no candidate",
    );
    const named: Strategy = function odd() {
      return stranger;
    };
    expect((await thrownBy(over(named).ask())).message).toContain('The strategy odd chose');
  });

  it.each([
    { route: lowestLatency, chose: 'a function (is it to be called: `route: lowestLatency()`?)' },
    { route: priority, chose: 'a function (is it to be called: `route: priority()`?)' },
    { route: async () => Promise.reject(new Error('later')), chose: 'a promise' },
    { route: () => 'a', chose: 'something without a name (string)' },
    { route: () => ({ id: 'a' }), chose: 'something without a name (object)' },
  ])('is blamed when it chose $chose', async ({ route, chose }) => {
    const error = await thrownBy(over(route as never).ask());
    expect(error).toMatchObject({ code: 'middleware', attempts: [] });
    expect(error.message).toMatch(/^The strategy \w+ chose .*, which is no candidate$/);
    expect(error.message).toContain(` chose ${chose}, `);
  });

  it('is blamed for a function also where that has the name of a provider', async () => {
    const [maker] = [() => Object.defineProperty(() => undefined, 'name', { value: 'one' })];
    expect((await thrownBy(over(maker as never).ask())).message).toContain('`route: strategy()`');
  });

  it('is not blamed for `null`: it has chosen nobody', async () => {
    expect(await thrownBy(over((() => null) as never).ask())).toMatchObject({ code: 'no_provider' });
  });
});

describe('what a strategy throws when it is told of an end', () => {
  /** The warnings that the process gives while `run` goes on. */
  async function warningsIn(run: () => Promise<void>): Promise<string[]> {
    const warnings: string[] = [];
    const listener = ({ name, message }: Error): void => {
      warnings.push(`${name}: ${message}`);
    };
    process.on('warning', listener);
    try {
      await run();
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('warning', listener);
    }
    return warnings;
  }

  it.each([
    ['cheapest', 'cheapest'],
    ['', 'given'],
  ])('is warned of once, by its name where it has one (%j)', async (name, called) => {
    const first: Strategy = ([candidate]) => candidate;
    const strategy = Object.defineProperty(Object.assign(first, { settled: throwing }), 'name', { value: name });
    const { ask } = over(strategy);
    const warnings = await warningsIn(async () => {
      for (let call = 0; call < 3; call += 1) await (await ask()).done;
    });
    expect(warnings).toEqual([
      `LlmTransportWarning: The strategy ${called} threw in settled() (RangeError); its errors are ignored.`,
    ]);
  });

  it('is warned of once for each strategy', async () => {
    const strategies = [1, 2].map((): Strategy => Object.assign(priority(), { settled: throwing }));
    const warnings = await warningsIn(async () => {
      for (const strategy of strategies) await (await over(strategy).ask()).done;
    });
    expect(warnings).toHaveLength(2);
  });
});

describe('what a lone provider lacks', () => {
  it.each<[string, Partial<CompletionRequest>]>([
    ['model', { model: 'm-2' }],
    ['tags', { require: { tags: ['eu'] } }],
    ['region', { require: { region: 'eu' } }],
    ['capabilities', { reasoning: 'high' }],
  ])('does not come with waiting: %s', async (lack, needs) => {
    const error = await thrownBy(over(priority(), { traits: { capabilities: [] } }).ask({ prompt: 'Hi', ...needs }));
    expect(error.message).toBe(`No provider can be asked (one: ${lack})`);
    expect(backAfterMs(error)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the refusal of a lone provider', () => {
  it('says in words that it is left alone', async () => {
    const { ask, health } = over(priority());
    health.park(Date.now() + 5_000);
    expect((await thrownBy(ask())).message).toBe('one has asked to be left alone; nothing was sent');
    health.reset();
    health.gate = { backMs: () => 100, failureRatio: () => 1, reset: () => {} };
    expect((await thrownBy(ask())).message).toBe('one is failing and left alone; nothing was sent');
  });
});
