/** What the types promise to who listens, and who writes middleware, strategies, providers and their tests. Compiled, never run. */

import {
  type Attempt,
  type Candidate,
  type Capability,
  type CompletionRequest,
  type Context,
  type ContextEntry,
  type ContextKey,
  contextKey,
  createTransport,
  type ErrorCode,
  type Handler,
  hold,
  leastBusy,
  lowestLatency,
  type Middleware,
  type Mount,
  messagesOf,
  type Outcome,
  type Provider,
  priority,
  type Reply,
  roundRobin,
  type Strategy,
  type Transport,
  TransportError,
  type TransportEvent,
  type TransportOptions,
  weighted,
} from '../../src/index.ts';
import {
  type ContractCase,
  middlewareContract,
  providerContract,
  type SimulatedProvider,
  simulated,
  strategyContract,
} from '../../src/testing/index.ts';
import { exactly } from './exactly.ts';

declare const llm: Transport;
declare const provider: Provider;

/** What each type of event has, beside its type and its stamp. */
interface Fields {
  'call:start': { stream: boolean; metadata: CompletionRequest['metadata'] };
  'call:end': { outcome: 'ok' | ErrorCode; durationMs: number; attempts: readonly Attempt[] };
  'call:join': { stream: boolean; metadata: CompletionRequest['metadata'] };
  'call:leave': { outcome: 'ok' | ErrorCode; durationMs: number };
  'call:replay': { provider: string };
  'transaction:store': { operation: 'get' | 'set'; problem: 'timeout' | 'error' | 'unreadable' };
  route: { chosen: string | undefined; strategy: string };
  'attempt:start': { ledger: Attempt };
  'attempt:answer': { ledger: Attempt };
  'attempt:end': { ledger: Attempt };
  retry: { code: ErrorCode; waitMs: number };
  hedge: { provider: string; afterMs: number };
  resume: { mode: 'restart' | 'continue'; provider: string; code: ErrorCode };
  'queue:wait': { provider: string; waitMs: number };
  'circuit:change': { provider: string; from: Candidate['circuit']; to: Candidate['circuit'] };
  'window:change': { provider: string; from: number; to: number };
  'provider:park': { provider: string; code: ErrorCode | undefined; until: number };
  'network:change': { state: 'down' | 'up'; domains: readonly string[] };
  'provider:quarantine': { provider: string; code: ErrorCode | undefined; until: number };
  'provider:release': { provider: string; code: ErrorCode | undefined; until: number };
  'budget:refuse': { provider: string; key: string; wanted: Amount; spent: Amount; reserved: Amount };
  'client:retry': { retries: number };
}
type Amount = { readonly dollars: number; readonly tokens: number };
type Stamp = { transactionId: string; attempt: number; at: number };

export function events(): void {
  // Every type that there is stands above, and no other.
  exactly<keyof Fields>()({} as TransportEvent['type']);
  // A listener for one type is given that type, and nothing wider.
  llm.on('call:start', (event) => exactly<Extract<TransportEvent, { type: 'call:start' }>>()(event));
  llm.on('route', ({ chosen, candidates }) => {
    exactly<string | undefined>()(chosen);
    for (const { name, excluded, score } of candidates) {
      exactly<string>()(name);
      exactly<string | undefined>()(excluded);
      exactly<number | undefined>()(score);
    }
  });
  llm.on('hedge', (event) => {
    exactly<'hedge'>()(event.type);
    exactly<number>()(event.afterMs);
  });
  llm.on('provider:park', ({ code }) => exactly<ErrorCode | undefined>()(code));
  llm.on('window:change', ({ to }) => exactly<number>()(to));
  for (const type of ['attempt:start', 'attempt:answer', 'attempt:end'] as const)
    llm.on(type, ({ ledger }) => exactly<Attempt>()(ledger));
  llm.on('*', (event) => {
    exactly<string>()(event.transactionId);
    switch (event.type) {
      case 'call:end':
        return exactly<'ok' | ErrorCode>()(event.outcome);
      case 'circuit:change':
        return exactly<'closed' | 'open' | 'half-open'>()(event.from);
      case 'queue:wait':
        return exactly<number>()(event.waitMs);
      default:
        // @ts-expect-error not every event is of a provider
        return event.provider;
    }
  });
  llm.on('retry', (event) => {
    // @ts-expect-error nobody changes an event
    event.waitMs = 0;
  });
  // @ts-expect-error a listener is a function
  llm.on('retry', 'log');
  // Each is what the table above says.
  type Wrong = {
    [Type in keyof Fields]: Extract<TransportEvent, { type: Type }> extends Readonly<Fields[Type] & Stamp>
      ? never
      : Type;
  }[keyof Fields];
  exactly<never>()({} as Wrong);
}

