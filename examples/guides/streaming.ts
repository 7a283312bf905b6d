import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const model = simulated({
  words: 12,
  answer: ({ tools }) =>
    tools.length > 0
      ? { reasoning: 'The weather is asked for. ', toolCalls: [{ name: 'weather', input: { city: 'Berlin' } }] }
      : 'Once upon a time there was a stream that nobody left.',
});
const llm = createTransport({ providers: [model] });

// #region text
const stream = await llm.complete({ prompt: 'Tell me a story.', stream: true });
for await (const text of stream.text) process.stdout.write(text);
// #endregion
console.log();

const prompt = 'The weather in Berlin?';
const tools = [{ name: 'weather', inputSchema: { jsonSchema: { type: 'object' } } }];
// #region chunks
const answer = await llm.complete({ prompt, tools, stream: true });
for await (const chunk of answer) {
  if (chunk.type === 'reasoning') console.log('(thinks)', chunk.text);
  if (chunk.type === 'text') process.stdout.write(chunk.text);
  if (chunk.type === 'toolCall') console.log(chunk.toolCall.name, chunk.toolCall.input); // whole, and parsed
  if (chunk.type === 'finish') console.log(chunk.finishReason, chunk.usage); // last, once
}
// #endregion

// #region whole
const story = await llm.complete({ prompt: 'Tell me a story.', stream: true });
for await (const text of story.text) process.stdout.write(text);
const { usage, attempts, cost } = await story.completion; // the same reading, and all that is known of the answer
// #endregion
console.log(usage, attempts.length, cost);

// #region leave
const long = await llm.complete({ prompt: 'Tell me a long story.', stream: true });
let shown = '';
for await (const text of long.text) {
  shown += text;
  if (shown.length > 20) break; // cancels the call and closes its socket
}
// #endregion
console.log(shown);

model.setFault('cut-reset');
// #region broken
const broken = await llm.complete({ prompt: 'Tell me a story.', stream: true });
try {
  for await (const text of broken.text) process.stdout.write(text);
} catch (error) {
  if (!TransportError.is(error)) throw error;
  console.log(`\n${error.code} after "${error.partial?.text}"`);
}
// #endregion

model.setFault(undefined);
// #region restart
const answered = await llm.complete({ prompt: 'Tell me a story.', stream: true }, { resume: { mode: 'restart' } });
let told = '';
for await (const chunk of answered) {
  if (chunk.type === 'restart') told = ''; // drop what you have: the answer starts again
  if (chunk.type === 'text') told += chunk.text;
}
// #endregion
console.log(told);

await llm.close();
