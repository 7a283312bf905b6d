import { isFree } from '../../core/candidates.ts';
import type { ProviderHealth } from '../../core/health.ts';
import type { Itinerary } from '../../core/itinerary.ts';
import { lackOf, lengthOf } from '../../core/requirements.ts';
import type { CompletionRequest, Handler } from '../../core/types.ts';

/** One place to send an attempt to: a provider's layers, and how it does. */
export interface Destination {
  readonly health: ProviderHealth;
  readonly handler: Handler;
}

/** Who may be chosen now, and why the others may not. */
export class Survey {
  /** How many others could be asked instead of the one that is chosen. */
  readonly alternatives: number;
  readonly #destinations: readonly Destination[];
  /** Why each is left out; `undefined` for those that may be chosen. */
  readonly #reasons: (string | undefined)[];

  constructor(destinations: readonly Destination[], request: CompletionRequest, hops: Itinerary, at: number) {
    this.#destinations = destinations;
    this.#reasons = destinations.map(({ health }) => exclusion(health, request, hops, at));
    const tokens = destinations.some(({ health }) => health.limitsLength) ? lengthOf(request) : 0;
    const fits = (health: ProviderHealth): boolean => !health.tooLong(tokens);
    const isQuick = (health: ProviderHealth): boolean => !health.slow;
    if (hops.beside !== undefined) {
      // A hedge that would wait, or is likely to fail, costs more than it gives.
      this.#demand('context window', fits);
      this.#demand('slow', isQuick);
      this.#demand('same domain', ({ domain }) => domain !== hops.beside);
      this.#demand('half-open', ({ circuit }) => circuit === 'closed');
      this.#demand('quarantined', ({ quarantined }) => !quarantined);
      // Also one that is not known yet, and is sent its first attempts only.
      this.#demand('busy', (health) => isFree(health) && health.queued === 0 && health.inFlight < health.window);
      this.alternatives = this.candidates.length - 1;
      return;
    }
    // The estimate of a prompt's length is rough: better to try than to refuse what might have fitted.
    this.#prefer('context window', fits);
    this.alternatives = this.candidates.length - 1;
    this.#preferUnasked();
    // Not when the quick ones would make everybody wait: then the slow one is needed.
    const quick = this.candidates.filter(({ health }) => isQuick(health));
    // Nor when those would be fewer than half of all: they would not bear it.
    const isEnough = quick.length * 2 >= destinations.length && quick.some(({ health }) => isFree(health));
    if (isEnough) this.#demand('slow', isQuick);
    if (hops.tried.size === 0) return;
    const failed = destinations.filter(({ health }) => hops.tried.has(health.name));
    this.#prefer('same domain', ({ domain }) => failed.every(({ health }) => health.domain !== domain));
  }

  /** While our own network is down, the domains are asked in turn: one of them may be there after all. */
  #preferUnasked(): void {
    const { network } = this.#destinations[0]?.health ?? {};
    if (network?.isDown !== true) return;
    const longestAgo = Math.min(...this.candidates.map(({ health }) => network.askedAt(health.domain)));
    this.#prefer('network probe', ({ domain }) => network.askedAt(domain) === longestAgo);
  }

  /** The names of those that could be asked instead of the one that is chosen. */
  others(chosen: ProviderHealth): readonly string[] {
    return this.alternatives === 0
      ? []
      : this.candidates.flatMap(({ health }) => (health === chosen ? [] : [health.name]));
  }

  get candidates(): readonly Destination[] {
    return this.#destinations.filter((_, index) => this.#reasons[index] === undefined);
  }

  /** For the event. */
  get told(): readonly { readonly name: string; readonly excluded?: string }[] {
    return this.#destinations.map(({ health: { name } }, index) => {
      const excluded = this.#reasons[index];
      return excluded === undefined ? { name } : { name, excluded };
    });
  }

  reasonFor(destination: Destination): string | undefined {
    return this.#reasons[this.#destinations.indexOf(destination)];
  }

  /** Leaves out those who are not as wished, as long as somebody is. */
  #prefer(reason: string, isWished: (health: ProviderHealth) => boolean): void {
    const isOne = ({ health }: Destination, index: number): boolean =>
      this.#reasons[index] === undefined && isWished(health);
    if (this.#destinations.some(isOne)) this.#demand(reason, isWished);
  }

  #demand(reason: string, isWished: (health: ProviderHealth) => boolean): void {
    this.#destinations.forEach(({ health }, index) => {
      if (this.#reasons[index] === undefined && !isWished(health)) this.#reasons[index] = reason;
    });
  }
}

/** Why a provider is left out, `undefined` when it may be chosen. */
function exclusion(
  health: ProviderHealth,
  request: CompletionRequest,
  hops: Itinerary,
  at: number,
): string | undefined {
  return (
    lackOf(health, request) ??
    (hops.givenUp.has(health.name) ? 'given up' : undefined) ??
    (hops.tried.has(health.name) ? 'tried' : undefined) ??
    health.unavailable(at) ??
    (isRetry(health, hops) && isSpent(health) ? 'retry quota' : undefined)
  );
}

/** It has had all the retries that it is given for now; while nothing is under way nobody earns it more, and it may have another. */
function isSpent({ retryQuota, inFlight }: ProviderHealth): boolean {
  return retryQuota !== undefined && retryQuota.left < retryQuota.cost && inFlight > 0;
}

/** Asked again in the same call. What comes from others is no retry to it. */
export function isRetry({ name }: ProviderHealth, { paid, asked }: Itinerary): boolean {
  return paid && asked.has(name);
}
