import OpenAI from 'openai';

const params = { model: 'gpt-5.5', messages: [{ role: 'user' as const, content: 'Hello' }] };

// #region before
const before = new OpenAI({ maxRetries: 3, timeout: 30_000 });

// #endregion

// #region after
import { createFetch } from 'llm-transport/integrations/fetch';

const fetch = createFetch({ retry: { retries: 3 }, timeout: { responseMs: 30_000 } });
const after = new OpenAI({ fetch, maxRetries: 0 });
// #endregion

// #region errors
try {
  const answer = await after.chat.completions.create(params, { signal: new AbortController().signal });
  console.log(answer.choices[0]?.message.content);
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error; // the SDK's own errors, as ever
  console.error(error.status, error.requestID);
}
// #endregion
console.log((await before.chat.completions.create(params)).id);

await fetch.transport.close();
