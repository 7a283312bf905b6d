/** What simulations take for each option that is not given. */
import { simulate } from '../src/testing/index.ts';
import { loadDefaults } from '../src/testing/simulated-load.ts';
import { virtualProvider, virtualProviderDefaults } from '../src/testing/virtual-provider.ts';
import { usualConditions } from '../src/testing/virtual-service.ts';
import { virtualTimeDefaults } from '../src/testing/virtual-time.ts';
import { Told } from './docs-told.ts';

const { enforcedLimits, ...conditions } = usualConditions;

const constants: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  VirtualConditions: conditions,
  VirtualProviderOptions: virtualProviderDefaults,
  VirtualTimeOptions: virtualTimeDefaults,
  SimulatedLoad: loadDefaults,
  SimulationOptions: { seed: virtualTimeDefaults.seed },
};

/** By option, as `SimulatedLoad.thinkMs`. */
export const observedSimulations: Readonly<Record<string, () => unknown>> = {
  ...Object.fromEntries(
    Object.entries(constants).flatMap(([type, defaults]) =>
      Object.entries(defaults).map(([option, value]) => [`${type}.${option}`, () => value]),
    ),
  ),
  'VirtualConditions.enforcedLimits': () => new Told('no limits', () => Object.keys(enforcedLimits).length === 0),
  'VirtualProviderOptions.domain': () => new Told('the name', () => virtualProvider({ name: 'x' }).domain === 'x'),
  'SimulatedLoad.toMs': () =>
    new Told('the end of the simulation', async () => {
      const complete = async ({ transactionId = '' }) => ({ text: `${transactionId} `, provider: '', attempts: [] });
      const client = () => ({ complete: (_: unknown, options: object) => complete(options) });
      const { calls } = await simulate({ forMs: 9_000, providers: [{}], client, load: { perSecond: 10 } });
      return calls.every(({ at }) => at < 9_000) && calls.some(({ at }) => at > 8_000);
    }),
};
