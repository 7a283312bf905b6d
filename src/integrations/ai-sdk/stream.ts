import type {
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from '@ai-sdk/provider';
import { readerSees } from '../../core/context.ts';
import { TransportError } from '../../core/errors.ts';
import type { Chunk, CompletionStream, Transport } from '../../core/types.ts';
import { headOfChunk } from '../../wire/ai-sdk-carried.ts';
import { thrownTo } from '../shared/abort.ts';
import { type Ending, PartWriter } from './parts.ts';
import { type Asked, askedFor } from './request.ts';

/** Asks the transport for a stream. Rejects as long as nothing was answered; after that the stream ends in an error. */
export async function streamFrom(
  transport: Transport,
  options: LanguageModelV4CallOptions,
  model: string | undefined,
): Promise<LanguageModelV4StreamResult> {
  const { abortSignal } = options;
  try {
    const asked = askedFor(options, model, true);
    const stream = await transport.complete(
      { ...asked.request, stream: true },
      { ...asked.options, values: [...asked.options.values, readerSees.of('text')] },
    );
    const iterator = stream[Symbol.asyncIterator]();
    // It is there already: a call is answered with its first chunk.
    const first = await iterator.next();
    const head = first.done === true ? undefined : headOfChunk.get(first.value);
    return { ...head, stream: partsOf({ stream, iterator, first }, asked, options) };
  } catch (error) {
    throw thrownTo(abortSignal, error);
  }
}

interface Reading {
  readonly stream: CompletionStream;
  readonly iterator: AsyncIterator<Chunk>;
  readonly first: IteratorResult<Chunk>;
}

function partsOf(
  { stream, iterator, first }: Reading,
  { warnings }: Asked,
  { abortSignal, includeRawChunks = false }: LanguageModelV4CallOptions,
): ReadableStream<LanguageModelV4StreamPart> {
  const writer = new PartWriter(stream.transactionId, { warnings, includeRaw: includeRawChunks });
  let next: IteratorResult<Chunk> | undefined = first;
  /** The parts of the next chunks, until there are some; `undefined` at the end. */
  const read = async (): Promise<LanguageModelV4StreamPart[] | undefined> => {
    for (;;) {
      const { done, value } = next ?? (await iterator.next());
      next = undefined;
      if (done === true) return undefined;
      if (value.type === 'restart')
        throw new TransportError('stream_interrupted', 'The answer started again elsewhere');
      const parts = value.type === 'finish' ? writer.finish(value, await endingOf(stream, value)) : writer.push(value);
      if (parts.length > 0) return parts;
    }
  };
  let broken: { readonly error: unknown } | undefined;
  return new ReadableStream<LanguageModelV4StreamPart>(
    {
      async pull(controller) {
        // Only now: an error of the stream takes away what was not read of it.
        if (broken !== undefined) return controller.error(broken.error);
        try {
          const parts = await read();
          if (parts === undefined) controller.close();
          else for (const part of parts) controller.enqueue(part);
        } catch (error) {
          void iterator.return?.();
          if (abortSignal?.aborted) return controller.error(abortSignal.reason);
          // Who reads the text only never sees an error among the parts, and would take what has come for whole.
          broken = { error };
          for (const part of writer.broke(error)) controller.enqueue(part);
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    // Nothing is read ahead here: the transport does that.
    { highWaterMark: 0 },
  );
}

/** The whole answer, which is there with its last chunk; of one that does not match its schema, at least the ledger. */
async function endingOf(stream: CompletionStream, { model }: Extract<Chunk, { type: 'finish' }>): Promise<Ending> {
  const { provider, transactionId } = stream;
  try {
    const completion = await stream.completion;
    return { ...completion, completion };
  } catch (error) {
    const attempts = TransportError.is(error) ? error.attempts : [];
    return { provider, model, transactionId, attempts, cost: undefined, resumed: false };
  }
}
