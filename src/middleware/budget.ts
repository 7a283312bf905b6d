import type { BudgetOptions, BudgetState } from '../core/accounting-types.ts';
import { callOf } from '../core/context.ts';
import { OptionsError, TransportError } from '../core/errors.ts';
import { costOf, estimateTokens, wideTokens } from '../core/estimate.ts';
import { checkNames } from '../core/option-names.ts';
import { ownerIn } from '../core/owner.ts';
import type { Candidate, CompletionRequest, Context, Middleware, Reply, Usage } from '../core/types.ts';
import { type Amount, BudgetAccounts } from './budget/accounts.ts';

/** The options that are not given. */
export const budgetDefaults = {
  dollars: Number.POSITIVE_INFINITY,
  tokens: Number.POSITIVE_INFINITY,
  everyMs: Number.POSITIVE_INFINITY,
  outputTokens: 8_192,
  marginRatio: 0.25,
};

/** A budget: middleware for `useEach`, which tells how it stands. */
export interface Budget extends Middleware {
  /** The budgets of this period that something was spent of, or is reserved in. */
  state(): readonly BudgetState[];
}

/**
 * A limit to what is spent, in dollars or tokens, by all calls together or by each tenant, for ever or in each period. Before an
 * attempt is sent, the most that it may come to is reserved: its prompt, and all of the answer that it may have. When it is over, what
 * the ledger says takes the place of that, on every way out. An attempt that does not fit is not sent, and its call rejects with
 * `budget_exceeded`: what it wants, what is left, and, in `retryAfterMs`, when the next period begins that it would fit into.
 *
 * It counts attempts, retries and hedges too, so it belongs into `useEach`. Several transports may be given the same budget.
 *
 * @throws OptionsError when an option is wrong, naming it; when it is put into `use`
 */
export function budget(options: BudgetOptions): Budget {
  checkBudget(options);
  const {
    dollars = budgetDefaults.dollars,
    tokens = budgetDefaults.tokens,
    everyMs = budgetDefaults.everyMs,
    by,
  } = options;
  const accounts = new BudgetAccounts({ dollars, tokens }, everyMs);
  const needsPrice = dollars !== Number.POSITIVE_INFINITY;

  const layer: Middleware = function budget(next, { provider }) {
    if (provider === undefined) throw new OptionsError('use', 'budget() counts attempts: put it into useEach');
    const { name } = provider;
    const exceeded = (says: string, fields: { retry?: 'elsewhere'; retryAfterMs?: number | undefined }) =>
      new TransportError('budget_exceeded', `${says}; nothing was sent`, { provider: name, ...fields });

    return async (request, context) => {
      const most = mostOf(request, context, provider, options);
      if (needsPrice && most.dollars === undefined)
        throw exceeded(`What ${name} costs is not known, and the budget is in dollars`, { retry: 'elsewhere' });
      const wanted = { dollars: most.dollars ?? 0, tokens: most.tokens };
      const key = by === undefined ? '' : ownerIn(context, by, 'by of budget()');
      const account = accounts.of(key);
      if (!account.reserve(wanted)) {
        const { spent, reserved } = account;
        const left = { dollars: account.left('dollars'), tokens: account.left('tokens') };
        accounts.release(key, account);
        context.publish({ type: 'budget:refuse', provider: name, key, wanted, spent, reserved });
        const says = unit(wanted, left);
        // In no period is there more than all of it.
        const isTooMuch = wanted.dollars > dollars || wanted.tokens > tokens;
        throw exceeded(`The budget does not cover an attempt at ${name}, which may come to ${says}`, {
          retryAfterMs: isTooMuch ? undefined : accounts.leftMs,
        });
      }
      const settle = (): void => {
        account.settle(wanted, usedBy(context, wanted));
        accounts.release(key, account);
      };
      let reply: Reply;
      try {
        reply = await next(request, context);
      } catch (error) {
        settle();
        throw error;
      }
      void reply.done.then(settle, settle);
      return reply;
    };
  };
  const state = (): BudgetState[] => accounts.all().map(([key, { spent, reserved }]) => ({ key, spent, reserved }));
  return Object.assign(layer, { state });
}

