import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const llm = createTransport({ providers: [simulated({ firstTokenMs: 10, tokenMs: 10 })] });

// #region usage
try {
  await llm.complete({ prompt: 'Tell me a story.' }, { timeoutMs: 50 });
} catch (error) {
  if (!TransportError.is(error)) throw error;
  console.log(error.code, error.attempts.length); // deadline_exceeded 1
}
// #endregion

// #region stream
try {
  // Within it: the time may be over before there is a first word.
  const stream = await llm.complete({ prompt: 'Tell me a story.', stream: true }, { timeoutMs: 100 });
  for await (const text of stream.text) process.stdout.write(text);
} catch (error) {
  if (!TransportError.is(error)) throw error;
  console.log(`\n${error.code} after ${error.partial?.text.length ?? 0} characters`); // deadline_exceeded after …
}
// #endregion

await llm.close();
