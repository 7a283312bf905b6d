import OpenAI from 'openai';

type Params = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'model'>;

const client = new OpenAI({ maxRetries: 0 });
const elsewhere = new OpenAI({
  baseURL: process.env.BACKUP_BASE_URL,
  apiKey: process.env.BACKUP_API_KEY,
  maxRetries: 0,
});

// #region before
import pRetry from 'p-retry';

async function askBefore(params: Params, signal: AbortSignal): Promise<OpenAI.ChatCompletion> {
  const first = () => client.chat.completions.create({ ...params, model: 'gpt-5.5' }, { signal });
  const second = () => elsewhere.chat.completions.create({ ...params, model: 'gpt-oss-120b' }, { signal });
  try {
    return await pRetry(first, { retries: 2, randomize: true, signal });
  } catch {
    return pRetry(second, { retries: 2, randomize: true, signal });
  }
}

// #endregion

// #region after
import { wrap } from 'llm-transport';

const ask = wrap(
  [
    {
      name: 'first',
      call: (params: Params, { signal }) => client.chat.completions.create({ ...params, model: 'gpt-5.5' }, { signal }),
    },
    {
      name: 'second',
      call: (params: Params, { signal }) =>
        elsewhere.chat.completions.create({ ...params, model: 'gpt-oss-120b' }, { signal }),
    },
  ],
  { retry: { retries: 2 } },
);
// #endregion

const { signal } = new AbortController();
const params: Params = { messages: [{ role: 'user', content: 'Hello' }] };
console.log((await askBefore(params, signal)).id, (await ask(params, { signal })).id);

await ask.transport.close();
