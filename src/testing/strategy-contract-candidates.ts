/** What strategies are asked with: candidates, requests and contexts. */

import { type Call, createContext } from '../core/context.ts';
import { Events } from '../core/events.ts';
import type { Attempt, Candidate, CompletionRequest, Context, ContextEntry } from '../core/types.ts';

export type Candidates = readonly [Candidate, ...Candidate[]];

/** A provider that is well, known, and free. */
export function candidate(name: string, fields: Partial<Candidate> = {}): Candidate {
  return {
    ...{ name, domain: name, model: `model-${name}`, traits: {} },
    ...{ circuit: 'closed', quarantined: false, inFlight: 1, queued: 0, window: 8, waitMs: 0 },
    ...{ firstContentMs: 400, chunkGapMs: 20, failureRatio: 0, parkedUntil: 0, lastError: undefined },
    ...fields,
  };
}

/** So many providers, none of which is like another. */
export function candidates(count: number, random: () => number, from = 0): Candidates {
  const all = Array.from({ length: count }, (_, index) => {
    const inFlight = Math.floor(random() * 8);
    return candidate(`provider-${from + index}`, {
      ...{ domain: `domain-${Math.floor(random() * 3)}`, inFlight, queued: inFlight === 8 ? 3 : 0 },
      ...{ firstContentMs: 100 + random() * 3_000, chunkGapMs: 1 + random() * 50, failureRatio: random() / 2 },
      traits: {
        weight: 1 + Math.floor(random() * 4),
        region: random() < 0.5 ? 'eu' : 'us',
        price: { input: random() * 5, output: random() * 20 },
      },
    });
  });
  return all as unknown as Candidates;
}

/** Some of them, in their order; never none. */
export function someOf(all: Candidates, random: () => number): Candidates {
  const some = all.filter(() => random() < 0.5);
  return (some.length > 0 ? some : [all[Math.floor(random() * all.length)]]) as unknown as Candidates;
}

/** One call: what a strategy is told beside the candidates. */
export interface Asking {
  readonly request: CompletionRequest;
  readonly context: Context;
}

const events = new Events();

export function asking(request: CompletionRequest, number: number, values: readonly ContextEntry[] = []): Asking {
  const call: Call = {
    ...{ transactionId: `call-${number}`, priority: 'default', startedAt: 0, attempts: [], events, lastAttempt: 0 },
  };
  return { request, context: createContext(call, { signal: new AbortController().signal, values }) };
}

/** An attempt that is over. */
export function attempt(provider: string, fields: Partial<Attempt> = {}): Attempt {
  return {
    ...{ number: 1, reason: 'first', provider, model: `model-${provider}`, startedAt: Date.now(), waitMs: 0 },
    ...{ firstContentMs: 300, durationMs: 900, outcome: 'ok', usage: { inputTokens: 8, outputTokens: 20 } },
    ...{ usageEstimated: false, cost: 0.001, mayBeBilled: true, providerRequestId: undefined },
    ...fields,
  };
}
