import OpenAI from 'openai';

// The gateway is simulated, too.
process.env.GATEWAY_URL = process.env.BACKUP_BASE_URL;
process.env.GATEWAY_KEY = 'sk-simulated';
const params = { model: 'chat', messages: [{ role: 'user' as const, content: 'Hello' }] };

// #region before
const gateway = new OpenAI({ baseURL: process.env.GATEWAY_URL, apiKey: process.env.GATEWAY_KEY });
const before = await gateway.chat.completions.create(params);

// #endregion

// #region after
import Anthropic from '@anthropic-ai/sdk';
import { createTransport, lowestLatency } from 'llm-transport';
import { anthropic } from 'llm-transport/providers/anthropic';
import { openai } from 'llm-transport/providers/openai';

const llm = createTransport({
  providers: [
    openai({
      client: new OpenAI(),
      model: 'gpt-5.5',
      limits: { requestsPerMinute: 500, tokensPerMinute: 200_000 },
    }),
    anthropic({ client: new Anthropic(), model: 'claude-sonnet-5' }),
  ],
  route: lowestLatency(),
  retry: { retries: 2 },
});
const after = await llm.complete({ prompt: 'Hello', metadata: { team: 'search' } }, { timeoutMs: 60_000 });
// #endregion
console.log(before.choices.length, after.text);

// #region both
import { createFetch } from 'llm-transport/integrations/fetch';

const fetch = createFetch({
  targets: [
    { baseURL: process.env.GATEWAY_URL ?? 'http://gateway:4000/v1', apiKey: process.env.GATEWAY_KEY ?? '' },
    // When the gateway itself is down:
    { baseURL: 'https://api.openai.com/v1', apiKey: process.env.OPENAI_API_KEY ?? '', model: 'gpt-5.5' },
  ],
});
const client = new OpenAI({ fetch, maxRetries: 0 });
// #endregion
console.log((await client.chat.completions.create(params)).id);

await llm.close();
await fetch.transport.close();
