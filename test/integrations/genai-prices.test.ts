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
    expect(asked[1]?.usage).toMatchObject({ input_tokens: 40, cache_read_tokens: 40 });
  });

  it('looks a model up once an hour, also one that is not there', () => {
    const { asked, calcPrice } = aList();
    const priceOf = genaiPrices(calcPrice);
    for (let count = 0; count < 3; count += 1) {
      expect(priceOf(used({ model: 'gpt-5.5-2026-04-23' }))).toBe(15);
      expect(priceOf(used({ model: 'mystery' }))).toBeUndefined();
    }
    expect(asked.filter(({ model }) => model === 'mystery').length).toBe(1);
    // Priced anew each time, for what was found.
    expect(asked.slice(-1)).toMatchObject([{ model: 'gpt-5.5', where: { providerId: 'openai' } }]);
    vi.advanceTimersByTime(3_600_001);
    priceOf(used({ model: 'mystery' }));
    expect(asked.filter(({ model }) => model === 'mystery').length).toBe(2);
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
