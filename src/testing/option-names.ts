/** The names of all options here, to tell one that is none: a test with a misspelt fault would pass because nothing went wrong. */

import { OptionsError } from '../core/errors.ts';
import { checkNames } from '../core/option-names.ts';
import type { Limits } from '../core/types.ts';
import type { EnforcedLimits } from './allowance.ts';
import type { RandomFaults, ScheduledFault } from './fault-plan.ts';
import type { MiddlewareContractOptions } from './middleware-contract.ts';
import type { ProviderContractOptions } from './provider-contract.ts';
import type { SimulatedServerOptions } from './server.ts';
import type { ServiceOptions } from './service.ts';
import type { SimulatedOptions } from './simulated.ts';
import { loadDefaults, type SimulatedLoad } from './simulated-load.ts';
import type { SimulationOptions } from './simulation.ts';
import type { StrategyContractOptions } from './strategy-contract.ts';
import type { VirtualProviderOptions } from './virtual-provider.ts';
import { usualConditions, type VirtualConditions, type VirtualIncident } from './virtual-service.ts';

/** Every name of a type: the compiler sees to it that none is missing, and none is too many. */
type Names<Options> = Readonly<Record<keyof Options, unknown>>;

const limits: Names<Limits> = {
  ...{ requestsPerMinute: 0, tokensPerMinute: 0, inputTokensPerMinute: 0, outputTokensPerMinute: 0 },
  concurrency: 0,
};
const enforcedLimits: Names<EnforcedLimits> = { ...limits, burstRatio: 0, headers: 0, retryAfter: 0 };
const random: Names<RandomFaults> = { ratio: 0, faults: 0 };
const scheduled: Names<ScheduledFault> = { fromMs: 0, toMs: 0, fault: 0 };
const service: Names<ServiceOptions> = {
  ...{ fault: 0, script: 0, schedule: 0, random: 0, seed: 0 },
  ...{ answer: 0, words: 0, continues: 0, firstTokenMs: 0, tokenMs: 0, keepRequests: 0 },
};
const provider = { name: 0, domain: 0, model: 0, limits: 0, traits: 0 };
const simulated: Names<SimulatedOptions> = { ...service, ...provider, enforcedLimits: 0, streaming: 0 };
const simulatedServer: Names<SimulatedServerOptions> = { ...service, limits: 0, requireKey: 0, headers: 0 };
const conditions: Names<VirtualConditions> = { ...usualConditions, errorRetryAfterMs: 0 };
const incident: Names<VirtualIncident> = { ...conditions, fromMs: 0, toMs: 0 };
const virtualProvider: Names<VirtualProviderOptions> = {
  ...{ ...conditions, ...provider },
  ...{ schedule: 0, seed: 0, chunks: 0 },
};
const load: Names<SimulatedLoad> = { ...loadDefaults, perSecond: 0, callers: 0, toMs: 0 };
const simulation: Names<SimulationOptions> = {
  ...{ seed: 0, forMs: 0, providers: 0, client: 0, load: 0, onEvent: 0, during: 0 },
};
const contract = { make: 0, name: 0 };
const middleware: Names<MiddlewareContractOptions> = {
  ...contract,
  ...{ place: 0, changes: 0, request: 0, call: 0, patienceMs: 0 },
};
const providers: Names<ProviderContractOptions> = {
  ...{ ...contract, start: 0, wire: 0, faults: 0 },
  ...{ without: 0, secrets: 0, textOf: 0, patienceMs: 0 },
};
const strategy: Names<StrategyContractOptions> = {
  ...{ ...contract, request: 0, values: 0 },
  ...{ prefersFree: 0, declines: 0, spreads: 0 },
};

/** A check of the names of options, and of what else has names inside them. */
function checker<Options extends object>(factory: string, names: Names<Options>, inside?: (options: Options) => void) {
  const known = Object.keys(names);
  /** @throws OptionsError with the path of a name that is no option: `simulated.fautl` */
  return (options: Options): void => {
    checkNames(factory, options, known);
    inside?.(options);
  };
}

function checkInside(path: string, value: object | undefined, names: object): void {
  if (value !== undefined) checkNames(path, value, Object.keys(names));
}

function checkEach(path: string, values: unknown, names: object): void {
  if (Array.isArray(values)) for (const [index, one] of values.entries()) checkInside(`${path}[${index}]`, one, names);
}

function demandSome(path: string, values: unknown, what: string): void {
  if (!Array.isArray(values) || values.length === 0)
    throw new OptionsError(path, `expected an array of at least one ${what}`);
}

function checkPlan(factory: string, options: ServiceOptions): void {
  checkInside(`${factory}.random`, options.random, random);
  if (options.random !== undefined) demandSome(`${factory}.random.faults`, options.random.faults, 'fault');
  checkEach(`${factory}.schedule`, options.schedule, scheduled);
}

export const checkSimulated = checker<SimulatedOptions>('simulated', simulated, (options) => {
  checkPlan('simulated', options);
  checkInside('simulated.enforcedLimits', options.enforcedLimits, enforcedLimits);
});

export const checkSimulatedServer = checker<SimulatedServerOptions>('simulatedServer', simulatedServer, (options) => {
  checkPlan('simulatedServer', options);
  checkInside('simulatedServer.limits', options.limits, enforcedLimits);
});

export const checkVirtualProvider = checker<VirtualProviderOptions>('virtualProvider', virtualProvider, (options) => {
  checkInside('virtualProvider.enforcedLimits', options.enforcedLimits, enforcedLimits);
  checkEach('virtualProvider.schedule', options.schedule, incident);
});

export const checkSimulation = checker<SimulationOptions>('simulate', simulation, (options) => {
  demandSome('simulate.providers', options.providers, 'provider');
  checkEach('simulate.load', [options.load].flat(), load);
});

export const checkEnforcedLimits = checker<EnforcedLimits>('setLimits', enforcedLimits);
export const checkMiddlewareContract = checker<MiddlewareContractOptions>('middlewareContract', middleware);
export const checkProviderContract = checker<object>('providerContract', providers);
export const checkStrategyContract = checker<StrategyContractOptions>('strategyContract', strategy);
