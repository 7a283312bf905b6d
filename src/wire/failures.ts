import { summarise, TransportError, type TransportErrorFields } from '../core/errors.ts';
import type { Context, ErrorCode, ReceivedFacts } from '../core/types.ts';
import { classify } from './classify.ts';
import { classifyThrown } from './classify-thrown.ts';
import { headersOf, requestIdOf } from './headers.ts';

/** Makes the errors of one attempt: each names the provider and its id of the request, and repeats no secret and no prompt. */
export interface Failures {
  /** The provider's id of the request, once it is known. */
  requestId: string | undefined;
  /** An error of our own finding. `says` goes on after the provider's name: `ended its answer before it was whole`. */
  of(code: ErrorCode, says: string, fields?: TransportErrorFields): TransportError;
  /** An error that the provider has put into an answer that looked good. */
  inBand(body: unknown, fields?: TransportErrorFields): TransportError;
  /** What an SDK, `fetch` or a broken body threw. A stranger's error is `internal`: a bug of the adapter. */
  thrown(error: unknown): TransportError;
  /** Tells the transport what the provider has counted, as soon as it has: what is refused, empty or cut is billed as well. */
  tell(facts: Billed): void;
}

/** What the ledger is told of an answer that only passes by. */
export type Billed = Pick<ReceivedFacts, 'usage' | 'usageIsWhole' | 'cost' | 'accepted'>;

/** What the errors of an attempt must name, and what they must not. */
export interface FailureContext {
  readonly provider: string;
  /** Asked when an error is made, because credentials are renewed. */
  readonly secrets: () => readonly string[];
  readonly texts: () => readonly string[];
  /** Where `tell` goes. @default nowhere: who reads the answer tells it himself */
  readonly received?: (facts: Billed) => void;
}

/** The errors of one attempt at `context.provider`. */
export function failuresOf({ provider, secrets, texts, received = () => {} }: FailureContext): Failures {
  const failures: Failures = {
    requestId: undefined,
    of: (code, says, fields) => new TransportError(code, `${provider} ${says}`, { provider, ...id(), ...fields }),
    inBand: (body, fields) =>
      classify({ body, provider, secrets: secrets(), texts: texts(), fields: { ...id(), ...fields } }),
    thrown: (error) => {
      const known = { provider, secrets: secrets(), texts: texts() };
      const classified = classifyThrown(error, known);
      if (classified !== undefined) return classified;
      return failures.of('internal', 'failed in its adapter', { cause: summarise(error, known) });
    },
    tell: received,
  };
  const id = (): TransportErrorFields =>
    failures.requestId === undefined ? {} : { providerRequestId: failures.requestId };
  return failures;
}

/** Tells the context what came with an answer's headers, good (`accepted`) or bad, and the errors of the attempt its id. */
export function heard(context: Context, failures: Failures, headers: unknown, accepted = false): void {
  const providerRequestId = requestIdOf(headers);
  failures.requestId = providerRequestId;
  const id = providerRequestId === undefined ? {} : { providerRequestId };
  context.received({ headers: headersOf(headers), accepted, ...id });
}
