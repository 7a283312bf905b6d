import { calcPrice as realCalcPrice } from '@pydantic/genai-prices';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PricedUsage } from '../../src/core/accounting-types.ts';
import { OptionsError } from '../../src/index.ts';
import { type CalcPrice, genaiPrices } from '../../src/integrations/genai-prices.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

/** What each vendor's models are found as. The list takes a model that it does not know for the one before. */
const list: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  openai: [[/^gpt-5\.5/, 'gpt-5.5']],
  anthropic: [[/^claude-sonnet-5/, 'claude-sonnet-5']],
  openrouter: [[/^openai\/gpt-5\.5/, 'openai/gpt-5.5']],
};
const hosts: Readonly<Record<string, string>> = {
  'https://api.openai.com': 'openai',
  'https://openrouter.ai': 'openrouter',
};

/** A price list that notes what it is asked: it answers as the package does, a dollar a token. */
function aList() {
  const asked: { usage: object; model: string; where: object | undefined }[] = [];
  const calcPrice: CalcPrice = (usage, model, where) => {
    asked.push({ usage, model, where });
    const id = where?.providerId ?? hosts[where?.providerApiUrl ?? ''] ?? '';
    const found = list[id]?.find(([pattern]) => pattern.test(model));
    if (found === undefined) return null;
    return {
      total_price: (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0),
      model: { id: found[1] },
      provider: { id },
    };
  };
  return { asked, calcPrice };
}

const usage = { inputTokens: 10, outputTokens: 5 };

function used(fields: Partial<PricedUsage>): PricedUsage {
  const model = fields.model ?? 'gpt-5.5';
  return { provider: 'mine', domain: 'api.openai.com', kind: 'openai', model, configured: model, usage, ...fields };
}

