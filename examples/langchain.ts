// #region usage
import { StringOutputParser } from '@langchain/core/output_parsers';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { createTransport } from 'llm-transport';
import { chatModel } from 'llm-transport/integrations/langchain';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const llm = createTransport({
  providers: [
    openai({ client: new OpenAI(), model: 'gpt-5.5' }),
    openai({ client: new OpenAI({ baseURL: process.env.BACKUP_BASE_URL }), model: 'gpt-oss-120b' }),
  ],
});
const model = chatModel(llm, { request: { temperature: 0 } });

const chain = ChatPromptTemplate.fromTemplate('Why is the {what} blue?').pipe(model).pipe(new StringOutputParser());
for await (const piece of await chain.stream({ what: 'sky' })) process.stdout.write(piece);

// #endregion

// #region tools
import { HumanMessage, type ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import * as z from 'zod';

const getWeather = tool(async ({ city }) => `It rains in ${city}.`, {
  name: 'get_weather',
  description: 'Tells the weather of a city.',
  schema: z.object({ city: z.string() }),
});
const withTools = model.bindTools([getWeather]);

const question = new HumanMessage('Use get_weather: how is the weather in Oslo?');
const asked = await withTools.invoke([question]);
const results: ToolMessage[] = [];
for (const call of asked.tool_calls ?? []) results.push(await getWeather.invoke({ ...call, type: 'tool_call' }));
const answer = await withTools.invoke([question, asked, ...results]);
// #endregion
console.log(answer.text, answer.usage_metadata);

// #region structured
const person = model.withStructuredOutput(z.object({ name: z.string(), age: z.number() }), { name: 'person' });
const { name, age } = await person.invoke('Who wrote the first program?');
// #endregion
console.log(name, age);

// #region call
await model.invoke('Sum up the day.', {
  signal: new AbortController().signal,
  call: { priority: 'batch', timeoutMs: 60_000 },
  request: { maxOutputTokens: 200, metadata: { job: 'nightly' } },
});
// #endregion

await llm.close();