export function keys(): void {
  const tenant = contextKey('tenant', 'anonymous');
  exactly<ContextKey<string>>()(tenant);
  exactly<ContextEntry>()(tenant.of('acme'));
  const level = contextKey<'low' | 'high'>('level', 'low');
  exactly<ContextKey<'low' | 'high'>>()(level);
  const list = contextKey<readonly string[]>('list', []);
  const context = {} as Context;
  exactly<'low' | 'high'>()(context.get(level));
  exactly<readonly string[]>()(context.get(list));
  exactly<Context>()(context.with(level.of('high'), list.of(['x'])));
  exactly<Context>()(context.fork({ deadline: 5 }));
  // @ts-expect-error a value of the key's type
  level.of('middle');
  // @ts-expect-error of a key, not of a name
  context.get('tenant');
  // @ts-expect-error a context is not changed: with() makes another
  context.deadline = 5;
  // @ts-expect-error an event has a type
  context.publish({ tenant: 'acme' });
}

export function middleware(): void {
  // Nothing needs to be annotated where it is put.
  createTransport({
    providers: [provider],
    use: [
      (next, mount) => {
        exactly<Handler>()(next);
        exactly<Mount>()(mount);
        mount.onClose(async () => {});
        return async (request, context) => {
          exactly<CompletionRequest<unknown>>()(request);
          exactly<Context>()(context);
          const reply = await next(request, context);
          exactly<Reply>()(reply);
          exactly<Outcome>()(await reply.done);
          return reply;
        };
      },
    ],
    useEach: [(next) => next],
  });
  // An outcome is one or the other.
  const judge = (outcome: Outcome) => (outcome.ok ? outcome.completion.text : outcome.error.code);
  exactly<(outcome: Outcome) => string>()(judge);
  // @ts-expect-error it may have failed
  const text = (outcome: Outcome) => outcome.completion.text;
  // @ts-expect-error a middleware makes a handler, not an answer
  const answer: Middleware = async (next) => next({ prompt: '' }, {} as Context);
  // @ts-expect-error next needs the context
  const forgetful: Middleware = (next) => (request) => next(request);
  const changing: Middleware = (next) => (request, context) => {
    // @ts-expect-error a request stays as it was
    request.prompt = '';
    return next(request, context);
  };
  void [text, answer, forgetful, changing];
  exactly<Promise<Reply>>()(
    hold(
      async (task) => task(),
      async () => ({}) as Reply,
    ),
  );
  exactly<readonly import('../../src/index.ts').Message[]>()(messagesOf({ prompt: '' }));
}

export function strategies(): void {
  createTransport({
    providers: [provider],
    route: (candidates, request, context) => {
      exactly<readonly [Candidate, ...Candidate[]]>()(candidates);
      exactly<CompletionRequest<unknown>>()(request);
      exactly<number>()(context.deadline);
      exactly<Candidate>()(candidates[0]);
      return candidates.find(({ waitMs, firstContentMs }) => waitMs === 0 && (firstContentMs ?? 0) < 500);
    },
  });
  for (const make of [priority, roundRobin, weighted, leastBusy, lowestLatency]) exactly<Strategy>()(make());
  const wrapping = (inner: Strategy): Strategy => {
    const strategy: Strategy = (...asked) => inner(...asked);
    strategy.settled = (request, context, attempt) => {
      exactly<'ok' | 'abandoned' | ErrorCode | undefined>()(attempt.outcome);
      inner.settled?.(request, context, attempt);
    };
    return strategy;
  };
  createTransport({ providers: [provider], route: wrapping(priority()) });
  // @ts-expect-error a candidate, not its name
  const named: Strategy = (candidates) => candidates[0].name;
  // @ts-expect-error at once
  const later: Strategy = async (candidates) => candidates[0];
  // @ts-expect-error made, not named
  createTransport({ providers: [provider], route: priority });
  const changing: Strategy = (candidates) => {
    // @ts-expect-error a candidate is not changed
    candidates[0].inFlight = 0;
    // @ts-expect-error nor is their order
    return candidates.sort()[0];
  };
  void [named, later, changing];
}

