/** The contract suite for providers: whatever keeps these promises can be put into a transport. */

import type { Capability, Provider } from '../core/types.ts';
import { answerTo } from './answer.ts';
import { answerRules } from './contract-answers.ts';
import type { Bench, ContractServer, Way } from './contract-bench.ts';
import { endingRules } from './contract-endings.ts';
import { factRules } from './contract-facts.ts';
import { faultRules } from './contract-faults.ts';
import { type FaultName, faultCases } from './fault-cases.ts';
import type { WireName } from './incoming.ts';
import { checkProviderContract } from './option-names.ts';
import { type SimulatedServer, simulatedServer } from './server.ts';

/** What the suite needs to know of a provider. */
export interface ProviderContractOptions<S extends ContractServer = SimulatedServer> {
  /** Makes the provider that is tested, a new one for each case: `(server) => mine({ baseURL: server.url, … })`. */
  readonly make: (server: S) => Provider | Promise<Provider>;
  /**
   * Starts what the provider talks to, for each case anew. A server of your own gives what it has, down to `() => ({})`; then say
   * which `faults` it knows. @default `simulatedServer`
   */
  readonly start?: () => S | Promise<S>;
  /** Put before the name of each case. */
  readonly name?: string;
  /** The wire that the provider speaks: faults that do not happen there are left out. @default all faults */
  readonly wire?: WireName;
  /** The faults that are gone through. `[]` when there is no way to set one. @default those of the wire */
  readonly faults?: readonly FaultName[];
  /** What the provider cannot do. Without `streaming` it has no `stream` method. @default [] */
  readonly without?: readonly (Capability | 'usage')[];
  /** Credentials that the provider uses: no error may show them. @default [] */
  readonly secrets?: readonly string[];
  /** The text that answers a prompt; `false` when nobody knows. @default `answerTo`, the simulated model's */
  readonly textOf?: ((prompt: string) => string) | false;
  /** Milliseconds after which something that should have happened has not. @default 3_000 */
  readonly patienceMs?: number;
}

/** One promise of the contract. */
export interface ContractCase {
  readonly name: string;
  /** Rejects with an `AssertionError` when the promise is broken. */
  readonly run: () => Promise<void>;
}

/**
 * The promises of a provider as cases for any test runner: `for (const { name, run } of providerContract({ make })) it(name, run);`
 *
 * They are: text, tool calls, usage and finish reason right and the same whether streamed or whole; content first, then one finish
 * chunk, last; a stream that ended without its terminal event is never taken for whole; request id and headers are told as soon as
 * they are there; every fault becomes the `TransportError` it should, with no secret in it; an abort ends the call and closes the
 * connection; nothing is sent twice, nothing of the request is changed, and calls under way at once do not mix.
 *
 * By default the provider is pointed at a simulated server, which speaks OpenAI's, Anthropic's and Gemini's wires.
 */
export function providerContract<S extends ContractServer = SimulatedServer>(
  options: ProviderContractOptions<S>,
): readonly ContractCase[] {
  checkProviderContract(options);
  const { name, wire, without = [], secrets = [], textOf = answerTo, patienceMs = 3_000 } = options;
  const start = options.start ?? (simulatedServer as unknown as () => Promise<S>);
  const onWire = faultCases.filter(({ wires }) => wire === undefined || wires.includes(wire));
  const faults = options.faults ?? onWire.map((faultCase) => faultCase.name);
  const ways: readonly Way[] = without.includes('streaming') ? ['whole'] : ['streamed', 'whole'];
  const known = { ways, faults, without, secrets, textOf: textOf === false ? undefined : textOf, patienceMs };
  const rules = [
    ...answerRules(without),
    ...factRules(faults),
    ...endingRules(ways, faults),
    ...faultRules(ways, faults),
  ];

  return rules.map((rule) => ({
    name: name === undefined ? rule.name : `${name}: ${rule.name}`,
    async run() {
      const server = await start();
      try {
        const bench: Bench = { provider: await options.make(server), server, ...known };
        await rule.run(bench);
      } finally {
        await server.close?.();
      }
    },
  }));
}
