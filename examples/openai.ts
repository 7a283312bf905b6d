// #region usage
import { createTransport } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const llm = createTransport({
  providers: [openai({ client: new OpenAI(), model: 'gpt-5.5' })],
});

const { text, usage } = await llm.complete({ prompt: 'Why is the sky blue?', reasoning: 'low' });
// #endregion
console.log(text, usage);

// #region provider-options
await llm.complete({
  prompt: 'Why is the sky blue?',
  providerOptions: { openai: { service_tier: 'flex', prompt_cache_key: 'sky' } },
});
// #endregion

// #region dialects
const elsewhere = createTransport({
  providers: [
    openai({
      client: new OpenAI({ baseURL: process.env.OPENROUTER_BASE_URL, apiKey: process.env.OPENROUTER_API_KEY }),
      model: 'anthropic/claude-sonnet-5',
    }),
    openai({
      client: new OpenAI({ baseURL: process.env.OLLAMA_BASE_URL, apiKey: 'ollama' }), // Ollama wants none, the SDK one
      model: 'llama3.2',
      name: 'here',
      limits: { concurrency: 2 },
    }),
  ],
});

const { provider, cost } = await elsewhere.complete({ prompt: 'Why is the sky blue?' });
// #endregion
console.log(provider, cost);

await llm.close();
await elsewhere.close();
