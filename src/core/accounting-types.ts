/**
 * The contract's part about accounts: the ledger, what was used, what it costs, and what may be spent. Types only; nothing here runs.
 */

import type { ContextKey, ErrorCode, Usage } from './types.ts';

/** One line of the ledger: one try at one provider. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  /**
   * Why it was made. `retry`: again at the same provider as the last. `failover`: at another one. `hedge`: beside one that was slow.
   * `resume`: after a stream that broke when a part of it had been delivered.
   */
  readonly reason: 'first' | 'retry' | 'failover' | 'hedge' | 'resume';
  /** The provider's name. */
  readonly provider: string;
  /** The model, as the provider names it once it has answered. */
  readonly model: string;
  /** Epoch milliseconds: when it was sent. */
  readonly startedAt: number;
  /** Milliseconds in line before it was sent. */
  readonly waitMs: number;
  /** Milliseconds from sending to the first content; `undefined` until then. */
  readonly firstContentMs: number | undefined;
  /** Milliseconds from sending to the end; `undefined` while it runs. */
  readonly durationMs: number | undefined;
  /** `ok`, the code of its error, or `abandoned`: it was not needed any more. `undefined` while it runs. */
  readonly outcome: 'ok' | 'abandoned' | ErrorCode | undefined;
  /** Tokens; `undefined` when nothing was heard of any. */
  readonly usage: Usage | undefined;
  /** The provider did not tell its usage; the one here is an estimate. */
  readonly usageEstimated: boolean;
  /** US dollars; `undefined` when the price is not known. */
  readonly cost: number | undefined;
  /** Sent, so possibly billed, whatever came back. `false` only when it is certain that nothing has left: nobody listened, say. */
  readonly mayBeBilled: boolean;
  /** The provider's id of the request, for its support. */
  readonly providerRequestId: string | undefined;
}

/** What attempts have used and cost, in sum. */
export interface UsageSum {
  /** Attempts that have ended, whatever became of them. */
  readonly attempts: number;
  /** Of them, those that the provider has not told the usage of: their tokens are estimates. */
  readonly estimated: number;
  /** Of them, those without any usage: refused, or broken before anything was heard. */
  readonly unreported: number;
  /** Of them, those whose price is not known: they are not in `cost`. */
  readonly unpriced: number;
  /** US dollars. */
  readonly cost: number;
  /** All of the input, cached tokens too. */
  readonly inputTokens: number;
  /** All of the output, reasoning too. */
  readonly outputTokens: number;
  /** Of the input, those that were read from a cache. */
  readonly cachedInputTokens: number;
  /** Of the input, those that were written to a cache. */
  readonly cacheWriteInputTokens: number;
  /** Of the output, those of reasoning. */
  readonly reasoningTokens: number;
}

/** The sum of one provider, model, or value of a metadata key. */
export interface UsageGroup extends UsageSum {
  /** Whose sum. `undefined`: of calls without that key, and of whatever came after the first 1,000 values. */
  readonly key: string | number | boolean | undefined;
}

/** What usage is summed up by: the provider's name, the model, or a key of the requests' `metadata`. */
export type UsageBy = 'provider' | 'model' | { readonly metadata: string };

/** What may be spent, by whom, and in which time: `dollars`, `tokens`, or both. */
export interface BudgetOptions {
  /** US dollars. Every provider needs a price then: its `traits.price`, or the transport's `priceOf`. @default Infinity */
  readonly dollars?: number;
  /** Tokens, input and output together. @default Infinity */
  readonly tokens?: number;
  /** Each value of this key has a budget of its own; one that is no string is `invalid_request`. Without one, all calls share the budget. */
  readonly by?: ContextKey<string>;
  /** Milliseconds after which the budget is whole again, in periods since 1970: 86,400,000 is a day in UTC. @default Infinity */
  readonly everyMs?: number;
  /** Tokens reserved for an answer, where neither the request nor the traits have a `maxOutputTokens`. @default 8_192 */
  readonly outputTokens?: number;
  /** So much more than it is estimated at is reserved for a prompt. @default 0.25 */
  readonly marginRatio?: number;
}

/** How one budget stands. */
export interface BudgetState {
  /** Whose it is: a value of the key `by`; empty when all calls share one. */
  readonly key: string;
  /** What attempts have used in this period. */
  readonly spent: { readonly dollars: number; readonly tokens: number };
  /** What is set aside for those under way. */
  readonly reserved: { readonly dollars: number; readonly tokens: number };
}

/** What is to be priced. */
export interface PricedUsage {
  /** The provider's name. */
  readonly provider: string;
  /** Its failure domain: the vendor, or the host. */
  readonly domain: string;
  /** The adapter's kind: 'openai', 'anthropic', … */
  readonly kind: string;
  /** The model, as the provider names it once it has answered. */
  readonly model: string;
  /** The model that the provider was made with. */
  readonly configured: string;
  /** The tokens. */
  readonly usage: Usage;
}

/** Knows what tokens cost: US dollars, or `undefined` when it does not know. */
export type PriceOf = (used: PricedUsage) => number | undefined;
