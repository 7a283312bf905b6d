import { alternatives, beginAttempt, callOf, forgetAttempt, others } from '../core/context.ts';
import { TransportError, withFields } from '../core/errors.ts';
import type { ProviderHealth } from '../core/health.ts';
import { type Itinerary, itinerary, nobodyLeft } from '../core/itinerary.ts';
import { isLack, isMeasurable, lengthOf } from '../core/requirements.ts';
import type { Attempt, Candidate, CompletionRequest, Context, Handler, Strategy } from '../core/types.ts';
import { type Destination, isRetry, Survey } from './router/survey.ts';

export type { Destination } from './router/survey.ts';

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
    const attempt = beginAttempt(context, reasonFor(health, hops, context)).with(
      alternatives.of(survey.alternatives),
      others.of(survey.others(health)),
    );
    const wasSent = (): boolean => context.attempts.some(({ number }) => number === attempt.attempt);
    health.asked();
    const pay = payment(health, hops);
    try {
      const reply = await chosen.handler(request, attempt);
      void reply.done.then(({ ok }) => pay(ok));
      if (strategy.settled !== undefined) void reply.done.then(() => settled(strategy, request, attempt));
      if (health.limitsLength) {
        void reply.done.then(({ ok }) => {
          if (ok && isMeasurable(request)) health.learnLength(lengthOf(request), false);
        });
      }
      return reply;
    } catch (error) {
      if (!wasSent() && isRetry(health, hops)) pay(true);
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

/** Takes a retry from the provider's own purse. Returns what to call when it is over: a success fills the purse. */
function payment(health: ProviderHealth, hops: Itinerary): (ok: boolean) => void {
  const { retryQuota } = health;
  const isPaid = isRetry(health, hops) && retryQuota?.withdraw() === true;
  return (ok) => {
    if (!ok) return;
    if (isPaid) retryQuota?.refund();
    else retryQuota?.deposit();
  };
}

function reasonFor({ name }: ProviderHealth, hops: Itinerary, { attempts }: Context): Attempt['reason'] {
  if (hops.beside !== undefined) return 'hedge';
  if (hops.resumes !== undefined) return 'resume';
  // A layer above the retries may ask a second time: what came before is in the ledger only.
  const last = hops.last ?? attempts.at(-1)?.provider;
  if (last === undefined) return 'first';
  return last === name ? 'retry' : 'failover';
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
  if (choice === undefined || choice === null) return undefined;
  const chosen = destinations.find(({ health }) => health.name === choice.name);
  if (chosen !== undefined && typeof choice !== 'function') return chosen;
  throw new TransportError(
    'middleware',
    `The strategy ${strategy.name || 'given'} chose ${strange(choice, strategy.name)}, which is no candidate`,
  );
}

/** What a strategy chose that is no candidate. The commonest is `route: lowestLatency`, which makes a strategy and is none. */
function strange(choice: unknown, by: string): string {
  if (typeof choice === 'function') return `a function (is it to be called: \`route: ${by || 'strategy'}()\`?)`;
  if (choice instanceof Promise) {
    // Nobody will look at how it ends.
    choice.catch(() => {});
    return 'a promise';
  }
  const name = typeof choice === 'object' ? (choice as { readonly name?: unknown }).name : undefined;
  return typeof name === 'string' ? `'${name}'` : `something without a name (${typeof choice})`;
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

/** Milliseconds until a purse is looked into again. */
const spentMs = 500;

function nobodyAt(destinations: readonly Destination[], survey: Survey, hops: Itinerary, at: number): TransportError {
  let backMs = Number.POSITIVE_INFINITY;
  for (const destination of destinations) {
    const { health } = destination;
    const reason = survey.reasonFor(destination);
    // One that is quarantined needs somebody to act, not somebody to wait.
    if (reason === undefined || reason === 'given up' || isLack(reason) || health.quarantined) continue;
    backMs = Math.min(backMs, reason === 'retry quota' ? spentMs : health.backMs(at));
  }
  const reasons = survey.told
    .flatMap(({ name, excluded }) => (excluded === undefined ? [] : [`${name}: ${excluded}`]))
    .join(', ');
  const only = destinations.length === 1 ? destinations[0]?.health : undefined;
  const error =
    unreachable(destinations) ??
    (only === undefined || hops.last !== undefined ? undefined : lone(only, at)) ??
    new TransportError('no_provider', `No provider can be asked (${reasons || 'the strategy chose none'})`, {
      retryAfterMs: backMs === Number.POSITIVE_INFINITY ? undefined : backMs,
    });
  return nobodyLeft(backMs, error);
}

/** When our own network is gone, that is what is wrong, and nothing else. */
function unreachable(destinations: readonly Destination[]): TransportError | undefined {
  const network = destinations[0]?.health.network;
  if (network === undefined || !network.isDown) return undefined;
  return new TransportError('connection', 'Our own network seems to be down; nothing was sent', {
    blame: 'transport',
    retryAfterMs: network.backMs,
  });
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
