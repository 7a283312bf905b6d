import type { Call } from '../harness.ts';

/** How a row is called: for a whole answer, for a stream of the usual length, for a long one. */
export const kinds = ['unary', 'stream', 'long'] as const;
export type Kind = (typeof kinds)[number];

/** A line of a table: what is called, and the ways in which it can be. */
export interface Row {
  readonly label: string;
  readonly calls: { readonly [K in Kind]?: Call };
}

/** Rows that can be compared: around the same stub. The first is the one that the others are compared with. */
export interface Table {
  readonly title: string;
  /** What is the same for all rows, for the reader. */
  readonly note: string;
  /** Chunks that a long stream has more than a usual one. */
  readonly moreChunks: number;
  readonly rows: readonly Row[];
}

/** Reads a stream to its end, as a caller would. Returns how many pieces there were. */
export async function readOut(stream: AsyncIterable<unknown>): Promise<number> {
  let pieces = 0;
  for await (const _ of stream) pieces += 1;
  return pieces;
}
