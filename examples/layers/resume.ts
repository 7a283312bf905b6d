import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const unstable = createTransport({ providers: [simulated({ fault: 'cut-reset' })] });

// #region usage
const stream = await unstable.complete({ prompt: 'Tell me a story.', stream: true });
let shown = '';
try {
  for await (const text of stream.text) shown += text;
} catch (error) {
  if (!TransportError.is(error) || error.code !== 'stream_interrupted') throw error;
  console.log(error.partial?.text === shown); // true: exactly what was delivered
  console.log(TransportError.is(error.cause) && error.cause.code); // connection
}
// #endregion

// #region restart
const restarting = createTransport({
  providers: [
    simulated({ name: 'primary', fault: 'cut-reset', tokenMs: 1 }), // breaks after five words
    simulated({ name: 'backup' }),
  ],
  resume: { mode: 'restart' },
});
const answer = await restarting.complete({ prompt: 'Tell me a story.', stream: true });
let story = '';
for await (const chunk of answer) {
  if (chunk.type === 'restart') story = ''; // drop what you have: the answer starts again
  if (chunk.type === 'text') story += chunk.text;
}
console.log(story === (await answer.completion).text); // true
// #endregion

// #region continue
const continuing = createTransport({
  providers: [
    simulated({ name: 'primary', fault: { kind: 'cut', afterTokens: 30, by: 'reset' }, tokenMs: 1 }), // breaks in the middle
    simulated({ name: 'backup' }),
  ],
  resume: { mode: 'continue', otherwise: 'restart' },
});
const long = await continuing.complete({ prompt: 'Tell me a story.', stream: true });
let text = '';
for await (const chunk of long) {
  if (chunk.type === 'text') text += chunk.text;
  if (chunk.type === 'restart') text = ''; // where it could not be gone on with
  if (chunk.type === 'resume') console.log(`${chunk.provider} goes on after ${chunk.offset} characters`);
}
const { text: whole, resumed, attempts } = await long.completion;
console.log(
  text === whole,
  resumed,
  attempts.map(({ provider, reason, outcome }) => `${provider} (${reason}): ${outcome}`),
);
// true true [ 'primary (first): connection', 'backup (resume): ok' ]
// #endregion

// #region call
const draft = await unstable.complete(
  { prompt: 'Tell me a story.', stream: true },
  { resume: { mode: 'restart', maxResumes: 1 } }, // for this call
);
// #endregion
await draft.completion.catch(() => {});

await Promise.all([unstable.close(), restarting.close(), continuing.close()]);
