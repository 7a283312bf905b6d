import { joined } from './send.ts';

const lf = 10;
const cr = 13;

/**
 * Cuts the bytes of a text/event-stream behind each blank line, whichever way its lines end: an event is given when it is whole, with
 * all of its bytes.
 */
export class WholeEvents {
  #begun: Uint8Array[] = [];
  /** Bytes of an event that is not whole. */
  size = 0;
  #last = 0;
  /** There is nothing in the line so far. */
  #isBlank = true;
  /** A blank line has ended in CR: an LF that comes next belongs to it. */
  #awaitsLf = false;

  /** The events that end within `piece`. */
  take(piece: Uint8Array): Uint8Array[] {
    const events: Uint8Array[] = [];
    let from = 0;
    const cut = (to: number): void => {
      events.push(this.#whole(piece.subarray(from, to)));
      from = to;
    };
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at] as number;
      if (this.#awaitsLf) {
        this.#awaitsLf = false;
        cut(byte === lf ? at + 1 : at);
      } else if (byte === lf && this.#isBlank && this.#last !== cr) cut(at + 1);
      else if (byte === cr && this.#isBlank) {
        // Where lines end in CR alone, no LF will come.
        if (this.#last === cr) cut(at + 1);
        else this.#awaitsLf = true;
      }
      this.#isBlank = byte === lf || byte === cr;
      this.#last = byte;
    }
    if (from < piece.length) this.#begun.push(piece.subarray(from));
    this.size += piece.length - from;
    return events;
  }

  /** The bytes of the event that is not whole. They are not given again. */
  rest(): Uint8Array {
    return this.#whole(new Uint8Array());
  }

  #whole(end: Uint8Array): Uint8Array {
    if (this.size === 0) return end;
    const whole = joined([...this.#begun, end]);
    this.#begun = [];
    this.size = 0;
    return whole;
  }
}
