/** The contract suite for middleware: whatever keeps these promises can be put into `use` or `useEach`. */

import type { CallOptions, CompletionRequest, Middleware } from '../core/types.ts';
import { answerRules } from './middleware-contract-answers.ts';
import type { MiddlewareBench, MiddlewareChange } from './middleware-contract-bench.ts';
import { endingRules } from './middleware-contract-endings.ts';
import { leftoverRules } from './middleware-contract-leftovers.ts';
import { passingRules } from './middleware-contract-passing.ts';
import { checkMiddlewareContract } from './option-names.ts';
import type { ContractCase } from './provider-contract.ts';

/** What the suite needs to know of a middleware. */
export interface MiddlewareContractOptions {
  /** Makes the middleware that is tested, a new one for each case. Small limits show best that what was taken is given back. */
  readonly make: () => Middleware | Promise<Middleware>;
  /** `call`: it goes into `use`. `attempt`: into `useEach`, with a provider underneath. @default 'call' */
  readonly place?: 'call' | 'attempt';
  /** Put before the name of each case. */
  readonly name?: string;
  /**
   * What it does on purpose: sends another `request`, changes `chunks` (and so the answer), rejects with other `errors`, or has its
   * own mind about `asking` (not at all, as a cache does, or again). @default []
   */
  readonly changes?: readonly MiddlewareChange[];
  /** The request of a call, another for each number. @default a prompt, and `maxOutputTokens: 64` */
  readonly request?: (number: number) => CompletionRequest;
  /** What callers say beside the request. */
  readonly call?: Pick<CallOptions, 'timeoutMs' | 'priority' | 'values'>;
  /** Milliseconds after which something that should have happened has not. @default 1_000 */
  readonly patienceMs?: number;
}

/**
 * The promises of a middleware as cases for any test runner: `for (const { name, run } of middlewareContract({ make })) it(name, run);`
 *
 * They are: requests, contexts, answers, chunks and errors pass as they are, unless it says that it changes them; a stream stays a
 * stream, neither held up nor read ahead; `done` settles with the end, and never rejects; an abort, and a reader who leaves, end the
 * call and what is below it; everything that is thrown is a `TransportError`; and after any ending nothing is kept: no place, no
 * listener, no timer, no memory. The cases run in real time, within milliseconds when all is well.
 */
export function middlewareContract(options: MiddlewareContractOptions): readonly ContractCase[] {
  checkMiddlewareContract(options);
  const { name, make, place = 'call', changes = [], call = {}, patienceMs = 1_000 } = options;
  const request = options.request ?? ((number) => ({ prompt: promptOf(number), maxOutputTokens: 64 }));
  const bench: MiddlewareBench = { make, place, changes, request, call, patienceMs };
  return [...passingRules, ...answerRules, ...endingRules, ...leftoverRules].map((rule) => ({
    name: name === undefined ? rule.name : `${name}: ${rule.name}`,
    run: () => rule.run(bench),
  }));
}

function promptOf(number: number): string {
  return `Tell me about the number ${number}, please`;
}