describe('genaiPrices', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each<[string, Partial<PricedUsage>, number | undefined]>([
    ['at its host', {}, 15],
    ['with a date after its name', { model: 'gpt-5.5-2026-04-23' }, 15],
    ['at a host that sells others', { domain: 'openrouter.ai', model: 'openai/gpt-5.5' }, 15],
    ['behind a domain that is no host', { domain: 'primary' }, 15],
    ['of the Responses', { domain: 'primary', kind: 'openai-responses' }, 15],
    ['of the AI SDK', { domain: 'openai.chat', kind: 'ai-sdk' }, 15],
    ['by the name it was made with', { model: 'internal-name', configured: 'gpt-5.5' }, 15],
    [
      'not, when the list takes it for another',
      { kind: 'anthropic', domain: 'claude', model: 'claude-sonnet-5-5' },
      undefined,
    ],
    ['not, at a host that the list does not know', { domain: 'models.example.com' }, undefined],
    ['not, on this machine', { domain: 'localhost:8000' }, undefined],
    ['not, when nobody knows it', { model: 'mystery' }, undefined],
    ['not, of a function of yours', { kind: 'callable', domain: 'mine' }, undefined],
  ])('finds a model %s', (_, fields, price) => {
    expect(genaiPrices(aList().calcPrice)(used(fields))).toBe(price);
  });

  it('hands on what was cached as parts of the input', () => {
    const { asked, calcPrice } = aList();
    genaiPrices(calcPrice)(used({ usage: { ...usage, cachedInputTokens: 4, cacheWriteInputTokens: 3 } }));
    expect(asked[0]?.usage).toEqual({
      input_tokens: 10,
      output_tokens: 5,
      cache_read_tokens: 4,
      cache_write_tokens: 3,
    });
    // The list throws when there are more of them.
    genaiPrices(calcPrice)(used({ usage: { ...usage, cachedInputTokens: 40 } }));
    expect(asked.at(-1)?.usage).toMatchObject({ input_tokens: 40, cache_read_tokens: 40 });
  });

  it('looks a model up once an hour, also one that is not there', () => {
    const { asked, calcPrice } = aList();
    const priceOf = genaiPrices(calcPrice);
    for (let count = 0; count < 3; count += 1) {
      expect(priceOf(used({ model: 'gpt-5.5-2026-04-23' }))).toBe(15);
      expect(priceOf(used({ model: 'mystery' }))).toBeUndefined();
    }
    expect(asked.filter(({ model }) => model === 'mystery').length).toBe(1);
    // Priced anew each time, at the vendor that was found.
    expect(asked.slice(-1)).toMatchObject([{ model: 'gpt-5.5-2026-04-23', where: { providerId: 'openai' } }]);
    vi.advanceTimersByTime(3_600_001);
    priceOf(used({ model: 'mystery' }));
    expect(asked.filter(({ model }) => model === 'mystery').length).toBe(2);
  });

  it('prices a model by every name that the list has for it, the second time too', () => {
    const calcPrice: CalcPrice = (usage, model) =>
      ['sonnet-latest', 'sonnet-4-20250514', 'sonnet-4-thinking'].includes(model)
        ? {
            total_price: usage.input_tokens ?? 0,
            // The list does not find every model by its own id.
            model: {
              id: 'sonnet-4-0',
              match: { or: [{ equals: 'sonnet-latest' }, { and: [{ starts_with: 'sonnet-4' }] }] },
            },
            provider: { id: 'anthropic' },
          }
        : null;
    const priceOf = genaiPrices(calcPrice);
    for (let time = 0; time < 2; time += 1) {
      expect(priceOf(used({ model: 'sonnet-latest' }))).toBe(10);
      expect(priceOf(used({ model: 'sonnet-4-20250514' }))).toBe(10);
      expect(priceOf(used({ model: 'sonnet-4-thinking' }))).toBeUndefined();
    }
  });

  it('does not fill the memory', () => {
    const { asked, calcPrice } = aList();
    const priceOf = genaiPrices(calcPrice);
    for (let id = 0; id < 1_001; id += 1) priceOf(used({ model: `m-${id}` }));
    const before = asked.length;
    priceOf(used({ model: 'm-0' }));
    expect(asked.length).toBe(before + 1);
  });

  it('prices the attempts of a transport, after their traits', async () => {
    const priceOf = genaiPrices(aList().calcPrice);
    const a = simulated({ domain: 'openai', model: 'gpt-5.5' });
    const llm = createTransport({ providers: [a], priceOf });
    expect((await llm.complete({ prompt: 'Hello' })).cost).toBe(61);
    const b = simulated({ domain: 'openai', model: 'gpt-5.5', traits: { price: { input: 0, output: 0 } } });
    expect((await createTransport({ providers: [b], priceOf }).complete({ prompt: 'Hello' })).cost).toBe(0);
  });

  it('says what it wants', () => {
    expect(() => genaiPrices(undefined as never)).toThrow(OptionsError);
    expect(() => genaiPrices({} as never)).toThrow(/npm install '@pydantic\/genai-prices'/);
  });
});

