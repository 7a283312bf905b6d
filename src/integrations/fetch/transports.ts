import type { UsageBy, UsageGroup, UsageSum } from '../../core/accounting-types.ts';
import { groupsOf, sumOf } from '../../core/accounts.ts';
import { OptionsError, TransportError } from '../../core/errors.ts';
import { now } from '../../core/time.ts';
import type { HealthSnapshot, Provider, Transport, TransportOptions } from '../../core/types.ts';
import { createTransport } from '../../index.ts';
import { FetchProvider, type Place } from './fetch-provider.ts';
import type { Incoming } from './incoming.ts';
import { identityOf } from './outgoing.ts';

/** What a transport lets its user do beside asking. */
export type FetchTransport = Pick<Transport, 'health' | 'usage' | 'on' | 'reset' | 'close'> & AsyncDisposable;

type Layers = Omit<TransportOptions, 'providers'>;
type Listening = Parameters<Transport['on']>;

/** Origins, models and keys that are remembered while nothing is under way to them. */
const mostKept = 1_000;

/** The transports behind one fetch, seen as one. */
export class Transports implements FetchTransport {
  readonly #layers: Layers;
  readonly #sending: Pick<Place, 'fetch' | 'idleMs'>;
  /** One that all model calls go through, when there are targets. */
  readonly #targets: Transport | undefined;
  /** The others, by where the client sends its requests, what they ask, and with which key. */
  readonly #own = new Map<string, { readonly transport: Transport; usedAt: number }>();
  /** How many of a name there have been: another key is another provider. */
  readonly #names = new Map<string, number>();
  readonly #listenings = new Map<symbol, { readonly what: Listening; readonly stops: Map<Transport, () => void> }>();
  /** What was used by those that are not kept any more. */
  #forgotten: readonly { readonly by: 'provider' | 'model'; readonly groups: readonly UsageGroup[] }[] = [];
  #isClosed = false;

  constructor(layers: Layers, sending: Pick<Place, 'fetch' | 'idleMs'>, targets: readonly Provider[]) {
    this.#layers = layers;
    this.#sending = sending;
    const [first, ...rest] = targets;
    if (first !== undefined) this.#targets = createTransport({ ...layers, providers: [first, ...rest] });
  }

  /** The one that a request goes through. @throws TransportError `closed` */
  for(incoming: Incoming): Transport {
    this.refuseWhenClosed();
    if (this.#targets !== undefined && incoming.route !== undefined) return this.#targets;
    const { url, route, json } = incoming;
    const named = route?.model ?? json?.model;
    const model = typeof named === 'string' ? named : '';
    const key = `${url.origin}\n${model}\n${route?.dialect.name}\n${identityOf(incoming)}`;
    const known = this.#own.get(key);
    if (known !== undefined) {
      known.usedAt = now();
      return known.transport;
    }
    const { host } = url;
    const name = this.#newName(model === '' ? host : `${host}/${model}`);
    const kind = route?.dialect.name ?? 'fetch';
    const provider = new FetchProvider({ name, domain: host, kind, model, ...this.#sending });
    const transport = createTransport({ ...this.#layers, providers: [provider] });
    this.#own.set(key, { transport, usedAt: now() });
    for (const { what, stops } of this.#listenings.values()) stops.set(transport, transport.on(...what));
    this.#forgetSome();
    return transport;
  }

  /** @throws TransportError `closed` */
  refuseWhenClosed(): void {
    if (this.#isClosed) throw new TransportError('closed', 'The transport is closed');
  }

  health(): readonly HealthSnapshot[] {
    return this.#all().flatMap((transport) => transport.health());
  }

  usage(): UsageSum;
  usage(by: UsageBy): readonly UsageGroup[];
  usage(by?: UsageBy): UsageSum | readonly UsageGroup[] {
    if (by === undefined) return sumOf(this.usage('provider'));
    const before = this.#forgotten.flatMap(({ by: kept, groups }) => (kept === by ? groups : []));
    // A client's requests have no metadata.
    const rest =
      typeof by === 'object' ? this.#forgotten.find(({ by: kept }) => kept === 'provider')?.groups : undefined;
    return groupsOf([
      ...before,
      ...(rest ?? []).map((group) => ({ ...group, key: undefined })),
      ...this.#all().flatMap((transport) => transport.usage(by)),
    ]);
  }

  readonly on: Transport['on'] = (...what) => {
    const id = Symbol(what[0]);
    const stops = new Map<Transport, () => void>();
    for (const transport of this.#all()) stops.set(transport, transport.on(...what));
    if (typeof what[1] !== 'function') throw new OptionsError('listener', 'expected a function (event) => void');
    this.#listenings.set(id, { what: what as unknown as Listening, stops });
    return () => {
      this.#listenings.delete(id);
      for (const stop of stops.values()) stop();
    };
  };

  reset(provider: string): void {
    const of = this.#all().find((transport) => transport.health().some(({ name }) => name === provider));
    if (of === undefined)
      throw new OptionsError('provider', `expected the name of a provider in health(), got '${provider}'`);
    of.reset(provider);
  }

  async close(options?: { readonly timeoutMs?: number }): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#all().map((transport) => transport.close(options)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #all(): Transport[] {
    return [
      ...(this.#targets === undefined ? [] : [this.#targets]),
      ...[...this.#own.values()].map(({ transport }) => transport),
    ];
  }

  #newName(name: string): string {
    const count = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, count);
    return count === 1 ? name : `${name}#${count}`;
  }

  /** Tokens that are renewed, and models that come and go, must not add up for ever. */
  #forgetSome(): void {
    if (this.#own.size <= mostKept) return;
    const longestAgo = [...this.#own].toSorted(([, one], [, other]) => one.usedAt - other.usedAt);
    for (const [key, { transport }] of longestAgo) {
      if (transport.health().some(({ inFlight, queued }) => inFlight > 0 || queued > 0)) continue;
      this.#own.delete(key);
      this.#forgotten = (['provider', 'model'] as const).map((by) => ({
        by,
        groups: groupsOf([
          ...this.#forgotten.flatMap((kept) => (kept.by === by ? kept.groups : [])),
          ...transport.usage(by),
        ]),
      }));
      for (const { stops } of this.#listenings.values()) stops.delete(transport);
      void transport.close({ timeoutMs: 0 });
      return;
    }
  }
}
