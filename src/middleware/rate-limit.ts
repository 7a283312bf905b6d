import { waitedMs } from '../core/context.ts';
import { TransportError } from '../core/errors.ts';
import { itinerary } from '../core/itinerary.ts';
import { hold } from '../core/reply.ts';
import type { Middleware, Outcome, RateLimitOptions, Reply } from '../core/types.ts';
import { FlowGate, type FlowPlace } from './rate-limit/flow-gate.ts';

export type { FlowPlace } from './rate-limit/flow-gate.ts';

/** The options that are not given. */
export const rateLimitDefaults: Required<RateLimitOptions> = { maxQueued: 10_000, maxQueuedTokens: 100_000_000 };

/**
 * Sends only what a provider takes: so many at once, so many requests and tokens a minute. What is not told in advance is learned:
 * from the headers of answers, and from refusals. Who has to wait waits in a bounded line, by priority and deadline. A provider that
 * says "later" is left alone until then. Above the breaker, because waiting is not its fault; the slots and the line are p-queue's,
 * whose task lasts until the call is done.
 */
export function rateLimit(options: RateLimitOptions, place: FlowPlace): Middleware {
  const bounds = {
    calls: options.maxQueued ?? rateLimitDefaults.maxQueued,
    tokens: options.maxQueuedTokens ?? rateLimitDefaults.maxQueuedTokens,
  };

  return function rateLimit(next, mount) {
    const gate = new FlowGate(place, bounds);
    mount.onClose(() => gate.close());

    return async (request, context) => {
      const call = gate.call(request, context);
      const settle = (outcome: Outcome): void => gate.settle(call, outcome, context);
      const open = async (): Promise<Reply> => {
        const { hop } = context.get(itinerary);
        // Before the line goes on: nobody else is sent to find out the same.
        if (gate.looksForNetwork() && hop !== undefined) hop.probe = true;
        const attempt = context.with(waitedMs.of(gate.sent(call, context)));
        try {
          const reply = await next(request, gate.watched(call, attempt));
          void reply.done.then(settle);
          return reply;
        } catch (error) {
          // In the task, while the slot is still held: what the provider said is known before the next one is sent.
          if (TransportError.is(error)) settle({ ok: false, error });
          throw error;
        }
      };
      return hold((task) => gate.run(call, context, task), open);
    };
  };
}
