import { describe, expect, it } from 'vitest';
import { allFieldsOf, findInterface } from '../../docs/generate/source.ts';
import { OptionsError } from '../../src/core/errors.ts';
import {
  answerTo,
  inVirtualTime,
  middlewareContract,
  providerContract,
  simulate,
  simulated,
  simulatedServer,
  strategyContract,
  virtualProvider,
} from '../../src/testing/index.ts';

/** Every function here that takes options, and the type of those. */
const takers: Readonly<Record<string, readonly [type: string, take: (options: never) => unknown]>> = {
  simulated: ['SimulatedOptions', simulated],
  simulatedServer: ['SimulatedServerOptions', simulatedServer],
  virtualProvider: ['VirtualProviderOptions', virtualProvider],
  simulate: ['SimulationOptions', simulate],
  inVirtualTime: ['VirtualTimeOptions', (options) => inVirtualTime(async () => {}, options)],
  answerTo: ['AnswerOptions', (options) => answerTo('Hello', options)],
  providerContract: ['ProviderContractOptions', providerContract],
  middlewareContract: ['MiddlewareContractOptions', middlewareContract],
  strategyContract: ['StrategyContractOptions', strategyContract],
};

/** What is said of options that are wrong, at once or later; nothing when nothing is said. */
async function said(take: (options: never) => unknown, options: object): Promise<string> {
  try {
    await take(options as never);
    return '';
  } catch (error) {
    if (error instanceof OptionsError) return error.message;
    throw error;
  }
}

const namesOf = (type: string): string[] =>
  allFieldsOf(type)
    .map(({ path }) => path)
    .filter((path) => !path.includes('.'))
    .sort();

describe('an option that there is not', () => {
  it.each(Object.entries(takers))('is refused by %s, with those that there are', async (name, [type, take]) => {
    const message = await said(take, { fautl: 'http-500' });
    const [, there = ''] = /^(?:\w+)\.fautl: is not an option \(there are ([^)]*)\)$/.exec(message) ?? [];
    expect(message).toMatch(new RegExp(`^${name}\\.fautl: `));
    expect(there.split(', ').sort()).toEqual(namesOf(type));
  });

  it.each(['EnforcedLimits', 'RandomFaults', 'ScheduledFault', 'VirtualIncident', 'SimulatedLoad'])(
    'is looked for inside too: %s',
    async (type) => {
      expect(findInterface(type)).toBeDefined();
      const inside: Readonly<Record<string, readonly [string, object][]>> = {
        EnforcedLimits: [
          ['simulated', { enforcedLimits: { fautl: 1 } }],
          ['simulatedServer', { limits: { fautl: 1 } }],
          ['virtualProvider', { enforcedLimits: { fautl: 1 } }],
        ],
        RandomFaults: [['simulated', { random: { fautl: 1 } }]],
        ScheduledFault: [['simulatedServer', { schedule: [{ fromMs: 0, fault: 'ok' }, { fautl: 1 }] }]],
        VirtualIncident: [['virtualProvider', { schedule: [{ fautl: 1 }] }]],
        SimulatedLoad: [
          ['simulate', { providers: [{}], load: { fautl: 1 } }],
          ['simulate', { providers: [{}], load: [{ perSecond: 1 }, { fautl: 1 }] }],
        ],
      };
      for (const [name, options] of inside[type] ?? []) {
        const message = await said(takers[name]?.[1] as () => unknown, options);
        const [, there = ''] = /^\w+\.[\w.[\]]+\.fautl: is not an option \(there are ([^)]*)\)$/.exec(message) ?? [];
        expect({ name, there: there.split(', ').sort() }).toEqual({ name, there: namesOf(type) });
      }
    },
  );

  it('is refused where limits are set later', async () => {
    expect(() => simulated().setLimits({ requestPerMinute: 1 } as never)).toThrow(
      /^setLimits\.requestPerMinute: is not/,
    );
    await using server = await simulatedServer();
    expect(() => server.setLimits({ requestPerMinute: 1 } as never)).toThrow(/^setLimits\.requestPerMinute: is not/);
    server.setLimits(undefined);
  });
});

it('refuses what is no options at all', () => {
  expect(() => simulated(5 as never)).toThrow('simulated: expected an object of options');
});

it('wants one of those of which there must be one', async () => {
  expect(() => simulated({ random: { ratio: 1, faults: [] } })).toThrow(
    'simulated.random.faults: expected an array of at least one fault',
  );
  expect(() => simulated({ random: { ratio: 1 } as never })).toThrow(OptionsError);
  await expect(simulate({ forMs: 1, providers: [], client: () => ({}) as never, load: {} })).rejects.toThrow(
    'simulate.providers: expected an array of at least one provider',
  );
});
