/** Simulated providers: everything needed to try an application, or this transport, against whatever a provider can do wrong. */

export { type EnforcedLimits, goDuration } from './allowance.ts';
export { type AnswerOptions, answerTo, hashOf, randomFrom, tokensOf } from './answer.ts';
export type { Continuation, Continues } from './continued.ts';
export type { ContractServer } from './contract-bench.ts';
export { type FaultCase, type FaultChoice, type FaultName, faultCases, faultOf, faults } from './fault-cases.ts';
export type { FaultPlanOptions, RandomFaults, ScheduledFault } from './fault-plan.ts';
export { type ErrorBody, errorCodeOf, type Fault, type RetryAfter, type StatusFault } from './faults.ts';
export type { IncomingRequest, IncomingTool, Turn, WireName } from './incoming.ts';
export type { RequestRecord } from './ledger.ts';
export { type MiddlewareContractOptions, middlewareContract } from './middleware-contract.ts';
export type { MiddlewareChange } from './middleware-contract-bench.ts';
export { type Answer, type AnsweredToolCall, defaultAnswer, sampleOf } from './model.ts';
export { type ContractCase, type ProviderContractOptions, providerContract } from './provider-contract.ts';
export { type SimulatedServer, type SimulatedServerOptions, simulatedServer } from './server.ts';
export type { Duration, ServiceOptions } from './service.ts';
export { type SimulatedOptions, type SimulatedProvider, simulated } from './simulated.ts';
export type { SimulatedCall, SimulatedClient, SimulatedLoad } from './simulated-load.ts';
export { type SimulationOptions, type SimulationReport, simulate } from './simulation.ts';
export { type StrategyContractOptions, strategyContract } from './strategy-contract.ts';
export type { VirtualRequest } from './virtual-attempt.ts';
export { type VirtualProvider, type VirtualProviderOptions, virtualProvider } from './virtual-provider.ts';
export type { VirtualConditions, VirtualIncident } from './virtual-service.ts';
export { inVirtualTime, type VirtualTime, type VirtualTimeOptions } from './virtual-time.ts';
