/** A whole day of trouble in a second: a client, simulated providers, and callers, in virtual time. */

import type { TransportEvent } from '../core/events.ts';
import type { Transport } from '../core/types.ts';
import { checkSimulation } from './option-names.ts';
import { Callers, type SimulatedCall, type SimulatedClient, type SimulatedLoad } from './simulated-load.ts';
import { Witness } from './simulation-witness.ts';
import type { VirtualRequest } from './virtual-attempt.ts';
import { type VirtualProvider, type VirtualProviderOptions, virtualProvider } from './virtual-provider.ts';
import { inVirtualTime, type VirtualTime, virtualTimeDefaults } from './virtual-time.ts';

/** What is simulated. */
export interface SimulationOptions {
  /** The same seed gives the same run, event for event. @default 1 */
  readonly seed?: number;
  /** Milliseconds in which calls are begun; then all of them are waited for. */
  readonly forMs: number;
  /** At least one. */
  readonly providers: readonly VirtualProviderOptions[];
  /** Makes what is tried: `(providers) => createTransport({ providers })`. */
  readonly client: (providers: readonly [VirtualProvider, ...VirtualProvider[]]) => SimulatedClient | Transport;
  /** Who calls. */
  readonly load: SimulatedLoad | readonly SimulatedLoad[];
  /** Is told every event of a transport. */
  readonly onEvent?: (event: TransportEvent, atMs: number) => void;
  /** Runs beside the calls, to look at something or to change it; it is waited for. */
  readonly during?: (client: SimulatedClient, time: VirtualTime) => Promise<void>;
}

/** What has happened. Moments are milliseconds since the beginning. */
export interface SimulationReport {
  readonly seed: number;
  /** In the order in which they were begun. */
  readonly calls: readonly SimulatedCall[];
  /** What came to each provider, by its name. */
  readonly requests: ReadonlyMap<string, readonly VirtualRequest[]>;
  /** Milliseconds until the last call had its answer. */
  readonly tookMs: number;
  /** A number made of all events: the same for the same run. */
  readonly log: string;
  /** What a transport never does, and has done; nothing, when all is well. */
  readonly broken: readonly string[];
}

/** Milliseconds after the last call was begun, after which what still runs never ends. */
const patienceMs = 4 * 3_600_000;
/** Milliseconds from one look at the transport's health to the next. */
const lookMs = 20_000;

/**
 * Plays a load against virtual providers, and looks at all that happens: each call ends once and in time, and as its events say; each
 * attempt that starts ends, and stands in the ledger; a circuit that is not closed lets one probe through; the health that the transport
 * tells of is what its events have told; and when all is over nothing is under way and no timer is left. What was not so is in the
 * report. To be run once at a time in a thread, because it replaces the globals of time and chance.
 *
 * @throws OptionsError for a name that is no option, or without a provider.
 */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  checkSimulation(options);
  return inVirtualTime((time) => play(options, time), { seed: options.seed });
}

async function play(options: SimulationOptions, time: VirtualTime): Promise<SimulationReport> {
  const { seed = virtualTimeDefaults.seed, forMs, onEvent } = options;
  const providers = options.providers.map((one) => virtualProvider({ seed, ...one })) as [
    VirtualProvider,
    ...VirtualProvider[],
  ];
  const client = options.client(providers);
  const calls: SimulatedCall[] = [];
  const witness = new Witness(calls);
  if ('on' in client) {
    client.on('*', (event) => {
      witness.see(event, time.elapsedMs);
      onEvent?.(event, time.elapsedMs);
    });
  }
  const { broken } = witness;
  const loads = Array.isArray(options.load)
    ? (options.load as readonly SimulatedLoad[])
    : [options.load as SimulatedLoad];
  const caller = client as SimulatedClient;
  const look = (): void => {
    if ('health' in client) witness.look(client.health(), providers, time.elapsedMs);
  };
  const looking = setInterval(look, lookMs);
  const running = loads.map((load, index) =>
    new Callers(load, caller, { seed: seed * 31 + index, name: `${'abcdefghij'[index]}-`, calls, broken }).run(forMs),
  );
  const over = Promise.all([...running, options.during?.(caller, time)]);
  if (!(await isOver(over, forMs + patienceMs))) {
    for (const { transactionId, outcome } of calls)
      if (outcome === undefined) broken.push(`${transactionId} never ends`);
  }
  clearInterval(looking);
  const tookMs = time.elapsedMs;
  // What was cancelled a moment ago may take a moment.
  await new Promise((resolve) => setTimeout(resolve, 1));
  if ('health' in client) witness.checkRest(client.health(), providers);
  await client.close?.();
  const servers = providers.reduce((sum, provider) => sum + provider.timers, 0);
  if (time.timers > servers) broken.push(`${time.timers - servers} timers are left after close()`);
  return {
    ...{ seed, calls, tookMs, log: witness.log, broken },
    requests: new Map(providers.map(({ name, requests }) => [name, requests])),
  };
}

/** Whether the promise settles within so long. */
function isOver(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), ms);
    promise.then(
      () => {
        clearTimeout(timer);
        resolve(true);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
