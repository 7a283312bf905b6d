import { TransportError } from '../../core/errors.ts';
import type { RawChunk } from '../../core/pump.ts';
import { onAbort, reasonOf } from '../../core/signals.ts';
import type { Route } from '../../wire/dialect.ts';
import { readErrorBody } from '../../wire/error-body.ts';
import type { Follower } from '../../wire/followers/follower.ts';
import { NdjsonParser } from '../../wire/ndjson.ts';
import { fieldsOf } from '../../wire/openai-chat-parts.ts';
import { type SseEvent, SseParser } from '../../wire/sse.ts';
import { type Batches, soon } from '../../wire/stream-attempt.ts';
import { Piece, WholeAnswer } from './errand.ts';
import type { Attempt } from './fetch-provider.ts';
import { joined, type Opened } from './send.ts';

/** Bytes that are held back at most while there is no content in them. */
const mostHeld = 1024 * 1024;
/** Milliseconds for which more is waited for once an answer is whole: counts of tokens, a good-bye. */
const goodbyeMs = 5_000;
/** Milliseconds for which the rest of a finished stream is read, so that its connection can be used again. */
const drainMs = 1_000;

/**
 * A stream as it passes: its bytes as they came, those before the first content together with it. Ends normally only after its
 * terminal event. @throws TransportError for a clean early end, an error in it, a lost connection
 */
export async function* followed(opened: Opened, { dialect }: Route, attempt: Attempt): Batches {
  const { head, bytes } = opened;
  const { context, failures, reading, job, place } = attempt;
  const passage = new Passage(
    dialect.follow(failures),
    dialect.isNdjson ? new NdjsonParser() : new SseParser(),
    attempt,
  );
  const stop = onAbort(reading.signal, () => {
    if (!reading.complete) bytes.cancel();
  });
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let isAnswered = false;
  const rawOf = (piece: Uint8Array, text: string | undefined, isQuiet: boolean): RawChunk => ({
    type: 'raw',
    value: new Piece(head, piece),
    text,
    size: piece.byteLength,
    isQuiet,
  });
  /** What is held back is handed on: from now on it is the client's. */
  const released = (text?: string): readonly RawChunk[] => {
    isAnswered = true;
    return held
      .splice(0)
      .map((piece, at, all) => (at < all.length - 1 ? rawOf(piece, undefined, true) : rawOf(piece, text, false)));
  };
  try {
    for (;;) {
      const piece = await nextPiece(opened, passage.follower, attempt);
      if (piece === undefined) break;
      const seen = passage.take(piece);
      if (isAnswered) {
        // The client gets the bytes of an error too: its SDK may know what to make of them.
        yield [rawOf(piece, seen.text, !seen.content)];
        if (seen.error !== undefined) throw seen.error;
        continue;
      }
      if (seen.error !== undefined) throw seen.error;
      held.push(piece);
      heldBytes += piece.byteLength;
      if (seen.content || heldBytes > mostHeld) yield released(seen.text);
    }
    const end = passage.end();
    const { cost } = passage.follower;
    if (cost !== undefined) context.received({ cost });
    reading.complete = true;
    yield [...released(), { type: 'finish', ...end }];
  } catch (error) {
    // What the model refuses to say, the client is told in the provider's own way.
    if (!isAnswered && TransportError.is(error) && error.code === 'content_filtered')
      job.keep(place.name, error, new WholeAnswer(head, joined(held)));
    throw error;
  } finally {
    stop();
    // A stream that is over is read out in the background: cancelling it would close a connection that is still good.
    if (reading.complete) bytes.drain(drainMs);
    else bytes.cancel();
  }
}

async function nextPiece(
  { bytes }: Opened,
  follower: Follower,
  { reading: { signal }, failures }: Attempt,
): Promise<Uint8Array | undefined> {
  try {
    const piece = await (follower.finished ? soon(bytes.read(), goodbyeMs) : bytes.read());
    if (signal.aborted) throw reasonOf(signal);
    return piece;
  } catch (error) {
    if (signal.aborted) throw reasonOf(signal);
    // Only the good-bye was lost.
    if (follower.finished) return undefined;
    throw failures.thrown(error);
  }
}

/** What a piece of the network amounts to. */
interface Seen {
  readonly content: boolean;
  readonly text: string;
  readonly error?: unknown;
}

/** Reads the events of a stream while they pass. */
class Passage {
  readonly follower: Follower;
  readonly #parser: SseParser | NdjsonParser;
  readonly #attempt: Attempt;

  constructor(follower: Follower, parser: SseParser | NdjsonParser, attempt: Attempt) {
    this.follower = follower;
    this.#parser = parser;
    this.#attempt = attempt;
  }

  take(piece: Uint8Array): Seen {
    let content = false;
    let text = '';
    try {
      for (const event of this.#parser.push(piece)) {
        if (!this.#take(event)) continue;
        content = true;
        text += this.follower.itemText;
      }
    } catch (error) {
      return { content, text, error };
    }
    return { content, text };
  }

  end() {
    const isCut = this.#parser.end();
    const { follower } = this;
    const { failures } = this.#attempt;
    if (follower.finished) return follower.end();
    // Google breaks a stream off with a bare body between the events.
    if (/"error"/.test(this.#parser.stray)) {
      const { body, known } = readErrorBody(this.#parser.stray);
      if (known && typeof body === 'object') throw failures.inBand(body);
    }
    if (isCut) throw failures.of('truncated', 'ended its stream in the middle of an event');
    return follower.end();
  }

  #take({ event, data }: SseEvent): boolean {
    if (data === '[DONE]' || event === 'ping' || data.trim() === '') return false;
    let item: unknown;
    try {
      item = JSON.parse(data);
    } catch {
      // Proxies put events of their own between those of the API.
      if (event !== 'message' && event !== 'error') return false;
      throw this.#attempt.failures.of('bad_response', 'sent an event that is not JSON');
    }
    return this.follower.take(fieldsOf(item), event);
  }
}
