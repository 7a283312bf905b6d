import { asked, firstWait, readerSees } from './core/context.ts';
import type { TransportError } from './core/errors.ts';
import { checkCallOptions, checkNamedCalls, checkWrapOptions } from './core/options.ts';
import type { Pump } from './core/pump.ts';
import { readable } from './core/reply.ts';
import type { CallOptions, ProviderAnswer, Transport, TransportOptions } from './core/types.ts';
import { Pipeline } from './transport.ts';
import { contentIn } from './wire/asked-words.ts';
import { maxOutputTokensOf } from './wire/dialect.ts';
import { fieldsOf } from './wire/openai-chat-parts.ts';
import { type Errand, errand, type NamedCall, type WrappedCall, WrappedFunction } from './wrapped-function.ts';

export type { NamedCall, WrappedCall } from './wrapped-function.ts';

export interface WrapOptions<T> extends Omit<TransportOptions, 'providers'> {
  /** What the transport may know of a result: for usage, empty and truncated answers. Results of the common SDKs are known already. */
  readonly describe?: (result: T) => Partial<ProviderAnswer>;
  /** Judges an error; `undefined` leaves it to the built-in classification, which knows the common SDKs. */
  readonly classify?: (error: unknown) => TransportError | undefined;
}

/** A wrapped function: the same results, and the transport that it runs on. */
export type Wrapped<I, T> = ((
  input: I,
  options?: CallOptions,
) => Promise<T extends AsyncIterable<infer Item> ? AsyncIterable<Item> : T>) & { readonly transport: Transport };

/**
 * Puts the pipeline around a function that an application already has, unary or stream:
 * `const ask = wrap((params: P, { signal }) => client.chat.completions.create(params, { signal, maxRetries: 0 }))`.
 * Results come back exactly as the function returned them. A stream stays one: its items pass untouched, and the function is run
 * again only until the first item with content. Several functions fail over like providers.
 *
 * @throws OptionsError when an option is wrong, naming its path.
 */
export function wrap<I, T>(
  call: WrappedCall<I, T> | readonly NamedCall<I, T>[],
  options: WrapOptions<T> = {},
): Wrapped<I, T> {
  checkWrapOptions(options);
  const { describe, classify, ...layers } = options;
  const calls = typeof call === 'function' ? [{ name: call.name || 'call', call }] : call;
  checkNamedCalls(calls);
  const functions = calls.map(
    (one) => new WrappedFunction(one as NamedCall<unknown, unknown>, describe as never, classify),
  );
  const transport = new Pipeline({ ...layers, providers: functions });

  const wrapped = async (input: I, callOptions: CallOptions = {}): Promise<unknown> => {
    checkCallOptions(callOptions);
    const job: Errand = { input, streams: new Set(), around: new Set() };
    const streams = fieldsOf(input).stream === true || functions.some((one) => one.streams);
    // The caller's words, for estimates of tokens and so that no error repeats them.
    const messages = [{ role: 'user' as const, content: contentIn(input) }];
    const maxOutputTokens = maxOutputTokensOf(fieldsOf(input));
    const request = { messages, stream: true, ...(maxOutputTokens !== undefined && { maxOutputTokens }) } as const;
    const values = [
      ...(callOptions.values ?? []),
      errand.of(job),
      firstWait.of(streams ? 'stream' : 'unary'),
      readerSees.of('items'),
      asked.of({ what: input, joined: (first) => follow(job, first.get(errand)) }),
    ];
    const reply = readable((await transport.open(request, { ...callOptions, values })).reply);
    if (job.streams.has(reply.provider)) return new Items(reply.chunks);
    if (job.around.has(reply.provider)) return firstOf(reply.chunks);
    const outcome = await reply.done;
    if (!outcome.ok) throw outcome.error;
    for await (const chunk of reply.chunks) if (chunk.type === 'raw') return chunk.value;
    // A middleware has answered, with a completion that it kept.
    return outcome.completion.raw;
  };
  return Object.assign(wrapped, { transport }) as unknown as Wrapped<I, T>;
}

/** Of a call that shares another's answer: what kind of result that is. */
function follow(job: Errand, first: Errand | undefined): void {
  if (first === undefined) return;
  job.streams = first.streams;
  job.around = first.around;
}

/** The first result among chunks, of which the rest is read while nobody waits for it: how they end is for the transport to know. */
async function firstOf(chunks: Pump): Promise<unknown> {
  let first: unknown;
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) return first;
    if (value.type !== 'raw') continue;
    first = value.value;
    break;
  }
  const readOut = async (): Promise<void> => {
    while ((await chunks.next()).done !== true) {
      // The application has its own reader.
    }
  };
  readOut().catch(() => {});
  return first;
}

/** The items of a wrapped stream, as its reader gets them. */
class Items implements AsyncIterable<unknown> {
  readonly #chunks: Pump;

  constructor(chunks: Pump) {
    this.#chunks = chunks;
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    const chunks = this.#chunks;
    return {
      async next() {
        for (;;) {
          const { done, value } = await chunks.next();
          if (done === true) return { done: true, value: undefined };
          if (value.type === 'raw') return { done: false, value: value.value };
        }
      },
      async return() {
        await chunks.return();
        return { done: true, value: undefined };
      },
    };
  }
}
