import type { CalcPrice } from 'llm-transport/integrations/genai-prices';

/** A price list of one model, which answers as `calcPrice` of `@pydantic/genai-prices` does. */
export const calcPrice: CalcPrice = ({ input_tokens = 0, output_tokens = 0 }, modelId) =>
  modelId === 'gpt-5.5'
    ? {
        total_price: (input_tokens * 5 + output_tokens * 30) / 1_000_000,
        model: { id: modelId },
        provider: { id: 'openai' },
      }
    : null;
