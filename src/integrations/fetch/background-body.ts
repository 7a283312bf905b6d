import { receiver } from '../../core/context.ts';
import { TransportError } from '../../core/errors.ts';
import type { ByteReader } from '../../wire/bytes.ts';
import { Looks } from '../../wire/openai-responses-resume.ts';
import { SseParser } from '../../wire/sse.ts';
import { goesOn } from '../../wire/stream-attempt.ts';
import type { Attempt } from './fetch-provider.ts';
import { ResponsePlace, type Standing } from './response-place.ts';
import { joined } from './send.ts';
import { WholeEvents } from './whole-events.ts';

/** Asks once for the events of a Response behind the one with this number. @throws TransportError */
export type Look = (id: string, after: number, signal: AbortSignal) => Promise<ByteReader>;

/** Bytes of an event that are held back at most. With a longer one the stream becomes one like any other. */
const mostHeld = 16 * 1024 * 1024;

type Next = IteratorResult<Uint8Array>;

/**
 * The body of a Response that is made in the background, by as many connections as it takes: where one breaks, or is silent, another is
 * asked for what comes behind the last whole event. Events are handed on whole, so that no half of one is anywhere when its connection
 * is gone. Ends, or breaks, as the last connection did when there is no way back.
 */
export class BackgroundBody implements AsyncIterableIterator<Uint8Array> {
  readonly #attempt: Attempt;
  readonly #look: Look;
  readonly #place = new ResponsePlace();
  readonly #looks: Looks;
  /** One for all: it is given whole events. */
  readonly #parser = new SseParser();
  #bytes: ByteReader;
  #events = new WholeEvents();
  /** Why no more is read from this connection. */
  #broken: TransportError | undefined;
  /** What broke the connection before this one. */
  #before: TransportError | undefined;
  #end: { readonly error?: unknown } | undefined;

  constructor(bytes: ByteReader, attempt: Attempt, look: Look) {
    this.#bytes = bytes;
    this.#attempt = attempt;
    this.#look = look;
    this.#looks = new Looks(attempt.reading.signal);
    attempt.context.get(receiver)?.({ onSilence: (error) => this.#isSilent(error) });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Next> {
    while (this.#end === undefined) {
      const value = await this.#more();
      if (value.length > 0) return { done: false, value };
    }
    if (this.#end.error !== undefined) throw this.#end.error;
    return { done: true, value: undefined };
  }

  return(): Promise<Next> {
    this.#end ??= {};
    this.#looks.giveUp(new TransportError('cancelled', 'The reader left the stream'));
    this.#bytes.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** What comes next; nothing where only a way back was found, or the end. */
  async #more(): Promise<Uint8Array> {
    const { failures } = this.#attempt;
    let piece: Uint8Array | undefined;
    try {
      if (this.#broken === undefined) piece = await this.#bytes.read();
    } catch (error) {
      this.#broken = failures.thrown(error);
    }
    if (piece !== undefined && this.#broken === undefined) return this.#pass(piece);
    const error = this.#broken;
    const cut = error ?? failures.of('truncated', 'ended its stream before the answer was whole');
    if (await this.#takesUp(cut)) return nothing;
    this.#end ??= { error };
    return this.#events.rest();
  }

  /** The events in a piece that the client has not had. */
  #pass(piece: Uint8Array): Uint8Array {
    const place = this.#place;
    const { after } = place;
    const passed: Uint8Array[] = [];
    for (const bytes of this.#events.take(piece)) {
      const standing = this.#standingOf(bytes);
      if (standing === 'next' || (standing === 'garbled' && place.id === undefined)) passed.push(bytes);
      else if (standing !== 'known') {
        this.#leave(standing);
        break;
      }
    }
    if (place.after > after) this.#looks.restore();
    if (this.#events.size > mostHeld) place.isFinal = true;
    // What will not be asked for again need not be whole.
    if (place.isFinal) passed.push(this.#events.rest());
    return passed.length === 1 ? (passed[0] as Uint8Array) : joined(passed);
  }

  #standingOf(bytes: Uint8Array): Standing {
    const [event] = this.#parser.push(bytes);
    return event === undefined ? 'next' : this.#place.take(event);
  }

  /** Lets go of a connection by which came what is of no use. */
  #leave(standing: 'astray' | 'garbled'): void {
    this.#bytes.cancel();
    this.#events = new WholeEvents();
    if (standing === 'astray') this.#end = { error: this.#before };
    else this.#broken = this.#attempt.failures.of('bad_response', 'sent an event that is not JSON');
  }

  /** Another connection, if there is one to be had, after what has happened to this one. */
  async #takesUp(cut: TransportError): Promise<boolean> {
    const { id, after, isBegun } = this.#place;
    if (id === undefined || this.#end !== undefined) return false;
    const { context, place } = this.#attempt;
    this.#bytes.cancel();
    const look = (signal: AbortSignal): Promise<ByteReader> => {
      // Each look has all the time of a silence. Before the answer has begun that would be told as its beginning.
      if (isBegun) context.received(goesOn);
      return this.#look(id, after, signal);
    };
    try {
      this.#bytes = await this.#looks.find(look, cut);
    } catch {
      return false;
    }
    // While it was asked for, the reader may have left.
    if (this.#end !== undefined) this.#bytes.cancel();
    this.#events = new WholeEvents();
    this.#place.takenUp();
    this.#before = cut;
    this.#broken = undefined;
    // Before there is anything to see, there is no seam.
    if (isBegun) context.publish({ type: 'resume', mode: 'continue', provider: place.name, code: cut.code });
    return true;
  }

  /** Nothing has come for too long. True when something is done about it. */
  #isSilent(error: TransportError): boolean {
    if (this.#place.id === undefined || this.#end !== undefined) return false;
    if (this.#looks.giveUp(error)) return true;
    this.#broken = error;
    this.#bytes.cancel();
    return true;
  }
}

const nothing = new Uint8Array();
