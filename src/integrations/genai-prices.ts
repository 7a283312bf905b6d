import type { PricedUsage, PriceOf } from '../core/accounting-types.ts';
import { OptionsError } from '../core/errors.ts';

/** What a price list says of an attempt, as far as it is read here. */
export interface CalculatedPrice {
  /** US dollars. */
  readonly total_price: number;
  /** The model that was found, and the names that it is found by. */
  readonly model: { readonly id: string; readonly match?: unknown };
  /** Whose model. */
  readonly provider: { readonly id: string };
}

/** `calcPrice` of `@pydantic/genai-prices`, as far as it is used here. */
export type CalcPrice = (
  usage: { [unit: string]: number | undefined },
  modelId: string,
  options?: Where,
) => CalculatedPrice | null;

/** Where a model is looked for: at a vendor, or at whoever's address it is. */
interface Where {
  readonly providerId?: string;
  readonly providerApiUrl?: string;
}

/** The vendors that adapters of ours talk to by themselves, in the list's words. */
const vendors: Readonly<Record<string, string>> = {
  openai: 'openai',
  'openai-responses': 'openai',
  anthropic: 'anthropic',
  google: 'google',
};

/** Look-ups that are kept, and for how long: a list may be brought up to date meanwhile. To search it takes up to a tenth of a millisecond. */
const mostKept = 1_000;
const keptMs = 3_600_000;

interface Found {
  readonly where: Where;
  readonly model: string;
}

/**
 * The prices of `@pydantic/genai-prices` as a transport's `priceOf`: `priceOf: genaiPrices(calcPrice)`. A model is looked for at the
 * host that is asked, else at the adapter's vendor. The list matches loosely: what it takes for a model that it does not name has no
 * price.
 * Look-ups are kept for an hour.
 *
 * @throws OptionsError when it is not given the list's function
 */
export function genaiPrices(calcPrice: CalcPrice): PriceOf {
  if (typeof calcPrice !== 'function')
    throw new OptionsError(
      'genaiPrices',
      "expected calcPrice: npm install '@pydantic/genai-prices', and import it there",
    );
  const kept = new Map<string, { readonly found: Found | undefined; readonly until: number }>();

  return function genaiPrices(used) {
    const units = unitsOf(used);
    const key = JSON.stringify([used.domain, used.kind, used.model, used.configured]);
    const known = kept.get(key);
    if (known !== undefined && known.until > Date.now())
      return known.found === undefined
        ? undefined
        : calcPrice(units, known.found.model, known.found.where)?.total_price;
    const { price, found } = lookUp(calcPrice, units, used);
    if (kept.size >= mostKept) kept.clear();
    kept.set(key, { found, until: Date.now() + keptMs });
    return price;
  };
}

function lookUp(
  calcPrice: CalcPrice,
  units: ReturnType<typeof unitsOf>,
  used: PricedUsage,
): { readonly price: number | undefined; readonly found: Found | undefined } {
  for (const where of placesOf(used))
    for (const model of new Set([used.model, used.configured])) {
      const price = calcPrice(units, model, where);
      if (price === null || !namesOf(price.model).has(plain(model))) continue;
      // To look at a vendor is quicker than to find out whose host it is.
      const there = { providerId: price.provider.id };
      const isSame = calcPrice(units, model, there)?.total_price === price.total_price;
      return { price: price.total_price, found: { where: isSame ? there : where, model } };
    }
  return { price: undefined, found: undefined };
}

/** A host that the list does not know bills by a list of its own, whoever's wire it speaks. */
function placesOf({ domain, kind }: PricedUsage): readonly Where[] {
  const vendor = vendors[kind];
  if (vendor === undefined && /^[a-z-]+(?:\.[a-z-]+)?$/.test(domain))
    return [{ providerId: domain.split('.')[0] ?? domain }];
  const isHost = /[.:]|^localhost$/.test(domain);
  if (isHost) return [{ providerApiUrl: `https://${domain}` }];
  return vendor === undefined ? [] : [{ providerId: vendor }];
}

const spellings = ['equals', 'starts_with', 'ends_with', 'contains'];
/** Clauses of a match within clauses. */
const deepest = 5;

/** The names that the list itself has for a model. One that only begins as they do may be another model. */
function namesOf({ id, match }: CalculatedPrice['model']): ReadonlySet<string> {
  const names = new Set([plain(id)]);
  const add = (clause: unknown, depth: number): void => {
    if (typeof clause !== 'object' || clause === null || depth > deepest) return;
    for (const [kind, value] of Object.entries(clause)) {
      if (typeof value === 'string' && spellings.includes(kind)) names.add(plain(value));
      else if (Array.isArray(value)) for (const inner of value) add(inner, depth + 1);
    }
  };
  add(match, 0);
  return names;
}

/** A model's name without its vendor before it, and without its date or version after it. */
function plain(model: string): string {
  return model
    .toLowerCase()
    .replace(/^.*\//, '')
    .replace(/(?:[-@]\d{4}-?\d{2}-?\d{2}|-\d{3}|-latest)$/, '');
}

/** Input in all, as here; what was read from a cache and written to it are parts of that. */
function unitsOf({ usage }: PricedUsage): { [unit: string]: number | undefined } {
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteInputTokens = 0 } = usage;
  return {
    input_tokens: Math.max(inputTokens, cachedInputTokens + cacheWriteInputTokens),
    output_tokens: outputTokens,
    ...(cachedInputTokens > 0 && { cache_read_tokens: cachedInputTokens }),
    ...(cacheWriteInputTokens > 0 && { cache_write_tokens: cacheWriteInputTokens }),
  };
}
