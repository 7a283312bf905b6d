import type { PriceOf, UsageBy, UsageGroup, UsageSum } from './accounting-types.ts';
import { costOf } from './estimate.ts';
import type { Attempt, CompletionRequest, Provider, Usage } from './types.ts';

/** Tokens, by an estimate or as they were counted. */
interface TokenCount {
  readonly input: number;
  readonly output: number;
}

/** Learns how a provider counts; the arithmetic is in `control/`. */
export interface Scale {
  of(estimated: TokenCount): TokenCount;
  learn(estimated: TokenCount, counted: TokenCount): void;
}

/** Values of one metadata key, models, and metadata keys that are told apart: whoever puts an id there must not fill the memory. */
const mostGroups = 1_000;
const mostKeys = 100;

/** US dollars that nothing costs. */
const dust = 1e-9;

/** Weight of a new time in the average of times until a provider has said that it will answer. */
const acceptGain = 1 / 8;

type Metadata = CompletionRequest['metadata'];
type Key = UsageGroup['key'];

/** What a transport's attempts have used and cost, and what is known for that of its providers. */
export class Accounts {
  readonly #priceOf: PriceOf | undefined;
  readonly #makeScale: () => Scale;
  readonly #known: readonly Provider[];
  readonly #scales = new Map<string, Scale>();
  readonly #acceptMs = new Map<string, number>();
  readonly #total = new Sum();
  readonly #providers = new Groups();
  readonly #models = new Groups();
  readonly #metadata = new Map<string, Groups>();

  constructor(priceOf: PriceOf | undefined, makeScale: () => Scale, providers: readonly Provider[] = []) {
    this.#priceOf = priceOf;
    this.#known = providers;
    this.#makeScale = makeScale;
  }

  /** US dollars; `undefined` when the price is not known. */
  costOf({ name, domain, kind, model: configured, traits }: Provider, usage: Usage, told = ''): number | undefined {
    if (traits?.price !== undefined) return costOf(usage, traits.price);
    if (this.#priceOf === undefined) return undefined;
    const model = told || configured;
    let cost: unknown;
    try {
      cost = this.#priceOf({ provider: name, domain, kind, model, configured, usage });
    } catch {
      // A price list never fails a call.
    }
    return typeof cost === 'number' && Number.isFinite(cost) && cost >= 0 ? cost : undefined;
  }

  /** As `costOf`, for a provider by its name. */
  priceAt(provider: string, usage: Usage): number | undefined {
    const known = this.#known.find(({ name }) => name === provider);
    return known === undefined ? undefined : this.costOf(known, usage);
  }

  /** How a provider counts. */
  scaleOf(provider: string): Scale {
    let scale = this.#scales.get(provider);
    if (scale === undefined) {
      scale = this.#makeScale();
      this.#scales.set(provider, scale);
    }
    return scale;
  }

  /** A provider has said, after so many milliseconds, that it will answer. */
  accepted(provider: string, ms: number): void {
    const before = this.#acceptMs.get(provider) ?? ms;
    this.#acceptMs.set(provider, before + acceptGain * (ms - before));
  }

  /** Whether a request that was sent so many milliseconds ago is at the provider by now: there and back takes as long as it takes others. */
  hasArrived(provider: string, ms: number): boolean {
    return ms >= (this.#acceptMs.get(provider) ?? Number.POSITIVE_INFINITY) / 2;
  }

  /** An attempt is over: its line is whole. */
  settled(line: Attempt, metadata: Metadata): void {
    this.#total.add(line);
    this.#providers.of(line.provider).add(line);
    this.#models.of(line.model).add(line);
    if (metadata === undefined) return;
    for (const [name, value] of Object.entries(metadata)) this.#metadataGroups(name)?.of(value).add(line);
  }

  /** The sum of all, or one for each group, the largest first. */
  sum(): UsageSum;
  sum(by: UsageBy): readonly UsageGroup[];
  sum(by?: UsageBy): UsageSum | readonly UsageGroup[] {
    if (by === undefined) return this.#total.told();
    if (by === 'provider') return this.#providers.told();
    if (by === 'model') return this.#models.told();
    const groups = this.#metadata.get(by.metadata);
    const told = (groups?.told() ?? []).filter(({ key }) => key !== undefined);
    // What has no such key, or came too late to be told apart, is a group too: the groups are the whole.
    const rest = this.#total.without(told);
    return rest.attempts === 0 ? told : [...told, { key: undefined, ...rest }];
  }

  #metadataGroups(name: string): Groups | undefined {
    let groups = this.#metadata.get(name);
    if (groups === undefined && this.#metadata.size < mostKeys) {
      groups = new Groups();
      this.#metadata.set(name, groups);
    }
    return groups;
  }
}

/** Sums by a key; those of too many keys are in one together. */
class Groups {
  readonly #sums = new Map<Key, Sum>();

