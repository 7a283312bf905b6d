// #region usage
import { calcPrice } from '@pydantic/genai-prices';
import { createTransport } from 'llm-transport';
import { genaiPrices } from 'llm-transport/integrations/genai-prices';
import { simulated } from 'llm-transport/testing';

const llm = createTransport({
  providers: [simulated({ domain: 'api.openai.com', model: 'gpt-5.5' })],
  priceOf: genaiPrices(calcPrice),
});
const { cost } = await llm.complete({ prompt: 'Hello' });
console.log(cost, llm.usage('model')); // US dollars, by the list
// #endregion

await llm.close();
