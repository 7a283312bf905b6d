import OpenAI from 'openai';

const client = new OpenAI({ maxRetries: 0 });
const params = { model: 'gpt-5.5', messages: [{ role: 'user' as const, content: 'Hello' }] };
const { signal } = new AbortController();

// #region p-retry
import pRetry from 'p-retry';

const before = await pRetry(() => client.chat.completions.create(params, { signal }), {
  retries: 3,
  minTimeout: 500,
  randomize: true,
  signal,
  onFailedAttempt: ({ error, attemptNumber }) => console.warn(`attempt ${attemptNumber}: ${error.message}`),
  shouldRetry: ({ error }) => {
    if (!(error instanceof OpenAI.APIError)) return false;
    return error.status === undefined || error.status === 429 || error.status >= 500;
  },
});

// #endregion

// #region wrap
import { wrap } from 'llm-transport';

const ask = wrap(
  (body: OpenAI.ChatCompletionCreateParamsNonStreaming, info) =>
    client.chat.completions.create(body, { signal: info.signal }),
  { retry: { retries: 3 } },
);
ask.transport.on('attempt:end', ({ attempt, ledger: { outcome } }) => {
  if (outcome !== 'ok') console.warn(`attempt ${attempt}: ${outcome}`);
});

const after = await ask(params, { signal });

// #endregion

// #region complete
import { createTransport } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';

const llm = createTransport({
  providers: [openai({ client, model: 'gpt-5.5' })],
  retry: { retries: 3 },
});

const completion = await llm.complete({ prompt: 'Hello' }, { signal, timeoutMs: 30_000 });
// #endregion
console.log(before.choices.length, after.choices.length, completion.text.length);

// #region stop
import { TransportError } from 'llm-transport';

const strict = wrap(async (id: string) => {
  if (id === '') throw new TransportError('invalid_request', 'An id is needed'); // p-retry's AbortError
  return client.chat.completions.retrieve(id);
});
await strict('').catch((error: TransportError) => console.log(error.code, error.attempts.length)); // invalid_request 1
// #endregion

await llm.close();
await ask.transport.close();
await strict.transport.close();
