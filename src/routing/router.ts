import { alternatives, beginAttempt, forgetAttempt } from '../core/context.ts';
import { TransportError, withFields } from '../core/errors.ts';
import type { ProviderHealth } from '../core/health.ts';
import { type Itinerary, itinerary, nobodyLeft } from '../core/itinerary.ts';
import type { Attempt, Candidate, Capability, CompletionRequest, Context, Handler, Strategy } from '../core/types.ts';

/** One place to send an attempt to: a provider's layers, and how it does. */
export interface Destination {
  readonly health: ProviderHealth;
  readonly handler: Handler;
}

/**
 * Sends an attempt to one of the providers: leaves out those that cannot help the request or cannot be asked now, prefers another
 * failure domain than those that failed in this round, and lets the strategy choose among the rest.
 */
export function router(strategy: Strategy, destinations: readonly Destination[]): Handler {
  const domains = new Map(destinations.map(({ health }) => [health.name, health.domain]));

  return async function route(request, context) {
    const hops = context.get(itinerary);
    const at = Date.now();
    const left = new Map<string, string>();
    const eligible: Destination[] = [];
    for (const destination of destinations) {
      const reason = exclusion(destination.health, request, hops, at);
      if (reason === undefined) eligible.push(destination);
      else left.set(destination.health.name, reason);
    }
    const failed = new Set([...hops.tried].map((name) => domains.get(name)));
    const elsewhere = eligible.filter(({ health }) => !failed.has(health.domain));
    const candidates = elsewhere.length > 0 ? elsewhere : eligible;

    const chosen = choose(strategy, candidates, request, context);
    context.publish({
      type: 'route',
      chosen: chosen?.health.name,
      strategy: strategy.name,
      candidates: destinations.map(({ health: { name } }) => {
        const excluded =
          left.get(name) ?? (candidates.some(({ health }) => health.name === name) ? undefined : 'same domain');
        return excluded === undefined ? { name } : { name, excluded };
      }),
    });
    if (chosen === undefined) throw nobodyAt(destinations, left, hops, at);

    const { name } = chosen.health;
    const reason: Attempt['reason'] = hops.last === undefined ? 'first' : hops.last === name ? 'retry' : 'failover';
    const attempt = beginAttempt(context, reason).with(alternatives.of(eligible.length - 1));
    const sent = context.attempts.length;
    try {
      const reply = await chosen.handler(request, attempt);
      if (strategy.settled !== undefined) {
        void reply.done.then(() => settled(strategy, request, attempt));
      }
      return reply;
    } catch (error) {
      if (context.attempts.length === sent) forgetAttempt(attempt);
      else settled(strategy, request, attempt);
      // A provider's layers may throw without saying whose error it is.
      throw TransportError.is(error) && error.provider === undefined && error.retry !== 'never'
        ? withFields(error, { provider: name })
        : error;
    }
  };
}

/** Why a provider is left out, `undefined` when it may be chosen. */
function exclusion(
  health: ProviderHealth,
  request: CompletionRequest,
  hops: Itinerary,
  at: number,
): string | undefined {
  return (
    unfit(health, request) ??
    (hops.givenUp.has(health.name) ? 'given up' : undefined) ??
    (hops.tried.has(health.name) ? 'tried' : undefined) ??
    health.unavailable(at)
  );
}

/** What a provider lacks for a request. What it does not declare it is taken to have. */
function unfit({ model, traits }: Candidate, request: CompletionRequest): string | undefined {
  if (request.model !== undefined && request.model !== model) return 'model';
  const { tags = [], region, capabilities = [] } = request.require ?? {};
  if (tags.some((tag) => !traits.tags?.includes(tag))) return 'tags';
  if (region !== undefined && traits.region !== region) return 'region';
  const needed = new Set<Capability>(capabilities);
  for (const message of request.messages ?? []) {
    if (message.role !== 'user' || typeof message.content === 'string') continue;
    for (const { type } of message.content) if (type !== 'text') needed.add(type === 'image' ? 'images' : 'files');
  }
  if (request.reasoning !== undefined && request.reasoning !== 'none') needed.add('reasoning');
  if ((request.tools?.length ?? 0) > 0) needed.add('tools');
  if (request.schema !== undefined) needed.add('schema');
  if (traits.capabilities !== undefined && [...needed].some((need) => !traits.capabilities?.includes(need)))
    return 'capabilities';
  return undefined;
}

const unfitReasons: ReadonlySet<string> = new Set(['model', 'tags', 'region', 'capabilities']);

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

function nobodyAt(
  destinations: readonly Destination[],
  left: ReadonlyMap<string, string>,
  hops: Itinerary,
  at: number,
): TransportError {
  let backMs = Number.POSITIVE_INFINITY;
  for (const { health } of destinations) {
    const reason = left.get(health.name);
    // One that is quarantined needs somebody to act, not somebody to wait.
    if (reason === undefined || reason === 'given up' || unfitReasons.has(reason) || health.quarantined) continue;
    backMs = Math.min(backMs, health.backMs(at));
  }
  const reasons = [...left].map(([name, reason]) => `${name}: ${reason}`).join(', ');
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
