// #region one-line
import Anthropic from '@anthropic-ai/sdk';
import { createFetch } from 'llm-transport/integrations/fetch';
import OpenAI from 'openai';

const fetch = createFetch();
const openai = new OpenAI({ fetch, maxRetries: 0 });
const anthropic = new Anthropic({ fetch, maxRetries: 0 });

const stream = await openai.chat.completions.create({
  model: 'gpt-5.5',
  messages: [{ role: 'user', content: 'Hello' }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');

const message = await anthropic.messages.create({
  model: 'claude-sonnet-5',
  max_tokens: 500,
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(message.content);
// #endregion

// #region transport
fetch.transport.on('retry', ({ code, waitMs }) => console.warn(`asks again after ${code}, in ${waitMs} ms`));
for (const { name, circuit, inFlight } of fetch.transport.health()) console.log(name, circuit, inFlight);
const { attempts, inputTokens, outputTokens } = fetch.transport.usage(); // 'provider' and 'model' sum up by these
console.log(attempts, inputTokens + outputTokens);
// #endregion

// #region targets
const resilient = createFetch({
  targets: [
    { baseURL: process.env.OPENAI_BASE_URL ?? 'https://api.openai.com/v1' },
    {
      baseURL: process.env.BACKUP_BASE_URL ?? 'https://eu.example.com/v1',
      apiKey: () => process.env.BACKUP_API_KEY ?? '',
      model: 'gpt-5.5-eu',
    },
  ],
  retry: { retries: 2 },
});
const client = new OpenAI({ fetch: resilient, maxRetries: 0 });
const answer = await client.chat.completions.create({
  model: 'gpt-5.5',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0]?.message.content);
// #endregion

await fetch.transport.close();
await resilient.transport.close();
