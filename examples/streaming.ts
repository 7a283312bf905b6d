import { createTransport } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const llm = createTransport({ providers: [openai({ client: new OpenAI(), model: 'gpt-5.5' })] });

// #region streaming
const stream = await llm.complete({ prompt: 'Tell me a story.', stream: true });
for await (const text of stream.text) process.stdout.write(text);

const { usage } = await stream.completion;
// #endregion
console.log('\n', usage);

// #region interrupted
import { TransportError } from 'llm-transport';

try {
  const story = await llm.complete({ prompt: 'Tell me another.', stream: true });
  for await (const text of story.text) process.stdout.write(text);
} catch (error) {
  if (!TransportError.is(error) || error.code !== 'stream_interrupted') throw error;
  console.error(`\nThe stream broke after ${error.partial?.text.length} characters: ${error.message}`);
}
// #endregion

// #region resume
const survivor = await llm.complete(
  { prompt: 'Tell me a long one.', stream: true },
  { resume: { mode: 'continue', otherwise: 'restart' } },
);
let told = '';
for await (const chunk of survivor) {
  if (chunk.type === 'text') told += chunk.text;
  if (chunk.type === 'restart') told = ''; // it could not be gone on with: drop what you have
}
// #endregion
console.log('\n', told.length);

// #region cancel
const controller = new AbortController();
const answer = llm.complete({ prompt: 'Count to a million.' }, { signal: controller.signal, timeoutMs: 30_000 });
controller.abort();
await answer.catch((error: TransportError) => console.error('\n', error.code)); // cancelled
// #endregion

await llm.close();
