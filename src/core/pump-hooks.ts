import type { TransportError } from './errors.ts';
import type { ProviderAnswer } from './types.ts';

/** What the owner of a pump is told. */
export interface PumpHooks {
  /** The source is asked for the next chunk. */
  pulling?(): void;
  /** A chunk with content has come. In the same turn either `pulling` or `paused` follows, or it is over. */
  content?(): void;
  /** The reader is the slow one: the source is not asked. */
  paused?(): void;
  /** The finish chunk has come: makes the error of an answer that is none, or `undefined`. `raw`: items of a foreign stream passed. */
  judge?(answer: ProviderAnswer, raw: boolean): TransportError | undefined;
  /** What the source threw, as the error to end with. */
  clean?(error: unknown): TransportError;
  /** Over. Called once. */
  settled(end: { readonly answer: ProviderAnswer } | { readonly error: TransportError }): void;
}
