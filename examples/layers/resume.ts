import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const llm = createTransport({ providers: [simulated({ fault: 'cut-reset' })] });

// #region usage
const stream = await llm.complete({ prompt: 'Tell me a story.', stream: true });
let shown = '';
try {
  for await (const text of stream.text) shown += text;
} catch (error) {
  if (!TransportError.is(error) || error.code !== 'stream_interrupted') throw error;
  console.log(error.partial?.text === shown); // true: exactly what was delivered
  console.log(TransportError.is(error.cause) && error.cause.code); // connection
}
// #endregion

await llm.close();
