import { alternatives, contextKey } from './context.ts';
import { TransportError } from './errors.ts';
import type { Context } from './types.ts';

/** What a call knows of its own hops: the retry layer writes it, the router reads it. */
export interface Itinerary {
  /** Asked in this round: not again before the next. */
  readonly tried: ReadonlySet<string>;
  /** Cannot help this call, whatever happens. */
  readonly givenUp: ReadonlySet<string>;
  /** Was sent an attempt, in this round or an earlier one. */
  readonly asked: ReadonlySet<string>;
  /** The provider of the last attempt that was sent. */
  readonly last: string | undefined;
  /** Milliseconds that the call may still wait for a provider to come back. */
  readonly patienceMs: number;
  /** This attempt has been paid for: it is a retry. */
  readonly paid: boolean;
  /** Written by the layers below: this hop only finds out whether a provider is back; a second attempt beside it has failed. */
  readonly hop: { probe: boolean; hedged?: TransportError } | undefined;
  /** It goes on with, or begins again, an answer whose stream broke with this error. */
  readonly resumes?: TransportError | undefined;
  /** A hedge: it stands beside an attempt in this failure domain, and goes to another, where it would be sent at once, or nowhere. */
  readonly beside?: string;
}

/** Where the call's itinerary travels. */
export const itinerary = contextKey<Itinerary>('itinerary', {
  tried: new Set(),
  givenUp: new Set(),
  asked: new Set(),
  last: undefined,
  patienceMs: 0,
  paid: false,
  hop: undefined,
});

/** Whether somebody above would ask another provider: without a retry layer nobody does. */
export function failsOver(context: Context): boolean {
  const { hop, beside } = context.get(itinerary);
  return (hop !== undefined || beside !== undefined) && context.get(alternatives) > 0;
}

const nobody = new WeakMap<TransportError, number>();

/** Makes the router's error when nobody can be asked now. `backMs`: until somebody can be; `Infinity`: nobody ever can. */
export function nobodyLeft(backMs: number, error: TransportError): TransportError {
  nobody.set(error, backMs);
  return error;
}

/** Milliseconds until somebody can be asked, when that is what an error says; `undefined` for any other error. */
export function backAfterMs(error: unknown): number | undefined {
  return TransportError.is(error) ? nobody.get(error) : undefined;
}