export function providers(): void {
  const own = {
    name: 'mine',
    domain: 'mine',
    kind: 'mine',
    model: 'm',
    traits: { capabilities: ['tools'] satisfies Capability[] },
    async complete(request, context) {
      exactly<AbortSignal>()(context.signal);
      context.received({ headers: new Headers(), providerRequestId: '1', cost: 0.1 });
      context.received({ headers: Object.entries({ a: 'b' }) });
      const text = request.prompt ?? '';
      const usage = { inputTokens: 1, outputTokens: 2 };
      return { text, toolCalls: [], reasoning: undefined, finishReason: 'stop', usage, model: 'm', raw: undefined };
    },
    async *stream() {
      yield { type: 'text', text: '' };
      yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
    },
  } satisfies Provider;
  createTransport({ providers: [own] });
  // @ts-expect-error an answer is whole
  const half: Provider = { ...own, complete: async () => ({ text: '' }) };
  const odd: Provider = {
    ...own,
    // @ts-expect-error there is no such chunk
    stream: async function* () {
      yield { type: 'delta' as const, text: '' };
    },
  };
  // @ts-expect-error a failure domain is needed
  const homeless: Provider = { name: 'x', kind: 'x', model: 'x', complete: own.complete };
  void [half, odd, homeless];
  // A list that was made is one of providers, whatever its length: that one is empty is told when a transport is made of it.
  const list = ['a', 'b'].map((name): Provider => ({ ...own, name }));
  createTransport({ providers: list });
  const frozen: readonly Provider[] = list;
  createTransport({ providers: frozen });
  createTransport({ providers: [provider, ...list] });
  // @ts-expect-error made, not described
  createTransport({ providers: [{ name: 'a', model: 'm' }] });
}

export function refused(): void {
  const make = (options: Omit<TransportOptions, 'providers'>) => createTransport({ providers: [provider], ...options });
  make({ retry: false, hedge: false, resume: false, timeout: false, circuitBreaker: false, rateLimit: false });
  make({ hedge: { afterMs: 800 }, retry: { contentFiltered: 'elsewhere' }, resume: { mode: 'error' } });
  make({ hedge: {} });
  // @ts-expect-error on is said by its options
  make({ hedge: true });
  // @ts-expect-error a number of milliseconds
  make({ hedge: { afterMs: '800' } });
  // @ts-expect-error there is no such mode
  make({ resume: { mode: 'guess' } });
  // @ts-expect-error never, or elsewhere
  make({ retry: { contentFiltered: 'again' } });
  // @ts-expect-error there is no such time
  make({ timeout: { totalMs: 5 } });
  // @ts-expect-error in milliseconds, by name
  make({ timeout: 5_000 });
  // @ts-expect-error there is no such option
  make({ circuitBreaker: { threshold: 0.5 } });
  // @ts-expect-error limits are the providers'
  make({ rateLimit: { requestsPerMinute: 5 } });
  // @ts-expect-error a list
  make({ use: () => (next: Handler) => next });
}

export function errors(error: TransportError): string {
  new TransportError('budget_exceeded', 'No money is left', { provider: 'x', retryAfterMs: 5, cause: error });
  // @ts-expect-error there is no such code
  new TransportError('too_expensive', 'No money is left');
  // @ts-expect-error it says what happened
  new TransportError('timeout');
  // @ts-expect-error a judgement of three
  new TransportError('timeout', 'x', { retry: 'maybe' });
  // @ts-expect-error nobody changes an error
  error.code = 'timeout';
  exactly<readonly Attempt[]>()(error.attempts);
  exactly<'provider' | 'caller' | 'transport'>()(error.blame);
  return error.toJSON().toString();
}

export function contracts(): void {
  exactly<readonly ContractCase[]>()(middlewareContract({ make: () => (next) => next }));
  exactly<readonly ContractCase[]>()(strategyContract({ make: priority }));
  exactly<readonly ContractCase[]>()(providerContract({ start: () => simulated(), make: (server) => server }));
  exactly<SimulatedProvider>()(simulated());
  const tenant = contextKey('tenant', 'anonymous');
  middlewareContract({
    ...{ name: 'mine', place: 'attempt', patienceMs: 100 },
    make: async () => (next) => (request, context) => next(request, context),
    changes: ['chunks', 'asking'],
    request: (number) => ({ prompt: `${number.toFixed()}` }),
    call: { timeoutMs: 5, values: [tenant.of('acme')] },
  });
  strategyContract({
    make: () => (candidates) => candidates[0],
    values: (number) => [tenant.of(`${number}`)],
    spreads: true,
  });
  // @ts-expect-error there is no such change
  middlewareContract({ make: () => (next) => next, changes: ['everything'] });
  // @ts-expect-error a call, or an attempt
  middlewareContract({ make: () => (next) => next, place: 'everywhere' });
  // @ts-expect-error something to test
  middlewareContract({ name: 'mine' });
  // @ts-expect-error made, not given
  strategyContract({ make: priority() });
}
