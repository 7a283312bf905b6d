import type { TransportEvent } from '../core/events.ts';
import { hashOf } from './answer.ts';

/** A number of all events, and of what they say. */
export class SimulationLog {
  #low = 0x811c9dc5;
  #high = 0x01000193;
  #events = 0;
  /** Of types, providers, outcomes and the like: there are few. */
  readonly #hashes = new Map<string, number>();

  get text(): string {
    return `${this.#events}-${(this.#low >>> 0).toString(16)}${(this.#high >>> 0).toString(16)}`;
  }

  add(event: TransportEvent, idHash: number): void {
    this.#events += 1;
    this.#mix(idHash);
    this.#addFields(event);
    if ('ledger' in event) this.#addFields(event.ledger);
  }

  #addFields(fields: object): void {
    for (const key in fields) {
      const value = (fields as Readonly<Record<string, unknown>>)[key];
      if (typeof value === 'number') this.#addNumber(value);
      else if (typeof value === 'string' && key !== 'transactionId') this.#mix(this.#hashOf(value));
    }
  }

  #addNumber(value: number): void {
    this.#mix(value | 0);
    // Whole, and small: that was all of it.
    if ((value | 0) !== value) this.#mix(((value % 1) * 2 ** 32) ^ Math.floor(value / 2 ** 32));
  }

  #hashOf(text: string): number {
    const known = this.#hashes.get(text);
    if (known !== undefined) return known;
    const hash = hashOf(text);
    this.#hashes.set(text, hash);
    return hash;
  }

  #mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul(this.#high + value, 0x85ebca6b) ^ this.#low;
  }
}
