/** What is below a middleware under test: a real endpoint, on a provider that does what the case says. */

import { beginAttempt } from '../core/context.ts';
import { endpoint } from '../core/endpoint.ts';
import { TransportError } from '../core/errors.ts';
import { ProviderHealth } from '../core/health.ts';
import { drain, mapError, replyFrom } from '../core/reply.ts';
import { jsonSchemaOf, wordsOf } from '../core/request.ts';
import type { Chunk, CompletionRequest, Context, Handler, Provider, Reply } from '../core/types.ts';
import { answerTo, tokensOf } from './answer.ts';
import { sampleOf } from './model.ts';

/** What the provider below does with a request whose answer would come in these chunks. */
export type Plan = (chunks: readonly Chunk[]) => AsyncIterable<Chunk>;

export const answers: Plan = async function* answers(chunks) {
  yield* chunks;
};

/** Answers, but from so many chunks on only when the gate has opened. Without a gate it is silent from then on. */
export function stalls(after: number, gate?: Promise<void>): Plan {
  return async function* stalls(chunks) {
    yield* chunks.slice(0, after);
    // A new one each time: what waits for a promise is kept by it.
    await (gate ?? new Promise(() => {}));
    yield* chunks.slice(after);
  };
}

/** Fails after so many chunks; after none it rejects. */
export function breaks(after: number, error: () => TransportError = failure): Plan {
  return async function* breaks(chunks) {
    yield* chunks.slice(0, after);
    throw error();
  };
}

export function failure(): TransportError {
  return new TransportError('server_error', 'The provider below has failed', { provider: 'below', status: 500 });
}

/** One time that the middleware asked what is below it. */
export interface Asked {
  readonly request: CompletionRequest;
  readonly context: Context;
  readonly chunks: readonly Chunk[];
  reply: Reply | undefined;
}

export interface BelowOptions {
  /** `false`: what streams there are come whole. */
  readonly streaming?: boolean;
  /** There is a generator of somebody else's, which cannot be left while it waits. */
  readonly stuck?: boolean;
}

/** As another middleware may hand it on, further down. */
function generated(reply: Reply): Reply {
  async function* chunks(): AsyncGenerator<Chunk> {
    yield* reply.chunks;
  }
  return mapError({ ...reply, chunks: chunks() }, (error) => error);
}

/** An estimate that is never used. */
const noEstimate = { value: undefined, add() {}, forget() {} };

/** The handler below: a real endpoint, on a provider that does what it is told. */
export class Below {
  readonly asked: Asked[] = [];
  plan: Plan = answers;
  readonly health: ProviderHealth;
  readonly #endpoint: Handler;
  readonly #begins: boolean;
  readonly #stuck: boolean;

  constructor(place: 'call' | 'attempt', { streaming = true, stuck = false }: BelowOptions) {
    const provider: Provider = {
      ...{ name: 'below', domain: 'below', kind: 'contract', model: 'contract-1' },
      stream: (request) => this.plan(chunksFor(request)),
      complete: async (request) => {
        const chunks: Chunk[] = [];
        for await (const chunk of this.plan(chunksFor(request))) chunks.push(chunk);
        const text = chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('');
        const { finishReason = 'unknown', usage, model = '' } = chunks.find(({ type }) => type === 'finish') as Finish;
        return { text, toolCalls: [], reasoning: undefined, finishReason, usage, model, raw: undefined };
      },
    };
    if (!streaming) delete provider.stream;
    this.health = new ProviderHealth(provider, { firstContent: noEstimate, chunkGap: noEstimate });
    this.#endpoint = endpoint(provider, this.health);
    this.#begins = place === 'call';
    this.#stuck = stuck;
  }

  get inFlight(): number {
    return this.health.inFlight;
  }

  readonly handler: Handler = async (request, context) => {
    const asked: Asked = { request, context, chunks: [], reply: undefined };
    this.asked.push(asked);
    const reply = await this.#endpoint(request, this.#begins ? beginAttempt(context, 'first') : context);
    if (request.stream !== true) asked.reply = replyFrom(await drain(reply));
    else asked.reply = this.#stuck ? generated(reply) : reply;
    return asked.reply;
  };
}

type Finish = Partial<Extract<Chunk, { type: 'finish' }>>;

/** At least so many. */
const pieces = 24;

/** The answer to a request, in the pieces in which it comes. */
function chunksFor(request: CompletionRequest): Chunk[] {
  const words = wordsOf(request).join('\n');
  const { schema } = request;
  // Padded, because the rules count on so many pieces; to JSON a space at the end is nothing.
  const tokens =
    schema === undefined
      ? tokensOf(answerTo(words, { words: pieces }))
      : [...JSON.stringify(sampleOf(jsonSchemaOf(schema), words)).padEnd(pieces)];
  const usage = { inputTokens: 8, outputTokens: 2 };
  return [
    ...tokens.map((token) => ({ type: 'text' as const, text: token })),
    { type: 'finish', finishReason: 'stop', usage, model: 'contract-1' },
  ];
}
