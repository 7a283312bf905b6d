import { isFree } from '../core/candidates.ts';
import { alternatives, beginAttempt, callOf, forgetAttempt } from '../core/context.ts';
import { TransportError, withFields } from '../core/errors.ts';
import type { ProviderHealth } from '../core/health.ts';
import { type Itinerary, itinerary, nobodyLeft } from '../core/itinerary.ts';
import { isLack, isMeasurable, lackOf, lengthOf } from '../core/requirements.ts';
import type { Attempt, Candidate, CompletionRequest, Context, Handler, Strategy } from '../core/types.ts';

/** One place to send an attempt to: a provider's layers, and how it does. */
export interface Destination {
  readonly health: ProviderHealth;
  readonly handler: Handler;
}

/**
 * Sends an attempt to one of the providers: leaves out those that cannot help the request or cannot be asked now, puts those last
 * that are slow, too small for the prompt, or of a failure domain that failed in this round, and lets the strategy choose.
 */
export function router(strategy: Strategy, destinations: readonly Destination[]): Handler {
  return async function route(request, context) {
    const hops = context.get(itinerary);
    const at = Date.now();
    const survey = new Survey(destinations, request, hops, at);
    const chosen = choose(strategy, survey.candidates, request, context);
    if (callOf(context).events.heard('route')) {
      context.publish({
        type: 'route',
        chosen: chosen?.health.name,
        strategy: strategy.name,
        candidates: survey.told,
      });
    }
    if (chosen === undefined) throw nobodyAt(destinations, survey, hops, at);

    const { health } = chosen;
    const attempt = beginAttempt(context, reasonFor(health, hops)).with(alternatives.of(survey.alternatives));
    const wasSent = (): boolean => context.attempts.some(({ number }) => number === attempt.attempt);
    health.asked();
    try {
      const reply = await chosen.handler(request, attempt);
      if (strategy.settled !== undefined) void reply.done.then(() => settled(strategy, request, attempt));
      if (health.limitsLength) {
        void reply.done.then(({ ok }) => {
          if (ok && isMeasurable(request)) health.learnLength(lengthOf(request), false);
        });
      }
      return reply;
    } catch (error) {
      if (!wasSent()) forgetAttempt(attempt);
      else settled(strategy, request, attempt);
      if (!TransportError.is(error)) throw error;
      if (error.code === 'context_length_exceeded' && wasSent() && isMeasurable(request))
        health.learnLength(lengthOf(request), true);
      // A provider's layers may throw without saying whose error it is.
      throw error.provider === undefined && error.retry !== 'never'
        ? withFields(error, { provider: health.name })
        : error;
    }
  };
}

function reasonFor({ name }: ProviderHealth, { beside, last }: Itinerary): Attempt['reason'] {
  if (beside !== undefined) return 'hedge';
  if (last === undefined) return 'first';
  return last === name ? 'retry' : 'failover';
}

/** Who may be chosen now, and why the others may not. */
class Survey {
  /** How many others could be asked instead of the one that is chosen. */
  readonly alternatives: number;
  readonly #destinations: readonly Destination[];
  /** Why each is left out; `undefined` for those that may be chosen. */
  readonly #reasons: (string | undefined)[];

  constructor(destinations: readonly Destination[], request: CompletionRequest, hops: Itinerary, at: number) {
    this.#destinations = destinations;
    this.#reasons = destinations.map(({ health }) => exclusion(health, request, hops, at));
    const tokens = destinations.some(({ health }) => health.limitsLength) ? lengthOf(request) : 0;
    const fits = (health: ProviderHealth): boolean => !health.tooLong(tokens);
    const isQuick = (health: ProviderHealth): boolean => !health.slow;
    if (hops.beside !== undefined) {
      // A hedge that would wait, or is likely to fail, costs more than it gives.
      this.#demand('context window', fits);
      this.#demand('slow', isQuick);
      this.#demand('same domain', ({ domain }) => domain !== hops.beside);
      this.#demand('half-open', ({ circuit }) => circuit === 'closed');
      this.#demand('quarantined', ({ quarantined }) => !quarantined);
      // Also one that is not known yet, and is sent its first attempts only.
      this.#demand('busy', (health) => isFree(health) && health.queued === 0 && health.inFlight < health.window);
      this.alternatives = this.candidates.length - 1;
      return;
    }
    // The estimate of a prompt's length is rough: better to try than to refuse what might have fitted.
    this.#prefer('context window', fits);
    this.alternatives = this.candidates.length - 1;
    // Not when the quick ones would make everybody wait: then the slow one is needed.
    if (this.candidates.some(({ health }) => isQuick(health) && isFree(health))) this.#demand('slow', isQuick);
    if (hops.tried.size === 0) return;
    const failed = destinations.filter(({ health }) => hops.tried.has(health.name));
    this.#prefer('same domain', ({ domain }) => failed.every(({ health }) => health.domain !== domain));
  }

