import type { Health, ProviderHealth } from '../../core/health.ts';

/** The names of others that would send at once, and how many each. */
export function roomElsewhere(here: ProviderHealth, { providers }: Health): Map<string, number> {
  const room = new Map<string, number>();
  for (const other of providers) {
    if (other === here || !other.serves || other.waitMs > 0) continue;
    if (other.inFlight < other.window) room.set(other.name, other.window - other.inFlight);
  }
  return room;
}
