import type { Chunk } from './types.ts';

/** An item of a foreign stream, and what is known of it. */
export interface RawChunk {
  readonly type: 'raw';
  readonly value: unknown;
  /** The text in it: for who has to say what had come. */
  readonly text?: string;
  /** The reasoning in it. */
  readonly reasoning?: string;
  /** What it counts for in what is read ahead, in bytes or characters. */
  readonly size?: number;
  /** It has to pass, but is no content: no answer, and no progress. */
  readonly isQuiet?: boolean;
}

/** A source that calls back: a promise made for each chunk costs more than all that is done with it. */
export interface CallingSource extends AsyncIterator<Chunk> {
  /** Calls one of the two, once, in a later turn than this one. `undefined`: it is over. */
  nextInto(came: (chunk: Chunk | undefined) => void, broke: (error: unknown) => void): void;
}

/** A source that has to know whether only the text of what it gives is read. */
export interface TextSource {
  readAsText(isTextOnly: () => boolean): void;
}

/** What an item of a wrapped function's own stream counts for, whose size is unknown. */
const rawSize = 512;

/** What a chunk counts for, in characters. */
export function sizeOf(chunk: Chunk): number {
  if (chunk.type === 'text' || chunk.type === 'reasoning') return chunk.text.length;
  return (chunk as RawChunk).size ?? rawSize;
}

/** True for a text with nothing in it. */
export function isEmpty(chunk: Chunk): boolean {
  return (chunk.type === 'text' || chunk.type === 'reasoning') && chunk.text === '';
}