/** What this adapter believes of the package, held against the package. */
describe('genaiPrices, of the real list', () => {
  const tokens = { inputTokens: 2_000_000, outputTokens: 1_000_000 };
  /** US dollars for a small prompt, in which no tier of prices for long ones plays a part. */
  const small = (fields: Partial<PricedUsage>) =>
    genaiPrices(realCalcPrice)(used({ usage: { inputTokens: 2_000, outputTokens: 1_000 }, ...fields }));
  const known: readonly [string, string, string][] = [
    ['api.openai.com', 'openai', 'gpt-4o'],
    ['api.openai.com', 'openai', 'gpt-4o-mini-2024-07-18'],
    ['api.openai.com', 'openai-responses', 'gpt-5.5'],
    ['api.openai.com', 'openai', 'gpt-4-0613'],
    ['mine.openai.azure.com', 'openai', 'gpt-4o-2024-08-06'],
    ['api.anthropic.com', 'anthropic', 'claude-sonnet-4-5-20250929'],
    ['api.anthropic.com', 'anthropic', 'claude-sonnet-4-20250514'],
    ['api.anthropic.com', 'anthropic', 'claude-sonnet-5'],
    ['generativelanguage.googleapis.com', 'google', 'gemini-2.5-flash'],
    ['generativelanguage.googleapis.com', 'google', 'gemini-2.5-pro'],
    ['openrouter.ai', 'openai', 'openai/gpt-4o'],
    ['api.groq.com', 'openai', 'llama-3.3-70b-versatile'],
    ['api.mistral.ai', 'openai', 'codestral-latest'],
    ['api.x.ai', 'openai', 'grok-4'],
    ['api.deepseek.com', 'openai', 'deepseek-chat'],
    ['openai.responses', 'ai-sdk', 'gpt-5.5'],
    ['anthropic.messages', 'ai-sdk', 'claude-sonnet-5'],
  ];

  it('is of the shape that is read here', () => {
    const found = realCalcPrice({ input_tokens: 1_000, output_tokens: 100 }, 'gpt-4o', { providerId: 'openai' });
    expect(found).toMatchObject({
      total_price: expect.any(Number),
      model: { id: 'gpt-4o' },
      provider: { id: 'openai' },
    });
    // Names are in here, in these words.
    expect(JSON.stringify(found?.model.match)).toMatch(/"equals":"gpt-4o"/);
    expect(realCalcPrice({ input_tokens: 1 }, 'no such model', { providerId: 'openai' })).toBeNull();
    expect(realCalcPrice({ input_tokens: 1 }, 'gpt-4o', { providerId: 'nobody' })).toBeNull();
    expect(realCalcPrice({ input_tokens: 1 }, 'gpt-4o', { providerApiUrl: 'https://models.example.com' })).toBeNull();
    // What was read from a cache is a part of the input.
    const cached = { input_tokens: 1, cache_read_tokens: 2 };
    expect(() => realCalcPrice(cached, 'gpt-4o', { providerId: 'openai' })).toThrow(/cannot exceed/);
  });

  it.each(known)('prices, at %s, by the adapter %s, %s', (domain, kind, model) => {
    const [first, second] = [small({ domain, kind, model }), small({ domain, kind, model })];
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(1);
    expect(second).toBe(first);
  });

  it('prices the second time as the first', () => {
    const priceOf = genaiPrices(realCalcPrice);
    for (const [domain, kind, model] of known) {
      const first = priceOf(used({ domain, kind, model, usage: tokens }));
      expect({ model, cost: priceOf(used({ domain, kind, model, usage: tokens })) }).toEqual({ model, cost: first });
    }
  });

  it('makes cached tokens cheaper', () => {
    const cached = { inputTokens: 2_000, outputTokens: 1_000, cachedInputTokens: 1_500 };
    expect(small({ model: 'gpt-4o', usage: cached })).toBeLessThan(small({ model: 'gpt-4o' }) as number);
  });

  it.each<[string, Partial<PricedUsage>]>([
    [
      'takes the model before for the one after it',
      { kind: 'anthropic', domain: 'api.anthropic.com', model: 'claude-sonnet-5-5' },
    ],
    [
      'takes a variant for the model',
      { kind: 'anthropic', domain: 'api.anthropic.com', model: 'claude-haiku-4-5-turbo' },
    ],
  ])('does not guess, where the list %s', (_, fields) => {
    const where = { providerApiUrl: `https://${fields.domain}` };
    expect(realCalcPrice({ input_tokens: 1_000 }, fields.model as string, where)).not.toBeNull();
    expect(small(fields)).toBeUndefined();
  });

  it('does not price what the list does not know', () => {
    expect(small({ model: 'no such model' })).toBeUndefined();
    expect(small({ domain: 'localhost:8000', model: 'gpt-4o' })).toBeUndefined();
    expect(small({ domain: 'models.example.com', model: 'gpt-4o' })).toBeUndefined();
    expect(small({ domain: 'mine', kind: 'callable', model: 'gpt-4o' })).toBeUndefined();
  });

  it('prices a transport', async () => {
    const a = simulated({ domain: 'api.openai.com', model: 'gpt-4o', words: 100 });
    const llm = createTransport({ providers: [a], priceOf: genaiPrices(realCalcPrice) });
    const { usage: one, cost } = await llm.complete({ prompt: 'Hello' });
    expect(cost).toBeCloseTo(((one?.inputTokens ?? 0) * 2.5 + (one?.outputTokens ?? 0) * 10) / 1e6, 9);
    await llm.close();
  });
});
