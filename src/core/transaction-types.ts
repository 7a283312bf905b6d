import type { ContextKey } from './types.ts';

/** Where answers are kept, as text: a `Map` that may be slow. Any `Keyv` is one. */
export interface TransactionStore {
  /** What is kept under the key; `undefined` when nothing is. */
  get(key: string): unknown;
  /** Keeps a value for so many milliseconds. */
  set(key: string, value: string, ttlMs: number): unknown;
  /** Forgets it: what was kept cannot be read. */
  delete(key: string): unknown;
}

export interface TransactionOptions {
  /** Milliseconds for which an answer is kept for calls with its id. 0: only calls under way are joined. @default 300_000 */
  readonly replayMs?: number;
  /** Answers that are kept in process; the one that was not asked for the longest goes first. @default 1_000 */
  readonly maxEntries?: number;
  /** Characters of answers that are kept in process. @default 16_777_216 */
  readonly maxCharacters?: number;
  /** Where answers are kept instead, so that another process, or this one after a restart, can replay them: `new Keyv(…)`. @default in process */
  readonly store?: TransactionStore;
  /** Milliseconds that a call waits for the store; then it goes without. @default 1_000 */
  readonly storeTimeoutMs?: number;
  /**
   * Ids are told apart by the value of this key: one tenant's id never meets another's. A value that is no string is `invalid_request`.
   * Without such a key all calls share their ids.
   */
  readonly by?: ContextKey<string>;
}
