import { simulatedServer } from 'llm-transport/testing';

const server = await simulatedServer({ requireKey: 'sk-new' });
process.env.OPENAI_BASE_URL = server.baseURL;

// #region usage
import { createTransport, type TransportError } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const client = new OpenAI({ apiKey: 'sk-expired' });
const llm = createTransport({ providers: [openai({ client, model: 'gpt-5.5', name: 'primary' })] });

llm.on('provider:quarantine', ({ provider, code, until }) => {
  console.error(`${provider}: ${code}; left alone until ${new Date(until).toISOString()}`); // wake somebody up
});

await llm.complete({ prompt: 'Hello' }).catch((error: TransportError) => console.log(error.code)); // authentication
await llm.complete({ prompt: 'Hello' }).catch((error: TransportError) => console.log(error.code)); // without a request

client.apiKey = 'sk-new'; // somebody has acted
llm.reset('primary');
console.log((await llm.complete({ prompt: 'Hello' })).provider); // primary
// #endregion
console.log(server.requests.length);

await llm.close();
await server.close();
