import { callInfo } from '../core/context.ts';
import { OptionsError, summarise, TransportError } from '../core/errors.ts';
import { type Known, scrub } from '../core/redact.ts';
import { wordsOf } from '../core/request.ts';
import { AbortRace, raceAbort, reasonOf } from '../core/signals.ts';
import type {
  CallInfo,
  Chunk,
  CompletionRequest,
  Context,
  Limits,
  Provider,
  ProviderAnswer,
  Traits,
} from '../core/types.ts';
import { answerFrom, chunkFrom, collectAnswer } from '../wire/callable-answer.ts';
import { classifyThrown } from '../wire/classify-thrown.ts';
import { checkOptions } from '../wire/provider-options.ts';

type MaybePromise<T> = T | PromiseLike<T>;

/** A provider of your own: one function, or two. At least one of `complete` and `stream`. */
export interface CallableOptions {
  /** Unique in a transport. */
  readonly name: string;
  /** The model's name. @default the name */
  readonly model?: string;
  /** The failure domain: providers of one domain are taken to fail together. @default the name */
  readonly domain?: string;
  /** The key of its `providerOptions`. @default 'callable' */
  readonly kind?: string;
  /** What the provider allows. */
  readonly limits?: Limits;
  /** What is known of the model. */
  readonly traits?: Traits;
  /** Answers whole: with the text, or with as much of an answer as there is. */
  readonly complete?: (request: CompletionRequest, info: CallInfo) => MaybePromise<string | Partial<ProviderAnswer>>;
  /**
   * Answers in pieces: texts, or chunks. When it ends normally, the answer is whole: a `finish` chunk is added unless it has yielded
   * one. A stream that was cut off must therefore throw.
   */
  readonly stream?: (
    request: CompletionRequest,
    info: CallInfo,
  ) => MaybePromise<AsyncIterable<string | Chunk> | Iterable<string | Chunk>>;
}

const known = ['name', 'model', 'domain', 'kind', 'limits', 'traits', 'complete', 'stream'];

/**
 * A provider made of functions: for an SDK without an adapter, a model in this process, a test.
 *
 * What the functions throw is recognised by its shape, as every SDK's errors are (`classifyThrown`); an error that nobody
 * recognises counts as the provider's failure, `server_error`. They should hear `info.signal`; a call that is aborted ends at
 * once even if they do not.
 *
 * @throws OptionsError when an option is wrong, naming it
 */
export function callable(options: CallableOptions): Provider {
  checkOptions('callable', options, known);
  const { name, model = name, domain = name, kind = 'callable', limits, traits, complete, stream } = options;
  if (typeof name !== 'string') throw new OptionsError('callable.name', 'expected a text that is not empty');
  if (typeof model !== 'string') throw new OptionsError('callable.model', 'expected a text');
  for (const [path, value] of [
    ['callable.complete', complete],
    ['callable.stream', stream],
  ] as const)
    if (value !== undefined && typeof value !== 'function') throw new OptionsError(path, 'expected a function');
  if (complete === undefined && stream === undefined)
    throw new OptionsError('callable.complete', 'expected a function here, or as callable.stream');

  const chunksFor = (request: CompletionRequest, context: Context): AsyncGenerator<Chunk, void, undefined> =>
    streamed({ name, model }, stream as NonNullable<typeof stream>, request, context);

  return {
    name,
    domain,
    kind,
    model,
    ...(limits !== undefined && { limits }),
    ...(traits !== undefined && { traits }),
    complete: async (request, context) => {
      if (complete === undefined) return collectAnswer(chunksFor(request, context), model);
      const fail = failing(name, request, context.signal);
      try {
        const asked = Promise.resolve(complete(request, callInfo(context)));
        return answerFrom(await raceAbort(asked, context.signal), { name, model });
      } catch (error) {
        throw fail(error);
      }
    },
    ...(stream !== undefined && { stream: chunksFor }),
  };
}

async function* streamed(
  provider: { readonly name: string; readonly model: string },
  stream: NonNullable<CallableOptions['stream']>,
  request: CompletionRequest,
  context: Context,
): AsyncGenerator<Chunk, void, undefined> {
  const { signal } = context;
  const fail = failing(provider.name, request, signal);
  const race = new AbortRace(signal);
  let iterator: AsyncIterator<string | Chunk> | Iterator<string | Chunk> | undefined;
  let ended = false;
  let toolCalls = false;
  try {
    const source = await race.of(Promise.resolve(stream(request, callInfo(context))));
    iterator = iteratorOf(source, provider.name);
    for (;;) {
      const result = await race.of(Promise.resolve(iterator.next()));
      ended = result.done === true;
      if (result.done === true) break;
      const chunk = chunkFrom(result.value, provider.name);
      if (chunk === undefined) continue;
      if (chunk.type === 'toolCall') toolCalls = true;
      yield chunk;
      if (chunk.type === 'finish') return;
    }
  } catch (error) {
    ended = true;
    throw fail(error);
  } finally {
    race.stop();
    // Not awaited: a function that is stuck would hold up whoever leaves it.
    if (!ended) leave(iterator);
  }
  yield { type: 'finish', finishReason: toolCalls ? 'tool_calls' : 'stop', usage: undefined, model: provider.model };
}

function iteratorOf(source: unknown, name: string): AsyncIterator<string | Chunk> | Iterator<string | Chunk> {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.asyncIterator in source) return (source as AsyncIterable<string | Chunk>)[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return (source as Iterable<string | Chunk>)[Symbol.iterator]();
  }
  throw new TransportError('bad_response', `${name} gave a stream that cannot be iterated`, { provider: name });
}

function leave(iterator: AsyncIterator<unknown> | Iterator<unknown> | undefined): void {
  try {
    Promise.resolve(iterator?.return?.()).catch(() => {});
  } catch {
    // What it does while it is left is of no interest any more.
  }
}

/** What a function threw, as a `TransportError`. */
function failing(
  provider: string,
  request: CompletionRequest,
  signal: AbortSignal,
): (error: unknown) => TransportError {
  return (error) => {
    if (TransportError.is(error)) return error;
    if (signal.aborted) return reasonOf(signal);
    const texts: Known = { texts: wordsOf(request) };
    const recognised = classifyThrown(error, { provider, ...texts });
    if (recognised !== undefined) return recognised;
    const says = error instanceof Error && error.message !== '' ? `: ${scrub(error.message, texts)}` : '';
    return new TransportError('server_error', `${provider} failed${says}`, {
      provider,
      cause: summarise(error, texts),
    });
  };
}
