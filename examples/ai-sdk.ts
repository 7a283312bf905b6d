// #region usage
import { createOpenAI, openai } from '@ai-sdk/openai';
import { createTransport } from 'llm-transport';
import { aiSdk } from 'llm-transport/providers/ai-sdk';

const elsewhere = createOpenAI({ baseURL: process.env.BACKUP_BASE_URL, apiKey: process.env.BACKUP_API_KEY });

const llm = createTransport({
  providers: [
    aiSdk({ model: openai.chat('gpt-5.5'), limits: { requestsPerMinute: 500 } }),
    aiSdk({ model: elsewhere.chat('gpt-oss-120b'), name: 'elsewhere' }),
  ],
});

const { text, provider } = await llm.complete({ prompt: 'Why is the sky blue?' });
// #endregion
console.log(provider, text);

// #region provider-options
await llm.complete({
  prompt: 'Why is the sky blue?',
  providerOptions: {
    'ai-sdk': { topK: 40, providerOptions: { openai: { reasoningEffort: 'low' } } },
  },
});
// #endregion

await llm.close();
