import { ChunkQueue } from './chunk-queue.ts';
import { type CallingSource, isEmpty, type RawChunk, type TextSource } from './chunk-source.ts';
import { failed, type PartialAnswer, TransportError, withFields } from './errors.ts';
import type { PumpHooks } from './pump-hooks.ts';
import { Said } from './said.ts';
import type { Chunk, ProviderAnswer } from './types.ts';

/** Characters read ahead of the reader. */
const readAhead = 64 * 1024;

/** Who waits for the next chunk, and is called in the turn in which it comes. */
interface Waiting {
  readonly came: (chunk: Chunk | undefined) => void;
  readonly broke: (error: TransportError) => void;
}

const over: IteratorResult<Chunk> = { done: true, value: undefined };

/**
 * Reads a source of chunks ahead of its reader, up to 64 KiB, and lets go of it exactly once: after the finish chunk, when it
 * breaks, when the reader leaves, or when it is stopped from outside. It is the reader's iterator itself, so however many layers
 * stand above it, a chunk passes through one queue.
 *
 * | it is | `#pulling` | `#whole` | `#end` | leaves that state |
 * |---|---|---|---|---|
 * | not begun; or the queue is full, and nobody waits | no | | | by a reader, `start()`, `readToEnd()`, `hurry()` |
 * | waiting for the source | yes | | | when a chunk comes, or the source breaks |
 * | handing out the last chunk | yes | set | | in the same turn |
 * | over, and complete | any | set | no error | never |
 * | over, and broken, stopped or left | any | | error | never |
 *
 * Beside that: readers wait only while the queue is empty and there is no `#end`. What is queued at the end can still be read, unless the
 * call was cancelled; `#thrown` says whether the error, if any, is still to come. `#isAnswered` and `#taken` are set once, and stay.
 */
export class Pump implements AsyncIterableIterator<Chunk> {
  readonly #source: AsyncIterator<Chunk>;
  readonly #calling: CallingSource | undefined;
  readonly #hooks: PumpHooks;
  /** Resolves with the first content; rejects when there will be none. */
  readonly answered: Promise<void>;
  #resolveAnswered: () => void = () => {};
  #rejectAnswered: (error: TransportError) => void = () => {};

  readonly #queue = new ChunkQueue();
  /** Characters that are read ahead: `Infinity` once it is read to its end. */
  #bound = readAhead;
  #hurries = false;
  #readers: Waiting[] = [];
  /** The source is asked for a chunk, or the one that came is still being handed on. */
  #pulling = false;
  #isAnswered = false;
  #end: { readonly error: TransportError | undefined } | undefined;
  /** All of it has come: from here on nothing can break. */
  #whole: ProviderAnswer | undefined;
  /** The reader was given the error, once, or has left. */
  #thrown = false;
  #readsText: () => boolean = () => false;
  /** Somebody has begun to read: it is too late to change what passes. */
  #taken = false;
  /** What comes is for the answer alone, and not queued: only while it is read to its end. */
  #discarding = false;

  #said = new Said();
  #change: ((chunk: Chunk) => Chunk | undefined) | undefined;
  #changeError: ((error: TransportError) => TransportError) | undefined;

  constructor(source: AsyncIterator<Chunk>, hooks: PumpHooks) {
    this.#source = source;
    this.#calling = 'nextInto' in source ? (source as CallingSource) : undefined;
    this.#hooks = hooks;
    this.answered = new Promise((resolve, reject) => {
      this.#resolveAnswered = resolve;
      this.#rejectAnswered = reject;
    });
    this.answered.catch(() => {});
  }

  /** Its reader is handed text alone, and cannot be told that it is to drop some. */
  get isTextOnly(): boolean {
    return this.#readsText();
  }

