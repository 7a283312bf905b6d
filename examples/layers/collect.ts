import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const primary = simulated({ name: 'primary', fault: 'cut-end' });

// #region usage
const llm = createTransport({ providers: [primary, simulated({ name: 'backup' })] });

const { text, attempts } = await llm.complete({ prompt: 'Hello' }); // nothing in it of the answer that was cut
console.log(
  text.length,
  attempts.map(({ provider, outcome }) => `${provider}: ${outcome}`),
);
console.log(primary.requests[0]?.stream); // true: streamed on the wire, although the caller wants it whole
// #endregion

await llm.close();
