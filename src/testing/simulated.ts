/** A provider in process: the faults and the books of the simulated server without a network, and at home under fake timers. */

import type { Chunk, CompletionRequest, Context, Limits, Provider, ProviderAnswer, Traits } from '../core/types.ts';
import type { EnforcedLimits } from './allowance.ts';
import type { FaultChoice } from './fault-cases.ts';
import { hintsOf, type StatusFault } from './faults.ts';
import { errorOf, gather, readRequest, refusedBy, throwIfAborted, walk } from './in-process.ts';
import type { IncomingRequest } from './incoming.ts';
import type { Recording, RequestRecord } from './ledger.ts';
import { limitHeaders } from './openai-wire.ts';
import { checkSimulated } from './option-names.ts';
import { Service, type ServiceOptions } from './service.ts';

export interface SimulatedOptions extends ServiceOptions {
  /** Unique in a transport. @default 'simulated' */
  readonly name?: string;
  /** Failure domain. @default the name */
  readonly domain?: string;
  /** The model's name. @default 'simulated-1' */
  readonly model?: string;
  /** What the provider says of its limits: the transport stays below them. It does not enforce them by itself. */
  readonly limits?: Limits;
  /** What it really enforces, with 429s. @default nothing */
  readonly enforcedLimits?: EnforcedLimits;
  /** What is known of the model. */
  readonly traits?: Traits;
  /** `false`: there is no `stream` method. @default true */
  readonly streaming?: boolean;
}

/** A provider in process, with its books. */
export interface SimulatedProvider extends Provider {
  /** One record for each request, in the order in which they came. */
  readonly requests: readonly RequestRecord[];
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** What all requests so far are billed. */
  readonly billed: { readonly inputTokens: number; readonly outputTokens: number };
  /** Resolves with the `count`-th request as soon as it has come. */
  received(count: number): Promise<RequestRecord>;
  /** The fault of every request from now on; `undefined` goes back to script, schedule and random. */
  setFault(fault: FaultChoice | undefined): void;
  /** New enforced limits, with full buckets; `undefined` is none. */
  setLimits(limits: EnforcedLimits | undefined): void;
}

/**
 * A provider in process. It answers `answerTo(prompt)` unless told otherwise, meets the same faults as `simulatedServer`, thrown as
 * the `TransportError`s that an adapter makes of them, and waits by `setTimeout` only. A stream without its terminal event ends
 * without a `finish` chunk; silence lasts until the attempt is aborted.
 *
 * @throws OptionsError for a name that is no option, or no fault.
 */
export function simulated(options: SimulatedOptions = {}): SimulatedProvider {
  checkSimulated(options);
  const service = new Service(options, options.enforcedLimits);
  const name = options.name ?? 'simulated';
  const model = options.model ?? 'simulated-1';

  async function* stream(request: CompletionRequest, context: Context): AsyncGenerator<Chunk, void, undefined> {
    const { request: incoming, recording } = service.open(readRequest(request, context, model, true));
    yield* answer(incoming, recording, context);
  }

  async function complete(request: CompletionRequest, context: Context): Promise<ProviderAnswer> {
    const { request: incoming, recording } = service.open(readRequest(request, context, model, false));
    const chunks: Chunk[] = [];
    for await (const chunk of answer(incoming, recording, context)) chunks.push(chunk);
    return gather(chunks, { model, requestId: recording.requestId, fields: fieldsOf(recording) });
  }

  async function* answer(
    incoming: IncomingRequest,
    recording: Recording,
    context: Context,
  ): AsyncGenerator<Chunk, void, undefined> {
    const { signal } = context;
    let ended = false;
    try {
      throwIfAborted(signal);
      const { fault, refusal, limits, steps } = service.decide(incoming, recording);
      const fields = fieldsOf(recording);
      const headed = (accepted: boolean, more: Record<string, string> = {}) =>
        context.received({
          providerRequestId: recording.requestId,
          headers: Object.entries({ ...limitHeaders(limits), ...more }),
          accepted,
        });
      const error = refusal !== undefined ? refusedBy(refusal, fields) : errorOf(fault, fields);
      if (error !== undefined) {
        recording.status = error.status ?? 200;
        headed(error.status === undefined, fault?.kind === 'status' ? hintsOfFault(fault) : {});
        throw error;
      }
      const accepted = () => headed(true);
      const progressed = () => context.received({ progress: true, toolCall: true });
      yield* walk(steps(), { recording, signal, model, fields, accepted, progressed });
      ended = true;
    } catch (error) {
      ended = !signal.aborted;
      throw error;
    } finally {
      // Not ended and not whole: aborted, or left by its reader.
      service.ledger.end(recording, !ended && !recording.whole);
    }
  }

  function fieldsOf(recording: Recording) {
    return { provider: name, providerRequestId: recording.requestId };
  }

  return {
    name,
    domain: options.domain ?? name,
    kind: 'simulated',
    model,
    limits: options.limits,
    traits: options.traits,
    complete,
    ...(options.streaming !== false && { stream }),
    requests: service.ledger.requests,
    get inFlight() {
      return service.ledger.inFlight;
    },
    get maxInFlight() {
      return service.ledger.maxInFlight;
    },
    get billed() {
      return service.ledger.billed();
    },
    received: (count) => service.ledger.received(count),
    setFault: (fault) => service.plan.set(fault),
    setLimits: (limits) => service.setLimits(limits),
  };
}

function hintsOfFault({ retryAfter, shouldRetry }: StatusFault): Record<string, string> {
  return hintsOf(retryAfter === undefined ? [] : [retryAfter], shouldRetry, Date.now());
}
