import { TransportError } from '../core/errors.ts';
import type { ProviderHealth, Quarantine } from '../core/health.ts';
import { itinerary } from '../core/itinerary.ts';
import type { Middleware, Reply } from '../core/types.ts';

const firstMs = 60_000;
const longestMs = 3_600_000;
/** An attempt that finds out, and has no content after this, does not keep the next from finding out. */
const probeMs = 10_000;
const grounds: ReadonlySet<string> = new Set(['authentication', 'quota_exhausted', 'permission']);

/**
 * Leaves a provider alone whose key is refused or whose money is gone: asking again costs requests, and changes nothing until
 * somebody acts. One attempt finds out after a minute, then after two, up to an hour; `reset()` ends it at once.
 */
export function quarantine(health: ProviderHealth): Middleware {
  return function quarantine(next) {
    return async (request, context) => {
      const { hop } = context.get(itinerary);
      // Where there is no waiting line it is here that the one is known that looks for our own network while that is down.
      if (hop?.probe !== true && health.network?.sent(health.domain) === true && hop !== undefined) hop.probe = true;
      const before = health.quarantine;
      if (before !== undefined) {
        // Whoever waited in line while it was imposed finds it here.
        if (health.unavailable() === 'quarantined') throw health.refusal();
        before.probing = true;
        if (hop !== undefined) hop.probe = true;
      }
      const over = before === undefined ? undefined : findingOut(health, before);
      const expiry = over === undefined ? undefined : setTimeout(over, probeMs);
      expiry?.unref();
      let reply: Reply;
      try {
        reply = await next(request, context);
      } catch (error) {
        if (TransportError.is(error) && grounds.has(error.code) && error.provider === health.name) {
          const current = health.quarantine;
          if (current === before) {
            const times = (before?.times ?? 0) + 1;
            const until = Date.now() + Math.min(longestMs, firstMs * 2 ** (times - 1));
            health.setQuarantine({ code: error.code, status: error.status, until, times, probing: false });
            context.publish({ type: 'provider:quarantine', provider: health.name, code: error.code, until });
          }
        } else over?.();
        throw error;
      } finally {
        clearTimeout(expiry);
      }
      if (before !== undefined && health.quarantine === before) {
        health.setQuarantine(undefined);
        context.publish({ type: 'provider:release', provider: health.name, code: undefined, until: Date.now() });
      }
      return reply;
    };
  };
}

/** Returns what to call when an attempt finds out no longer: only once, because from then on it is the next that does. */
function findingOut(health: ProviderHealth, quarantine: Quarantine): () => void {
  let isOver = false;
  return () => {
    if (isOver || health.quarantine !== quarantine) return;
    isOver = true;
    quarantine.probing = false;
    health.setQuarantine(quarantine);
  };
}
