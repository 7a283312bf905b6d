import { watched } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { itinerary } from '../core/itinerary.ts';
import { type Fork, forkSignal } from '../core/signals.ts';
import { now } from '../core/time.ts';
import type { CircuitBreakerOptions, CompletionRequest, Context, Middleware } from '../core/types.ts';
import { Circuit, type CircuitPlace, type Lease } from './circuit-breaker/circuit.ts';

export { circuitBreakerDefaults } from './circuit-breaker/circuit.ts';

/**
 * Stops asking a provider that fails, and finds out by single probes when it is back. Below the waiting line, because waiting is
 * not the provider's fault; above the time-outs, because those count. Only errors whose `blame` is the provider count.
 */
export function circuitBreaker(options: CircuitBreakerOptions, place: CircuitPlace): Middleware {
  return function circuitBreaker(next, mount) {
    const circuit = new Circuit(options, place);
    place.health.gate = circuit;
    mount.onClose(() => circuit.close());

    return async (request, context) => {
      const lease = circuit.acquire();
      const { hop } = context.get(itinerary);
      if (lease.probe && hop !== undefined) hop.probe = true;
      const fork = lease.probe ? forkSignal(context.signal) : undefined;
      const leased = fork === undefined ? context : probing(circuit, lease, { fork, context, request, ...place });
      try {
        const reply = await next(request, leased);
        void reply.done.then((outcome) => {
          circuit.ended(lease, outcome);
          fork?.release();
        });
        return reply;
      } catch (error) {
        if (TransportError.is(error)) circuit.ended(lease, { ok: false, error });
        else circuit.settle(lease, undefined);
        fork?.release();
        throw error;
      }
    };
  };
}

/** What a probe needs. */
interface ProbePlace {
  readonly fork: Fork;
  readonly context: Context;
  readonly request: CompletionRequest;
  readonly health: CircuitPlace['health'];
}

/** A probe's attempt: it has told enough with its first content, or a piece of a tool call, and is given up when that does not come. */
function probing(circuit: Circuit, lease: Lease, { fork, context, request, health }: ProbePlace): Context {
  const { name, pace } = health;
  // Whoever waits for it need not wait for the last.
  const hasShown = (): void => circuit.settle(lease, true);
  circuit.watch(lease, pace.timeoutMs(request, true), () => {
    // As any other time-out: it may also have been too short.
    pace.timedOut(request, lease.sentAt, now());
    fork.abort(new TransportError('timeout', `${name}: no first content from a probe`, { provider: name }));
  });
  return watched(context.fork({ signal: fork.signal }), {
    waiting: (wire) => {
      if (wire === 'unary') circuit.wholly(lease);
    },
    content: hasShown,
    progress: hasShown,
  });
}
