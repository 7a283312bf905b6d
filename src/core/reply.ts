import { TransportError } from './errors.ts';
import { Pump } from './pump.ts';
import type { Chunk, Completion, Outcome, Reply } from './types.ts';

/** For middleware that answers by itself, such as a cache: a reply that is done already. */
export function replyFrom(completion: Completion): Reply {
  if (typeof completion?.text !== 'string' || !Array.isArray(completion.toolCalls))
    throw new TypeError('replyFrom expects a completion, with its text and its toolCalls');
  const chunks = new Whole(completion);
  return { provider: completion.provider, chunks, done: chunks.done };
}

/** The chunks of an answer that is there whole. */
class Whole implements AsyncIterable<Chunk> {
  readonly completion: Completion;
  readonly done: Promise<Outcome>;

  constructor(completion: Completion) {
    this.completion = completion;
    this.done = Promise.resolve({ ok: true, completion });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk, void, undefined> {
    yield* chunksOf(this.completion);
  }
}

/** True for an answer that is there whole, unless a layer has put a `done` of its own beside it: that may still say that it failed. */
export function isWhole(reply: Reply): reply is Reply & { readonly chunks: Whole } {
  return reply.chunks instanceof Whole && reply.done === reply.chunks.done;
}

/** The chunks that an answer would have come in. */
function* chunksOf(completion: Completion): Generator<Chunk, void, undefined> {
  const { reasoning, text, toolCalls, finishReason, usage, model } = completion;
  if (reasoning !== undefined && reasoning !== '') yield { type: 'reasoning', text: reasoning };
  if (text !== '') yield { type: 'text', text };
  for (const toolCall of toolCalls) yield { type: 'toolCall', toolCall };
  yield { type: 'finish', finishReason, usage, model };
}

/**
 * Changes what passes: `change` is given each chunk and returns the one that takes its place, or `undefined` to leave it out
 * (`restart`, and the last one, `finish`, stay). The completion is made of what came out. Must be called before the reply is read, as middleware does.
 */
export function mapChunks(reply: Reply, change: (chunk: Chunk) => Chunk | undefined): Reply {
  return mapped(reply, (chunk) => {
    let changed: Chunk | undefined;
    try {
      changed = change(chunk);
    } catch (error) {
      if (TransportError.is(error)) throw error;
      throw new TransportError('middleware', 'What mapChunks was given threw', { cause: error });
    }
    // An answer without its finish would be a truncated one, and the provider would be blamed; without its restart, two in one.
    return changed ?? (chunk.type === 'finish' || chunk.type === 'restart' ? chunk : undefined);
  });
}

function mapped(reply: Reply, change: (chunk: Chunk) => Chunk | undefined): Reply {
  if (isWhole(reply)) return replyFrom(mapWhole(reply.chunks.completion, change));
  if (reply.chunks instanceof Pump && reply.chunks.map(change)) return reply;
  const pump = readable(reply, change);
  return { provider: reply.provider, chunks: pump.chunks, done: pump.done };
}

function mapWhole(completion: Completion, change: (chunk: Chunk) => Chunk | undefined): Completion {
  let mapped: Completion = { ...completion, text: '', reasoning: undefined, toolCalls: [] };
  for (const chunk of chunksOf(completion)) {
    const changed = change(chunk);
    if (changed === undefined) continue;
    if (changed.type === 'text') mapped = { ...mapped, text: mapped.text + changed.text };
    else if (changed.type === 'reasoning') mapped = { ...mapped, reasoning: (mapped.reasoning ?? '') + changed.text };
    else if (changed.type === 'toolCall') mapped = { ...mapped, toolCalls: [...mapped.toolCalls, changed.toolCall] };
    else if (changed.type === 'finish')
      mapped = { ...mapped, finishReason: changed.finishReason, usage: changed.usage, model: changed.model };
  }
  return mapped;
}

/** A reply whose chunks are a pump: as it is, or, of a foreign one, behind a pump of its own. */
export function readable(
  reply: Reply,
  change?: (chunk: Chunk) => Chunk | undefined,
): Reply & { readonly chunks: Pump } {
  if (reply.chunks instanceof Pump && change === undefined) return reply as Reply & { readonly chunks: Pump };
  let settle: (outcome: Outcome) => void = () => {};
  const done = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  const pump = new Pump(reply.chunks[Symbol.asyncIterator](), {
    settled: (end) => {
      if ('error' in end) return settle({ ok: false, error: end.error });
      // The source has given its finish chunk, so it is done or about to be.
      void reply.done.then((outcome) => {
        const { raw: _, ...answer } = end.answer;
        settle(outcome.ok ? { ok: true, completion: { ...outcome.completion, ...answer } } : outcome);
      });
    },
  });
  if (change !== undefined) pump.map(change);
  pump.start();
  return { provider: reply.provider, chunks: pump, done };
}

/** The same reply with the error of its break changed, for the reader and for whoever waits for `done` above here. */
export function mapError(reply: Reply, change: (error: TransportError) => TransportError): Reply {
  if (isWhole(reply)) return reply;
  const { provider, chunks, done } = readable(reply);
  let made: { from: TransportError; to: TransportError } | undefined;
  // The reader and `done` are given the same error.
  const once = (error: TransportError): TransportError => {
    if (made?.from !== error) made = { from: error, to: change(error) };
    return made.to;
  };
  chunks.mapError(once);
  return {
    provider,
    chunks,
    done: done.then((outcome) => (outcome.ok ? outcome : { ok: false, error: once(outcome.error) })),
  };
}

/** Reads an answered call to its end. Rejects with its error. */
export function drain(reply: Reply): Promise<Completion> {
  if (!(reply.chunks instanceof Whole)) readable(reply).chunks.drain();
  return reply.done.then(completionOf);
}

function completionOf(outcome: Outcome): Completion {
  if (outcome.ok) return outcome.completion;
  throw outcome.error;
}

/**
 * Runs a call inside `owner`, which is kept busy until the call is done, while the reply is handed out as soon as it is answered.
 * This is how a queue slot covers a whole stream.
 */
export function hold(
  owner: (task: () => Promise<void>) => Promise<unknown>,
  open: () => Promise<Reply>,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    owner(async () => {
      const reply = await open();
      resolve(reply);
      await reply.done;
    }).catch(reject); // After `resolve` this does nothing: the reader has the error already.
  });
}
