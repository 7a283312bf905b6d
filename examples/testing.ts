// #region testing
import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const primary = simulated({ name: 'primary', script: ['http-503', 'ok'] });
const backup = simulated({ name: 'backup' });
const llm = createTransport({ providers: [primary, backup] });

const { provider } = await llm.complete({ prompt: 'Hello' });
console.log(provider, primary.requests.length, backup.requests.length); // backup 1 1
// #endregion

await llm.close();
