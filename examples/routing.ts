// #region routing
import { createTransport, lowestLatency } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const elsewhere = new OpenAI({ baseURL: process.env.BACKUP_BASE_URL, apiKey: process.env.BACKUP_API_KEY });
const llm = createTransport({
  providers: [
    openai({ client: new OpenAI(), model: 'gpt-5.5' }),
    openai({ client: elsewhere, model: 'llama-4-70b', name: 'in Europe', traits: { region: 'eu' } }),
  ],
  route: lowestLatency(), // or roundRobin(), weighted(), leastBusy(), or a function of yours
  hedge: { afterMs: 2_000 }, // nothing after two seconds: the other one is asked too, and the first to answer is taken
});

const { provider } = await llm.complete({ prompt: 'Why is the sky blue?', require: { region: 'eu' } });
console.log(provider); // in Europe
// #endregion

await llm.close();
