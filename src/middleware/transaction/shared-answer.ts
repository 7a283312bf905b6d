import { sizeOf } from '../../core/chunk-source.ts';
import { failed, TransportError } from '../../core/errors.ts';
import type { Pump } from '../../core/pump.ts';
import { readable } from '../../core/reply.ts';
import type { Chunk, Completion, Outcome, Reply } from '../../core/types.ts';

/** Characters of an answer that are kept for those who read it: more than models give. Of what has none an item counts for 512. */
const mostKept = 4 * 1024 * 1024;

/**
 * One answer for many readers, each from its beginning and at its own pace: what has come is kept once, and a reader is a place in it. The
 * fastest reader sets the pace. Of an answer that is longer than what is kept, the last is kept: a reader further behind is told so, by an
 * error, and holds up nobody.
 */
export class SharedAnswer {
  readonly provider: string;
  readonly done: Promise<Outcome>;
  readonly #chunks: Pump;
  readonly #mostKept: number;
  #kept: Chunk[] = [];
  /** In `kept`: what is before it was let go of. */
  #head = 0;
  #size = 0;
  /** Of the chunk at the head: how many came before it. */
  #first = 0;
  readonly #places = new Set<Place>();
  readonly #pumps: Pump[] = [];
  #isPulling = false;
  /** How many want it whole. */
  #drains = 0;
  #end: { readonly error: TransportError | undefined } | undefined;
  /** Its beginning is kept: who comes now can read it. */
  isWhole = true;

  /** Told once the last of it has come, before any reader is. */
  readonly #over: () => void;

  constructor(reply: Reply, over: () => void, kept = mostKept) {
    const { provider, chunks, done } = readable(reply);
    this.provider = provider;
    this.done = done;
    this.#chunks = chunks;
    this.#mostKept = kept;
    this.#over = over;
    chunks.readAsText(
      () => this.#drains === 0 && this.#pumps.length > 0 && this.#pumps.every((pump) => pump.isTextOnly),
    );
  }

  /** It has items that are in no completion. */
  get hasItems(): boolean {
    return this.#chunks.hasItems;
  }

  /** The answer, when all of it is there: it is read to its end, until whoever wants it so has `left`. */
  whole(): { readonly completion: Promise<Completion>; left(): void } {
    this.#drains += 1;
    this.#pull();
    const completion = this.done.then((outcome) => {
      if (outcome.ok) return outcome.completion;
      throw outcome.error;
    });
    return {
      completion,
      left: () => {
        this.#drains -= 1;
      },
    };
  }

  /** The chunks from the beginning, for one reader. `left` is called when it wants no more of them. */
  read(left: () => void): AsyncIterator<Chunk> {
    const place = new Place(this.#first, {
      take: () => this.#take(place),
      pull: () => this.#pull(),
      left: () => {
        this.#places.delete(place);
        left();
      },
    });
    this.#places.add(place);
    return place;
  }

  /** What a reader reads it by. When all of them are handed text alone, none can be told that it begins again. */
  isReadBy(pump: Pump): void {
    this.#pumps.push(pump);
  }

  /** Nobody reads it any more. */
  leave(): void {
    this.#chunks.return().catch(() => {});
  }

  #take(place: Place): IteratorResult<Chunk> | TransportError | undefined {
    let chunk = this.#kept[this.#head + place.at - this.#first];
    if (chunk !== undefined) place.at += 1;
    // Who has seen nothing of an answer need not know that it began again.
    if (chunk?.type === 'restart' && !place.hasBegun) {
      place.hasBegun = true;
      chunk = this.#kept[this.#head + place.at - this.#first];
      if (chunk !== undefined) place.at += 1;
    }
    if (chunk !== undefined) {
      place.hasBegun = true;
      return { done: false, value: chunk };
    }
    if (this.#end === undefined) return undefined;
    return this.#end.error ?? { done: true, value: undefined };
  }

  #pull(): void {
    if (this.#isPulling || this.#end !== undefined) return;
    this.#isPulling = true;
    this.#chunks.next().then(this.#came, this.#broke);
  }

  readonly #came = (result: IteratorResult<Chunk>): void => {
    this.#isPulling = false;
    if (result.done === true) this.#end = { error: undefined };
    else this.#add(result.value);
    // What is there already needs no promise.
    for (let next = this.#chunks.take(); next !== undefined; next = this.#chunks.take()) this.#add(next);
    this.#serve();
  };

  readonly #broke = (error: unknown): void => {
    this.#isPulling = false;
    this.#end = { error: failed(error) };
    this.#over();
    this.#serve();
  };

  #serve(): void {
    let waits = this.#drains > 0;
    for (const place of this.#places) if (place.serve()) waits = true;
    if (waits) this.#pull();
  }

  #add(chunk: Chunk): void {
    if (chunk.type === 'restart') this.#beginAgain();
    if (chunk.type === 'finish') this.#over();
    this.#kept.push(chunk);
    this.#size += sizeOf(chunk);
    while (this.#size > this.#mostKept && this.#head < this.#kept.length - 1) this.#drop();
  }

  /** What has come need not be read any more, to be dropped. */
  #beginAgain(): void {
    this.#first += this.#kept.length - this.#head;
    this.#kept = [];
    this.#head = 0;
    this.#size = 0;
    this.isWhole = true;
    for (const place of this.#places) place.at = this.#first;
  }

  #drop(): void {
    this.#size -= sizeOf(this.#kept[this.#head] as Chunk);
    this.#head += 1;
    this.#first += 1;
    this.isWhole = false;
    if (this.#head > 1_000 && this.#head * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head);
      this.#head = 0;
    }
    for (const place of this.#places) if (place.at < this.#first) place.fail(this.#behind());
  }

  #behind(): TransportError {
    return new TransportError(
      'stream_interrupted',
      `The reader fell more than ${this.#mostKept} characters behind others that read the same answer`,
      { provider: this.provider, blame: 'caller' },
    );
  }
}

interface Shelf {
  take(): IteratorResult<Chunk> | TransportError | undefined;
  pull(): void;
  left(): void;
}

interface Waiting {
  resolve(result: IteratorResult<Chunk>): void;
  reject(error: TransportError): void;
}

/** Where one reader is. It asks for one chunk at a time, as a pump does. */
class Place implements AsyncIterableIterator<Chunk> {
  /** How many chunks came before the one that is next. */
  at: number;
  hasBegun = false;
  readonly #shelf: Shelf;
  #waiting: Waiting | undefined;
  #error: TransportError | undefined;

  constructor(at: number, shelf: Shelf) {
    this.at = at;
    this.#shelf = shelf;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    const there = this.#error ?? this.#shelf.take();
    if (TransportError.is(there)) return Promise.reject(there);
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#shelf.pull();
    });
  }

  return(): Promise<IteratorResult<Chunk>> {
    const result = { done: true, value: undefined } as const;
    this.#waiting?.resolve(result);
    this.#waiting = undefined;
    this.#shelf.left();
    return Promise.resolve(result);
  }

  /** Hands out what the reader waits for. Returns whether it waits on. */
  serve(): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) return false;
    const there = this.#shelf.take();
    if (there === undefined) return true;
    this.#waiting = undefined;
    if (TransportError.is(there)) waiting.reject(there);
    else waiting.resolve(there);
    return false;
  }

  /** It cannot be gone on with from here. */
  fail(error: TransportError): void {
    this.#error ??= error;
    this.#waiting?.reject(this.#error);
    this.#waiting = undefined;
  }
}
