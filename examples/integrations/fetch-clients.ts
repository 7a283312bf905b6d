import { createAnthropic } from '@ai-sdk/anthropic';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import { Mistral } from '@mistralai/mistralai';
import { HTTPClient } from '@mistralai/mistralai/lib/http.js';
import { OpenRouter, HTTPClient as OpenRouterHTTPClient } from '@openrouter/sdk';
import { generateText } from 'ai';
import { CohereClientV2 } from 'cohere-ai';
import Groq from 'groq-sdk';
import { createFetch } from 'llm-transport/integrations/fetch';
import { Ollama } from 'ollama';
import { AzureOpenAI } from 'openai';
import Together from 'together-ai';

// Set for the other examples, and not for Azure.
delete process.env.OPENAI_BASE_URL;
const baseURL = process.env.BACKUP_BASE_URL ?? 'https://api.example.com/v1';
const apiKey = process.env.BACKUP_API_KEY ?? '';

// #region clients
const fetch = createFetch();

// Whoever has retries of its own: off.
const azure = new AzureOpenAI({
  endpoint: 'https://NAME.openai.azure.com',
  apiVersion: '2024-10-21',
  apiKey,
  fetch,
  maxRetries: 0,
});
const groq = new Groq({ apiKey, fetch, maxRetries: 0 });
const together = new Together({ apiKey, fetch, maxRetries: 0 });
const cohere = new CohereClientV2({ token: apiKey, fetch, maxRetries: 0 });
const openrouter = new OpenRouter({
  apiKey,
  httpClient: new OpenRouterHTTPClient({ fetcher: fetch }),
  retryConfig: { strategy: 'none' },
});
const langChain = new ChatOpenAI({ model: 'gpt-5.5', apiKey, configuration: { baseURL, fetch }, maxRetries: 0 });

// Who has none.
const google = new GoogleGenAI({ apiKey, httpOptions: { fetch } });
const ollama = new Ollama({ fetch });
const mistral = new Mistral({ apiKey, httpClient: new HTTPClient({ fetcher: fetch }) });

// The AI SDK: at each call.
const anthropic = createAnthropic({ baseURL, apiKey, fetch });
const { text } = await generateText({ model: anthropic('claude-sonnet-5'), prompt: 'Hello', maxRetries: 0 });
console.log(text);
// #endregion

console.log([azure, groq, together, cohere, openrouter, langChain, google, ollama, mistral].length, 'more clients');
await fetch.transport.close();
