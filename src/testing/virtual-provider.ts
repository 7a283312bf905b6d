/** A provider for simulations of hours with thousands of calls: a model of what it takes, in few timers and few chunks. */

import { messagesOf } from '../core/request.ts';
import type { Chunk, CompletionRequest, Context, Limits, Provider, ProviderAnswer, Traits } from '../core/types.ts';
import { hashOf, randomFrom } from './answer.ts';
import { logNormal, type Random } from './distributions.ts';
import { gather } from './in-process.ts';
import { checkVirtualProvider } from './option-names.ts';
import { VirtualAttempt, type VirtualPlace, type VirtualRequest } from './virtual-attempt.ts';
import { type VirtualConditions, type VirtualIncident, VirtualService } from './virtual-service.ts';

/** What a virtual provider is like; all that is not said is usual. */
export interface VirtualProviderOptions extends VirtualConditions {
  /** Unique in a transport. @default 'virtual' */
  readonly name?: string;
  /** Failure domain. @default the name */
  readonly domain?: string;
  /** The model's name. @default 'virtual-1' */
  readonly model?: string;
  /** What it says of its limits: the transport stays below them. What it really keeps is `enforcedLimits`. */
  readonly limits?: Limits;
  /** What is known of the model. */
  readonly traits?: Traits;
  /** When it is different, and how. */
  readonly schedule?: readonly VirtualIncident[];
  /** Its latencies and its mishaps are the same for the same seed. @default 1 */
  readonly seed?: number;
  /** Chunks of an answer, the last one aside. @default 3 */
  readonly chunks?: number;
}

/** The options that are not given. */
export const virtualProviderDefaults = { name: 'virtual', model: 'virtual-1', seed: 1, chunks: 3 } as const;

/** A provider in virtual time, with its books. */
export interface VirtualProvider extends Provider {
  /** In the order in which they came. Those that found no connection are not among them. */
  readonly requests: readonly VirtualRequest[];
  /** Requests whose client still waits. */
  readonly inFlight: number;
  /** Timers of its own: of work that goes on although nobody waits for it. */
  readonly timers: number;
}

/**
 * A provider without a network, for virtual time: it waits by timers only. Its answers are nonsense of the right length, and their length
 * is a request's `metadata.outputTokens`, or drawn: log-normal, 250 in the middle.
 *
 * @throws OptionsError for a name that is no option.
 */
export function virtualProvider(options: VirtualProviderOptions = {}): VirtualProvider {
  checkVirtualProvider(options);
  return new Virtual(options);
}

class Virtual implements VirtualProvider, VirtualPlace {
  readonly name: string;
  readonly domain: string;
  readonly kind = 'virtual';
  readonly model: string;
  readonly limits: Limits | undefined;
  readonly traits: Traits | undefined;
  readonly requests: VirtualRequest[] = [];
  inFlight = 0;
  readonly chunks: number;
  readonly service: VirtualService;
  readonly random: Random;
  readonly #madeAt = performance.now();

  constructor(options: VirtualProviderOptions) {
    const { name = virtualProviderDefaults.name, model = virtualProviderDefaults.model, domain = name } = options;
    const { seed = virtualProviderDefaults.seed, chunks = virtualProviderDefaults.chunks } = options;
    this.name = name;
    this.domain = domain;
    this.model = model;
    this.limits = options.limits;
    this.traits = options.traits;
    this.random = randomFrom(seed ^ hashOf(name));
    this.chunks = Math.max(1, chunks);
    this.service = new VirtualService(options, options.schedule ?? []);
  }

  get timers(): number {
    return this.service.timers;
  }

  async complete(request: CompletionRequest, context: Context): Promise<ProviderAnswer> {
    const chunks: Chunk[] = [];
    for await (const chunk of this.stream(request, context)) chunks.push(chunk);
    return gather(chunks, { model: this.model, requestId: '', fields: { provider: this.name } });
  }

  stream(request: CompletionRequest, context: Context): AsyncIterable<Chunk> {
    return new VirtualAttempt(this, request, context);
  }

  elapsed(): number {
    return performance.now() - this.#madeAt;
  }

  came(request: CompletionRequest, { transactionId, attempt }: Context): VirtualRequest {
    const { tokenRatio } = this.service.conditions;
    let characters = 0;
    for (const { content } of messagesOf(request)) characters += typeof content === 'string' ? content.length : 4_000;
    const wanted = request.metadata?.outputTokens;
    const drawn = typeof wanted === 'number' ? wanted : Math.ceil(logNormal(this.random, 250, 1));
    const record: VirtualRequest = {
      transactionId,
      attempt,
      at: this.elapsed(),
      inputTokens: Math.ceil((characters / 4) * tokenRatio),
      outputTokens: Math.min(drawn, request.maxOutputTokens ?? 4_096),
      firstContentAt: undefined,
      endedAt: undefined,
      outcome: undefined,
    };
    this.requests.push(record);
    this.inFlight += 1;
    return record;
  }

  went(): void {
    this.inFlight -= 1;
  }
}
