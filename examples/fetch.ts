// #region fetch
import { createFetch } from 'llm-transport/integrations/fetch';
import OpenAI from 'openai';

const fetch = createFetch();
const openai = new OpenAI({ fetch, maxRetries: 0 });

const answer = await openai.chat.completions.create({
  model: 'gpt-5.5',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0]?.message.content); // exactly what the SDK returns
// #endregion

await fetch.transport.close();