  /** Says whether the reader is handed text alone, for who would begin again here or further down. */
  readAsText(isTextOnly: () => boolean): void {
    this.#readsText = isTextOnly;
    if ('readAsText' in this.#source) (this.#source as unknown as TextSource).readAsText(isTextOnly);
  }

  /** The text that had been read of the answer before it last began again. */
  readBefore = '';

  /** The answer went on by another stream. */
  isResumed = false;

  /** Begins to read. */
  start(): this {
    this.#pull();
    return this;
  }

  /** What has come so far. */
  get partial(): PartialAnswer {
    return this.#said.partial;
  }

  /** It has had items of a foreign stream, or of a provider's own, which are in no completion. */
  get hasItems(): boolean {
    return this.#said.isRaw;
  }

  /** Reads to the end, whatever the reader does. What is not read yet can still be read. */
  readToEnd(): void {
    this.#bound = Number.POSITIVE_INFINITY;
    this.#pull();
  }

  /** Whether the source is read whatever was read ahead: what it has is there already, and its end has to be known. */
  hurry(on: boolean): void {
    this.#hurries = on;
    if (on) this.#pull();
  }

  /** Reads to the end for the answer alone: nobody will read the chunks. */
  drain(): void {
    this.#discarding = true;
    this.#queue.clear();
    this.readToEnd();
  }

  /** Stops with an error. Does nothing when it is over. */
  stop(error: TransportError): void {
    this.#finish(error, true);
  }

  /** Changes what passes, from the first chunk on; only before anything was read. Returns false when it is too late for that. */
  map(change: (chunk: Chunk) => Chunk | undefined): boolean {
    if (this.#taken || this.#end !== undefined) return false;
    const before = this.#change;
    this.#change =
      before === undefined
        ? change
        : (chunk) => {
            const changed = before(chunk);
            return changed === undefined ? undefined : change(changed);
          };
    this.#said = new Said();
    for (const chunk of this.#queue.clear()) {
      const changed = change(chunk);
      // The owner was told of this chunk when it came. To tell it again would say that another one has come.
      if (changed !== undefined) this.#accept(changed, true);
    }
    return true;
  }

  /** Changes the error that the reader is given. */
  mapError(change: (error: TransportError) => TransportError): void {
    const before = this.#changeError;
    this.#changeError = before === undefined ? change : (error) => change(before(error));
    if (this.#end?.error !== undefined) this.#end = { error: change(this.#end.error) };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    const chunk = this.take();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    if (this.#end !== undefined) {
      const error = this.#thrown ? undefined : this.#end.error;
      this.#thrown = true;
      return error === undefined ? Promise.resolve(over) : Promise.reject(error);
    }
    return new Promise((resolve, broke) => {
      const came = (value: Chunk | undefined) => resolve(value === undefined ? over : { done: false, value });
      this.#readers.push({ came, broke });
      this.#pull();
    });
  }

  nextInto(came: (chunk: Chunk | undefined) => void, broke: (error: TransportError) => void): void {
    if (this.#end !== undefined || !this.#queue.isEmpty)
      return void this.next().then(({ done, value }) => came(done === true ? undefined : value), broke);
    this.#taken = true;
    this.#readers.push({ came, broke });
    this.#pull();
  }

  /** What has come and is not read yet, without waiting; `undefined` when there is nothing. */
  take(): Chunk | undefined {
    this.#taken = true;
    const chunk = this.#queue.take();
    if (chunk !== undefined) this.#pull();
    return chunk;
  }

  /** The reader leaves: the source is let go of at once, whatever it is waiting for. */
  return(): Promise<IteratorResult<Chunk>> {
    this.#thrown = true;
    if (this.#end === undefined)
      this.#broke(new TransportError('cancelled', 'The reader left the stream before its end'));
    this.#queue.clear();
    return Promise.resolve({ done: true, value: undefined });
  }

  #pull(): void {
    if (this.#pulling || this.#end !== undefined) return;
    if (this.#queue.size >= this.#bound && this.#readers.length === 0 && !this.#hurries) {
      this.#hooks.paused?.();
      return;
    }
    this.#pulling = true;
    this.#hooks.pulling?.();
    try {
      if (this.#calling !== undefined) this.#calling.nextInto(this.#came, this.#broke);
      else Promise.resolve(this.#source.next()).then(this.#given, this.#broke);
    } catch (error) {
      Promise.reject(error).catch(this.#broke);
    }
  }

  readonly #given = (result: IteratorResult<Chunk>): void => {
    try {
      if (result.done === true) return this.#came(undefined);
      if (result.value === undefined) throw new TypeError('A source has given no chunk');
    } catch (error) {
      return this.#broke(error);
    }
    this.#came(result.value);
  };

  readonly #came = (come: Chunk | undefined): void => {
    if (this.#end !== undefined) return;
    // Until it is accepted nothing else is asked for, also by a reader who is given it in this turn.
    try {
      if (come === undefined) {
        return this.#broke(new TransportError('truncated', 'The answer ended without its terminal event'));
      }
      const chunk = this.#change === undefined ? come : this.#change(come);
      if (chunk !== undefined && !isEmpty(chunk)) this.#accept(chunk);
      // What a middleware leaves out has come all the same.
      else if (!isEmpty(come) && come.type !== 'finish') this.#hooks.content?.();
    } catch (error) {
      return this.#broke(error);
    }
    this.#pulling = false;
    if (this.#end === undefined) this.#pull();
  };

  readonly #broke = (error: unknown): void => {
    this.#pulling = false;
    let whole: TransportError;
    try {
      whole = this.#hooks.clean?.(error) ?? failed(error);
    } catch (thrown) {
      // Whatever is wrong with an error, the call ends.
      whole = failed(thrown);
    }
    this.#finish(whole);
  };

  #accept(chunk: Chunk, told = false): void {
    if (isEmpty(chunk)) return;
    this.#said.add(chunk);
    switch (chunk.type) {
      case 'restart':
        this.readBefore = this.#cutOff();
        this.#said = new Said();
        break;
      case 'resume':
        // A seam is no content.
        this.isResumed = true;
        return this.#deliver(chunk);
      case 'finish': {
        const { finishReason, usage, model } = chunk;
        const answer = { ...this.partial, finishReason, usage, model, raw: undefined };
        const error = this.#hooks.judge?.(answer, this.#said.isRaw);
        if (error !== undefined) return this.#finish(error);
        // A reader may leave in the turn in which it is given the last chunk.
        this.#whole = answer;
        this.#deliver(chunk);
        return this.#finish(undefined);
      }
    }
    this.#deliver(chunk);
    // A reader that leaves in this turn is told of nothing more.
    if ((chunk as RawChunk).isQuiet === true || this.#end !== undefined) return;
    if (!told) this.#hooks.content?.();
    // Once: to resolve what is resolved already costs more than all the rest of a chunk.
    if (!this.#isAnswered) this.#resolveAnswered();
    this.#isAnswered = true;
  }

  #deliver(chunk: Chunk): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) return reader.came(chunk);
    if (this.#discarding) return;
    this.#queue.push(chunk);
  }

  /** @param isOurs nothing that passes here was changed on its way into what the error tells. */
  #finish(thrown: TransportError | undefined, isOurs = false): void {
    if (this.#end !== undefined) return;
    const error = this.#whole === undefined ? thrown : undefined;
    // A caller who has cancelled wants nothing more; of a stream that broke, what had come can still be read.
    if (error?.code === 'cancelled') this.#queue.clear();
    // What a source says had come is not what has passed where it was changed on its way.
    const isKnown = error?.partial !== undefined && (isOurs || this.#change === undefined);
    const hasPartial = this.#said.isSomething || error?.partial !== undefined;
    const whole = error === undefined || isKnown || !hasPartial ? error : withFields(error, { partial: this.partial });
    const seen = whole === undefined ? undefined : (this.#changeError?.(whole) ?? whole);
    this.#end = { error: seen };
    for (const reader of this.#readers.splice(0)) {
      if (seen === undefined || this.#thrown) reader.came(undefined);
      else {
        this.#thrown = true;
        reader.broke(seen);
      }
    }
    if (whole !== undefined) this.#rejectAnswered(whole);
    else if (!this.#isAnswered) this.#resolveAnswered();
    this.#hooks.settled(whole === undefined ? { answer: this.#whole as ProviderAnswer } : { error: whole });
    // Not awaited: a generator that is stuck waits in its own `next` until its signal is aborted.
    try {
      this.#source.return?.()?.then(undefined, () => {});
    } catch {
      // What a source does while it is left is of no interest any more.
    }
  }

  /** What the reader has of the text. The rest need not be read, to be dropped. */
  #cutOff(): string {
    let unread = 0;
    for (const chunk of this.#queue.clear()) {
      if (chunk.type === 'restart') return this.readBefore;
      if (chunk.type === 'text') unread += chunk.text.length;
    }
    return this.#said.text.slice(0, this.#said.text.length - unread);
  }
}
