import { type CallingSource, sizeOf } from '../../core/chunk-source.ts';
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
  readonly #pumps = new Set<Pump>();
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
      () => this.#drains === 0 && this.#pumps.size > 0 && [...this.#pumps].every((pump) => pump.isTextOnly),
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
  read(left: () => void): CallingSource {
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

  /**
   * What a reader reads it by, until it leaves: what is returned says so. When all of them are handed text alone, none can be told that
   * it begins again.
   */
  isReadBy(pump: Pump): () => void {
    this.#pumps.add(pump);
    return () => this.#pumps.delete(pump);
  }

  /** Nobody reads it any more. */
  leave(): void {
    // Before the source is left: it then ends as if the answer were complete, and a reader that is still waiting would take that for its
    // end. Such a reader is told by the abort of its own call.
    this.#places.clear();
    this.#chunks.return().catch(() => {});
  }

  #take(place: Place): Next | undefined {
    let chunk = this.#kept[this.#head + place.at - this.#first];
    if (chunk !== undefined) place.at += 1;
    // Who has seen nothing of an answer need not know that it began again.
    if (chunk?.type === 'restart' && !place.hasBegun) {
      chunk = this.#kept[this.#head + place.at - this.#first];
      if (chunk !== undefined) place.at += 1;
    }
    if (chunk !== undefined) {
      place.hasBegun = true;
      return chunk;
    }
    if (this.#end === undefined) return undefined;
    return this.#end.error ?? 'over';
  }

  #pull(): void {
    if (this.#isPulling || this.#end !== undefined) return;
    this.#isPulling = true;
    this.#chunks.nextInto(this.#came, this.#broke);
  }

  readonly #came = (chunk: Chunk | undefined): void => {
    this.#isPulling = false;
    if (chunk === undefined) this.#end = { error: undefined };
    else this.#add(chunk);
    // What is there already need not be waited for.
    for (let next = this.#chunks.take(); next !== undefined; next = this.#chunks.take()) this.#add(next);
    this.#serve();
  };

  readonly #broke = (error: unknown): void => {
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

/** What a reader is given: a chunk, an error, or that it is over. */
type Next = Chunk | TransportError | 'over';

interface Shelf {
  take(): Next | undefined;
  pull(): void;
  left(): void;
}

type Came = (chunk: Chunk | undefined) => void;
type Broke = (error: unknown) => void;

/** Where one reader is. It asks for one chunk at a time, as a pump does. */
class Place implements CallingSource {
  /** How many chunks came before the one that is next. */
  at: number;
  hasBegun = false;
  readonly #shelf: Shelf;
  #came: Came | undefined;
  #broke: Broke = () => {};
  #error: TransportError | undefined;

  constructor(at: number, shelf: Shelf) {
    this.at = at;
    this.#shelf = shelf;
  }

  next(): Promise<IteratorResult<Chunk>> {
    return new Promise((resolve, reject) => {
      this.nextInto((value) => resolve(value === undefined ? { done: true, value } : { done: false, value }), reject);
    });
  }

  nextInto(came: Came, broke: Broke): void {
    const there = this.#error ?? this.#shelf.take();
    if (there !== undefined) return queueMicrotask(() => give(there, came, broke));
    this.#came = came;
    this.#broke = broke;
    this.#shelf.pull();
  }

  return(): Promise<IteratorResult<Chunk>> {
    this.#give('over');
    this.#shelf.left();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Hands out what the reader waits for. Returns whether it waits on. */
  serve(): boolean {
    if (this.#came === undefined) return false;
    const there = this.#shelf.take();
    if (there === undefined) return true;
    this.#give(there);
    return this.#came !== undefined;
  }

  /** It cannot be gone on with from here. */
  fail(error: TransportError): void {
    this.#error ??= error;
    this.#give(this.#error);
  }

  #give(next: Next): void {
    const came = this.#came;
    this.#came = undefined;
    if (came !== undefined) give(next, came, this.#broke);
  }
}

function give(next: Next, came: Came, broke: Broke): void {
  if (TransportError.is(next)) broke(next);
  else came(next === 'over' ? undefined : next);
}
