import { type Seam, SeamTail } from '../../control/seam.ts';
import { failed } from '../../core/errors.ts';
import type { Chunk } from '../../core/types.ts';

/**
 * Reads a continuation until it is known whether it goes on from the right place: the first chunks behind the seam. `elsewhere`: it does
 * not. `doubtful`: it may, and nobody can tell. `broken`: the stream broke before that was known.
 *
 * @throws TransportError the stream's, when no other attempt can help
 */
export async function restBehind(
  chunks: AsyncIterator<Chunk>,
  seam: Seam,
): Promise<readonly Chunk[] | 'elsewhere' | 'doubtful' | 'broken'> {
  for (;;) {
    let chunk: Chunk;
    try {
      ({ value: chunk } = await chunks.next());
    } catch (error) {
      if (failed(error).retry === 'never') throw error;
      return 'broken';
    }
    // How it thinks about going on is no part of the answer, nor by how many connections it came.
    if (chunk.type === 'reasoning' || chunk.type === 'resume') continue;
    const isText = chunk.type === 'text';
    const isCut = chunk.type === 'finish' && chunk.finishReason !== 'stop';
    const rest = chunk.type === 'text' ? seam.push(chunk.text) : seam.end(chunk.type === 'toolCall', isCut);
    if (rest === false) return seam.isDoubtful ? 'doubtful' : 'elsewhere';
    if (rest === undefined) continue;
    const more = isText ? [] : [chunk];
    return rest === '' ? more : [{ type: 'text', text: rest }, ...more];
  }
}

/** What comes behind the seam, but for what a model says to us alone. */
export class Tail {
  readonly #text = new SeamTail();

  push(...chunks: readonly Chunk[]): Chunk[] {
    return chunks.flatMap((chunk): Chunk[] => {
      if (chunk.type === 'text') return said(this.#text.push(chunk.text));
      return chunk.type === 'resume' ? [chunk] : [...said(this.#text.end()), chunk];
    });
  }
}

function said(text: string): Chunk[] {
  return text === '' ? [] : [{ type: 'text', text }];
}
