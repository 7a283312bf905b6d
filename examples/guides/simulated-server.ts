// #region server
import { createTransport } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import { simulatedServer } from 'llm-transport/testing';
import OpenAI from 'openai';

await using server = await simulatedServer({ script: ['reset-after-headers'], requireKey: 'sk-test' });
const client = new OpenAI({ baseURL: server.baseURL, apiKey: 'sk-test' });
await using llm = createTransport({ providers: [openai({ client, model: 'gpt-5.5' })] });

const { attempts } = await llm.complete({ prompt: 'Hello' });
console.log(attempts.map(({ outcome }) => outcome)); // [ 'connection', 'ok' ]
console.log(server.requests[0]?.headers['user-agent'], server.requests[1]?.body);
// #endregion
