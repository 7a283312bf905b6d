import { inspect } from 'node:util';
import { simulatedServer } from 'llm-transport/testing';

const careless = await simulatedServer({ fault: 'unauthorized-repeats-key' });
process.env.CARELESS_BASE_URL = careless.baseURL;

// #region canary
import { createTransport, type TransportError } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const apiKey = 'sk-canary-0123456789abcdef';
const client = new OpenAI({ apiKey, baseURL: process.env.CARELESS_BASE_URL }); // a gateway that repeats keys in its 401s
const llm = createTransport({ providers: [openai({ client, model: 'gpt-5.5' })] });
const seen: unknown[] = [];
llm.on('*', (event) => seen.push(event));

const prompt = 'My doctor says that I am pregnant.';
await llm.complete({ prompt }).catch((error: TransportError) => seen.push(error, error.cause, error.toJSON()));

const everything = inspect([seen, llm.health()], { depth: 20, showHidden: true });
console.log(everything.includes(apiKey), everything.includes('pregnant')); // false false
// #endregion

await llm.close();
await careless.close();
