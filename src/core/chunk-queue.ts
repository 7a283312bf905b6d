import { sizeOf } from './chunk-source.ts';
import type { Chunk } from './types.ts';

/** The chunks that have come and are not read yet. */
export class ChunkQueue {
  /** Characters in it. */
  size = 0;
  #chunks: Chunk[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  push(chunk: Chunk): void {
    this.#chunks.push(chunk);
    this.size += sizeOf(chunk);
  }

  take(): Chunk | undefined {
    const chunk = this.#chunks[this.#head];
    if (chunk === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#chunks.length) this.clear();
    else this.size -= sizeOf(chunk);
    return chunk;
  }

  /** All of them; they are no longer in it. */
  clear(): readonly Chunk[] {
    const chunks = this.#chunks;
    const rest = this.#head === 0 ? chunks : chunks.slice(this.#head);
    this.#chunks = [];
    this.#head = 0;
    this.size = 0;
    return rest;
  }
}