/** What is wanted, and what is left of that: of what there is too little of. */
function unit(wanted: Amount, left: Amount): string {
  if (wanted.tokens > left.tokens) return `${wanted.tokens} tokens, with ${left.tokens} left`;
  return `$${rounded(wanted.dollars)}, with $${rounded(left.dollars)} left`;
}

/** To a millionth of a dollar. */
function rounded(dollars: number): number {
  return Number(dollars.toFixed(6));
}

/** The most that an attempt may come to. `dollars` is `undefined` where the price is not known. */
function mostOf(
  request: CompletionRequest,
  context: Context,
  { name, traits }: Candidate,
  { outputTokens = budgetDefaults.outputTokens, marginRatio = budgetDefaults.marginRatio }: BudgetOptions,
): { readonly dollars: number | undefined; readonly tokens: number } {
  const { accounts } = callOf(context);
  const rough = estimateTokens(request);
  // Never less than the estimate: what was counted before may have been short words.
  const scaled = Math.max(rough.input + wideTokens(request), accounts?.scaleOf(name).of(rough).input ?? 0);
  const input = Math.ceil(scaled * (1 + marginRatio));
  const bound = request.maxOutputTokens ?? traits.maxOutputTokens ?? outputTokens;
  const output = Number.isFinite(bound) ? bound : outputTokens;
  const priced = (usage: Usage): number | undefined =>
    accounts === undefined ? costOf(usage, traits.price) : accounts.priceAt(name, usage);
  const plain = priced({ inputTokens: input, outputTokens: output });
  // To write a prompt to a cache may cost more than to read it.
  const written = priced({ inputTokens: input, outputTokens: output, cacheWriteInputTokens: input });
  const dollars = plain === undefined || written === undefined ? (plain ?? written) : Math.max(plain, written);
  return { dollars, tokens: input + output };
}

/** What the attempt has used, as the ledger says; of one whose line is still open, all that it may. */
function usedBy({ attempts, attempt }: Context, most: Amount): Amount {
  let [dollars, tokens] = [0, 0];
  for (const { number, outcome, usage, cost } of attempts) {
    if (number !== attempt) continue;
    const isOpen = outcome === undefined;
    dollars += isOpen ? most.dollars : (cost ?? most.dollars);
    tokens += isOpen ? most.tokens : (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0);
  }
  return { dollars, tokens };
}

const known = ['dollars', 'tokens', 'by', 'everyMs', 'outputTokens', 'marginRatio'];

function checkBudget(options: BudgetOptions): void {
  checkNames('budget', options, known);
  const { dollars, tokens, everyMs, outputTokens, marginRatio, by } = options;
  if (dollars === undefined && tokens === undefined) throw new OptionsError('budget', 'expected dollars or tokens');
  for (const [name, value] of Object.entries({ dollars, tokens, outputTokens, marginRatio }))
    if (value !== undefined && !(typeof value === 'number' && value >= 0))
      throw new OptionsError(`budget.${name}`, 'expected a number that is not negative');
  for (const [name, value] of Object.entries({ outputTokens, marginRatio }))
    if (value === Number.POSITIVE_INFINITY)
      throw new OptionsError(`budget.${name}`, 'expected a number below Infinity');
  if (everyMs !== undefined && !(typeof everyMs === 'number' && everyMs > 0))
    throw new OptionsError('budget.everyMs', 'expected milliseconds above 0 (Infinity: for ever)');
  if (by !== undefined && typeof by?.id !== 'symbol')
    throw new OptionsError('budget.by', "expected a key, as contextKey('tenant', 'anonymous') makes");
}
