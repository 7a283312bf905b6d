import { contextKey } from '../../core/context.ts';
import type { TransportError } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/types.ts';
import type { Incoming } from './incoming.ts';
import type { Head } from './send.ts';

/** An answer that is there whole. */
export class WholeAnswer {
  readonly head: Head;
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(head: Head, bytes: Uint8Array<ArrayBuffer>) {
    this.head = head;
    this.bytes = bytes;
  }
}

/** The first bytes of an answer that comes piece by piece; those that follow come bare. */
export class Piece {
  readonly head: Head;
  readonly bytes: Uint8Array;
  /** The terminal event has come: what may follow is a good-bye. */
  readonly isWhole: () => boolean;

  constructor(head: Head, bytes: Uint8Array, isWhole: () => boolean) {
    this.head = head;
    this.bytes = bytes;
    this.isWhole = isWhole;
  }
}

/** The client's request, while it travels through the pipeline to whoever is asked. */
export class Errand {
  readonly incoming: Incoming;
  /** The caller's words: no error repeats them. */
  readonly texts: readonly string[];
  /** How often the client has asked again by itself, when that is to be told. */
  clientRetries: number;
  readonly #kept = new Map<string, { readonly code: ErrorCode; readonly answer: WholeAnswer }>();

  constructor(incoming: Incoming, texts: readonly string[], clientRetries: number) {
    this.incoming = incoming;
    this.texts = texts;
    this.clientRetries = clientRetries;
  }

  /** Keeps an answer that the pipeline takes for an error: in the end it may be what the client should see. */
  keep(provider: string, { code }: TransportError, answer: WholeAnswer): void {
    this.#kept.set(provider, { code, answer });
  }

  /** The provider's own answer behind an error. */
  answerBehind({ provider = '', code }: TransportError): WholeAnswer | undefined {
    const kept = this.#kept.get(provider);
    return kept?.code === code ? kept.answer : undefined;
  }
}

/** Where the errand travels. */
export const errand = contextKey<Errand | undefined>('errand', undefined);
