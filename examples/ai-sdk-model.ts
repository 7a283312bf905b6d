// #region usage
import { openai } from '@ai-sdk/openai';
import { generateText, isStepCount, streamText, tool } from 'ai';
import { createTransport } from 'llm-transport';
import { languageModel } from 'llm-transport/integrations/ai-sdk';
import { aiSdk } from 'llm-transport/providers/ai-sdk';
import { openai as openaiClient } from 'llm-transport/providers/openai';
import OpenAI from 'openai';
import * as z from 'zod';

const llm = createTransport({
  providers: [
    aiSdk({ model: openai.chat('gpt-5.5') }),
    openaiClient({ client: new OpenAI({ baseURL: process.env.BACKUP_BASE_URL }), model: 'gpt-oss-120b' }),
  ],
});
const model = languageModel(llm);

const { text, providerMetadata } = await generateText({ model, prompt: 'Why is the sky blue?', maxRetries: 0 });
console.log(text, providerMetadata?.['llm-transport']);
// #endregion

// #region tools
const getWeather = tool({
  description: 'Tells the weather of a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `It rains in ${city}.`,
});

const result = streamText({
  model,
  prompt: 'Use get_weather: how is the weather in Oslo?',
  tools: { get_weather: getWeather },
  stopWhen: isStepCount(5),
  maxRetries: 0,
});
for await (const piece of result.textStream) process.stdout.write(piece);
// #endregion

// #region call
await generateText({
  model,
  prompt: 'Sum up the day.',
  maxRetries: 0,
  providerOptions: { 'llm-transport': { priority: 'batch', timeoutMs: 60_000, metadata: { job: 'nightly' } } },
});

// #endregion

// #region registry
import { createProviderRegistry } from 'ai';
import { languageModelProvider } from 'llm-transport/integrations/ai-sdk';

const registry = createProviderRegistry({ llm: languageModelProvider(llm) });

const any = registry.languageModel('llm:auto'); // whichever the transport chooses
const one = registry.languageModel('llm:gpt-5.5'); // only providers of this model
// #endregion
console.log(any.modelId, one.modelId);

// #region leaving
const controller = new AbortController();
const long = streamText({ model, prompt: 'Tell me a long story.', abortSignal: controller.signal, maxRetries: 0 });
for await (const piece of long.textStream) {
  if (piece.includes('7')) {
    controller.abort(); // `break` alone would leave the connection open
    break;
  }
}
// #endregion

await llm.close();
