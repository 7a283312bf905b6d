import { OptionsError } from './errors.ts';
import type { TransportEvent } from './events.ts';

/** Every type of event: the compiler sees to it that none is missing, and none is too many. */
const types: ReadonlySet<string> = new Set(
  Object.keys({
    'call:start': true,
    'call:end': true,
    'call:join': true,
    'call:leave': true,
    'call:replay': true,
    'transaction:store': true,
    route: true,
    'attempt:start': true,
    'attempt:answer': true,
    'attempt:end': true,
    retry: true,
    hedge: true,
    resume: true,
    'queue:wait': true,
    'circuit:change': true,
    'window:change': true,
    'network:change': true,
    'provider:park': true,
    'provider:quarantine': true,
    'provider:release': true,
    'budget:refuse': true,
    'client:retry': true,
  } satisfies Record<TransportEvent['type'], true>),
);

/** @throws OptionsError when nothing of that type is ever told: its listener would wait for ever. */
export function checkEventType(type: unknown): void {
  if (type === '*' || types.has(type as string)) return;
  throw new OptionsError('type', `is not an event (there are ${[...types].join(', ')}; '*' hears all, and yours)`);
}