  of(key: Key): Sum {
    let sum = this.#sums.get(key);
    if (sum === undefined) {
      if (this.#sums.size >= mostGroups && key !== undefined) return this.of(undefined);
      sum = new Sum();
      this.#sums.set(key, sum);
    }
    return sum;
  }

  told(): UsageGroup[] {
    const groups = [...this.#sums].map(([key, sum]) => ({ key, ...sum.told() }));
    return groups.sort((a, b) => b.inputTokens + b.outputTokens - a.inputTokens - a.outputTokens);
  }
}

/** The sum of sums. */
export function sumOf(sums: readonly UsageSum[]): UsageSum {
  const sum = new Sum();
  for (const one of sums) sum.join(one);
  return sum.told();
}

/** Groups of several transports in one list: those of a key in one sum, the largest first. */
export function groupsOf(all: readonly UsageGroup[]): readonly UsageGroup[] {
  const groups = new Groups();
  for (const { key, ...sum } of all) groups.of(key).join(sum);
  return groups.told();
}

const counts = [
  ...(['attempts', 'estimated', 'unreported', 'unpriced', 'cost'] as const),
  ...(['inputTokens', 'outputTokens', 'cachedInputTokens', 'cacheWriteInputTokens', 'reasoningTokens'] as const),
];

const nothing: UsageSum = Object.freeze({
  ...{ attempts: 0, estimated: 0, unreported: 0, unpriced: 0, cost: 0 },
  ...{ inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteInputTokens: 0, reasoningTokens: 0 },
});

class Sum {
  readonly #sum: { -readonly [Field in keyof UsageSum]: UsageSum[Field] } = { ...nothing };

  add({ usage, usageEstimated, cost }: Attempt): void {
    const sum = this.#sum;
    sum.attempts += 1;
    if (usageEstimated) sum.estimated += 1;
    if (usage === undefined) sum.unreported += 1;
    if (cost === undefined) sum.unpriced += 1;
    sum.cost += cost ?? 0;
    sum.inputTokens += usage?.inputTokens ?? 0;
    sum.outputTokens += usage?.outputTokens ?? 0;
    sum.cachedInputTokens += usage?.cachedInputTokens ?? 0;
    sum.cacheWriteInputTokens += usage?.cacheWriteInputTokens ?? 0;
    sum.reasoningTokens += usage?.reasoningTokens ?? 0;
  }

  join(other: UsageSum): void {
    for (const count of counts) this.#sum[count] += other[count];
  }

  told(): UsageSum {
    return { ...this.#sum };
  }

  /** What is left of it without some of its parts. */
  without(parts: readonly UsageSum[]): UsageSum {
    const rest = { ...this.#sum };
    for (const part of parts) for (const count of counts) rest[count] -= part[count];
    // Dollars are fractions: so little is left of them by rounding only, and may be less than nothing.
    return { ...rest, cost: rest.cost < dust ? 0 : rest.cost };
  }
}
