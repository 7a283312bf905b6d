import type { Times } from './harness.ts';
import type { LoopbackResult } from './loopback.ts';

/** What a worker measures. */
export const parts = ['time', 'bytes', 'loopback'] as const;
export type Part = (typeof parts)[number];

/** What a worker tells. */
export type FromWorker =
  | { readonly progress: { readonly part: Part; readonly done: number; readonly of: number } }
  | { readonly times: readonly (readonly [string, Times])[] }
  | { readonly bytes: readonly (readonly [string, number])[] }
  | { readonly loopback: readonly LoopbackResult[] };

/** All that was measured. Calls go by the names that `rows/tables.ts` gives them. */
export interface Results {
  readonly times: ReadonlyMap<string, Times>;
  readonly bytes: ReadonlyMap<string, number>;
  readonly loopback: readonly LoopbackResult[];
}
