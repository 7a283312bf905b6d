// #region wrap
import { wrap } from 'llm-transport';
import OpenAI from 'openai';

const client = new OpenAI({ maxRetries: 0 });

const ask = wrap((params: OpenAI.ChatCompletionCreateParamsNonStreaming, { signal }) =>
  client.chat.completions.create(params, { signal }),
);

const answer = await ask({ model: 'gpt-5.5', messages: [{ role: 'user', content: 'Hello' }] });
console.log(answer.choices[0]?.message.content); // exactly what the SDK returns
// #endregion

// #region wrap-stream
const askStreaming = wrap((params: OpenAI.ChatCompletionCreateParamsStreaming, { signal }) =>
  client.chat.completions.create(params, { signal }),
);

const items = await askStreaming({
  model: 'gpt-5.5',
  messages: [{ role: 'user', content: 'Hello' }],
  stream: true,
});
for await (const item of items) process.stdout.write(item.choices[0]?.delta.content ?? '');
// #endregion

await ask.transport.close();
await askStreaming.transport.close();
