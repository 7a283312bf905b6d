/** Listens to what the transport tells, says what is worth saying, and counts the rest. */

import type { Transport, TransportEvent } from 'llm-transport';

export interface Counts {
  /** Circuits that opened, and probes that found them right. */
  opened: number;
  failedProbes: number;
  closed: number;
  /** Times at which a provider had asked to be left alone, and was. */
  parked: number;
  /** Attempts at the same provider again, and at another one. */
  retries: number;
  failovers: number;
}

/** A provider that throttles is parked many times over: told once in this time. */
const sayAgainMs = 3_000;

export function watch(transport: Transport, say: (text: string) => void): Counts {
  const counts: Counts = { opened: 0, failedProbes: 0, closed: 0, parked: 0, retries: 0, failovers: 0 };
  const parkedAt = new Map<string, number>();

  transport.on('circuit:change', ({ provider, from, to }) => {
    if (to === 'open' && from === 'half-open') {
      counts.failedProbes += 1;
      say(`${provider}: a probe failed, the circuit stays open`);
    } else if (to === 'open') {
      counts.opened += 1;
      say(`${provider}: circuit open, nothing more is sent there`);
    } else if (to === 'closed') {
      counts.closed += 1;
      say(`${provider}: a probe was answered, the circuit is closed`);
    }
  });

  transport.on('provider:park', ({ provider, until, at }) => {
    counts.parked += 1;
    if (at - (parkedAt.get(provider) ?? 0) < sayAgainMs) return;
    parkedAt.set(provider, at);
    say(`${provider}: parked for ${until - at} ms, as it asked`);
  });

  transport.on('attempt:start', ({ ledger: { reason } }: Extract<TransportEvent, { type: 'attempt:start' }>) => {
    if (reason === 'retry') counts.retries += 1;
    if (reason === 'failover') counts.failovers += 1;
  });

  return counts;
}
