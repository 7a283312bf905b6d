import { createTransport } from 'llm-transport';
// #region usage
import { genaiPrices } from 'llm-transport/integrations/genai-prices';
import { simulated } from 'llm-transport/testing';
// A stand-in, so that this runs without the list: of the package, `import { calcPrice } from '@pydantic/genai-prices'`.
import { calcPrice } from './price-list/calc-price.ts';

const llm = createTransport({
  providers: [simulated({ domain: 'openai', model: 'gpt-5.5' })],
  priceOf: genaiPrices(calcPrice),
});
const { cost } = await llm.complete({ prompt: 'Hello' });
console.log(cost, llm.usage('model')); // US dollars, by the list
// #endregion

await llm.close();