  get candidates(): readonly Destination[] {
    return this.#destinations.filter((_, index) => this.#reasons[index] === undefined);
  }

  /** For the event. */
  get told(): readonly { readonly name: string; readonly excluded?: string }[] {
    return this.#destinations.map(({ health: { name } }, index) => {
      const excluded = this.#reasons[index];
      return excluded === undefined ? { name } : { name, excluded };
    });
  }

  reasonFor(destination: Destination): string | undefined {
    return this.#reasons[this.#destinations.indexOf(destination)];
  }

  /** Leaves out those who are not as wished, as long as somebody is. */
  #prefer(reason: string, isWished: (health: ProviderHealth) => boolean): void {
    const isOne = ({ health }: Destination, index: number): boolean =>
      this.#reasons[index] === undefined && isWished(health);
    if (this.#destinations.some(isOne)) this.#demand(reason, isWished);
  }

  #demand(reason: string, isWished: (health: ProviderHealth) => boolean): void {
    this.#destinations.forEach(({ health }, index) => {
      if (this.#reasons[index] === undefined && !isWished(health)) this.#reasons[index] = reason;
    });
  }
}

/** Why a provider is left out, `undefined` when it may be chosen. */
function exclusion(
  health: ProviderHealth,
  request: CompletionRequest,
  hops: Itinerary,
  at: number,
): string | undefined {
  return (
    lackOf(health, request) ??
    (hops.givenUp.has(health.name) ? 'given up' : undefined) ??
    (hops.tried.has(health.name) ? 'tried' : undefined) ??
    health.unavailable(at)
  );
}

function choose(
  strategy: Strategy,
  destinations: readonly Destination[],
  request: CompletionRequest,
  context: Context,
) {
  const [first, ...rest] = destinations.map(({ health }) => health);
  if (first === undefined) return undefined;
  let choice: Candidate | undefined;
  try {
    choice = strategy([first, ...rest], request, context);
  } catch (error) {
    throw TransportError.is(error)
      ? error
      : new TransportError('middleware', `The strategy ${strategy.name || 'given'} threw`, { cause: error });
  }
  if (choice === undefined) return undefined;
  const chosen = destinations.find(({ health }) => health.name === choice.name);
  if (chosen !== undefined) return chosen;
  throw new TransportError(
    'internal',
    `The strategy ${strategy.name || 'given'} chose '${String(choice.name)}', which is no candidate`,
  );
}

/** Strategies whose `settled` has thrown: each is warned of once. */
const warned = new WeakSet<Strategy>();

function settled(strategy: Strategy, request: CompletionRequest, context: Context): void {
  const line = context.attempts.find(({ number }) => number === context.attempt);
  if (line === undefined) return;
  try {
    strategy.settled?.(request, context, line);
  } catch (error) {
    // What it makes of the end of an attempt never changes how the attempt ended.
    if (warned.has(strategy)) return;
    warned.add(strategy);
    const name = error instanceof Error ? error.name : typeof error;
    const what = `The strategy ${strategy.name || 'given'} threw in settled() (${name})`;
    process.emitWarning(`${what}; its errors are ignored.`, 'LlmTransportWarning');
  }
}

function nobodyAt(destinations: readonly Destination[], survey: Survey, hops: Itinerary, at: number): TransportError {
  let backMs = Number.POSITIVE_INFINITY;
  for (const destination of destinations) {
    const { health } = destination;
    const reason = survey.reasonFor(destination);
    // One that is quarantined needs somebody to act, not somebody to wait.
    if (reason === undefined || reason === 'given up' || isLack(reason) || health.quarantined) continue;
    backMs = Math.min(backMs, health.backMs(at));
  }
  const reasons = survey.told
    .flatMap(({ name, excluded }) => (excluded === undefined ? [] : [`${name}: ${excluded}`]))
    .join(', ');
  const only = destinations.length === 1 ? destinations[0]?.health : undefined;
  const error =
    (only === undefined || hops.last !== undefined ? undefined : lone(only, at)) ??
    new TransportError('no_provider', `No provider can be asked (${reasons || 'the strategy chose none'})`, {
      retryAfterMs: backMs === Number.POSITIVE_INFINITY ? undefined : backMs,
    });
  return nobodyLeft(backMs, error);
}

/** A lone provider's state, as the error that it would give. */
function lone(health: ProviderHealth, at: number): TransportError | undefined {
  const { name } = health;
  const retryAfterMs = health.backMs(at);
  switch (health.unavailable(at)) {
    case 'quarantined':
      return health.refusal();
    case 'parked':
      return new TransportError('rate_limited', `${name} has asked to be left alone; nothing was sent`, {
        provider: name,
        retryAfterMs,
      });
    case 'circuit open':
      return new TransportError('circuit_open', `${name} is failing and left alone; nothing was sent`, {
        provider: name,
        retryAfterMs,
      });
    default:
      return undefined;
  }
}
