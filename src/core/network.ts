import { now } from './time.ts';

/** Tells the failure of our own network from that of a provider; the arithmetic is in `control/`. */
export interface NetworkState {
  readonly isDown: boolean;
  readonly answeredAt: number;
  readonly domains: readonly string[];
  failed(domain: string, askable: Iterable<string>, atMs: number): boolean;
  answered(sentAtMs: number): boolean;
  probed(atMs: number): void;
  backMs(atMs: number): number;
}

/** What the network needs of the transport that it carries. */
export interface NetworkPlace {
  /** The failure domains that can be asked now. */
  readonly askable: () => readonly string[];
  readonly changed: (isDown: boolean, domains: readonly string[]) => void;
}

/** Our own network, as all providers of a transport see it: endpoints tell, everybody else asks. */
export class Network {
  readonly #state: NetworkState;
  readonly #place: NetworkPlace;
  #askedAt = new Map<string, number>();

  constructor(state: NetworkState, place: NetworkPlace) {
    this.#state = state;
    this.#place = place;
  }

  /** Nobody can be reached, whoever it is. */
  get isDown(): boolean {
    return this.#state.isDown;
  }

  /** Milliseconds until an attempt may find out whether it is back; 0: now, or it is not down. */
  get backMs(): number {
    return this.#state.isDown ? this.#state.backMs(now()) : 0;
  }

  /** Whether anybody has answered what was sent since a moment on the clock of `now()`. */
  answeredSince(at: number): boolean {
    return this.#state.answeredAt > at;
  }

  /** A provider has answered what was sent then, if only with an error. */
  reached(sentAt: number): void {
    const { domains } = this.#state;
    if (this.#state.answered(sentAt)) this.#place.changed(false, domains);
  }

  /** A connection to a failure domain has failed. */
  unreached(domain: string): void {
    if (!this.#state.failed(domain, this.#place.askable(), now())) return;
    const { domains } = this.#state;
    this.#askedAt = new Map(domains.map((one) => [one, now()]));
    this.#place.changed(true, domains);
  }

  /** An attempt is sent to a domain. Returns true when it is the one that finds out whether the network is back. */
  sent(domain: string): boolean {
    if (!this.#state.isDown) return false;
    this.#state.probed(now());
    this.#askedAt.set(domain, now());
    return true;
  }

  /** When a domain was asked last since the network went down, on the clock of `now()`: whoever waits longest is asked next. */
  askedAt(domain: string): number {
    return this.#askedAt.get(domain) ?? Number.NEGATIVE_INFINITY;
  }
}
