// #region before
import { ChatAnthropic } from '@langchain/anthropic';
import { HumanMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';

const before = new ChatOpenAI({ model: 'gpt-5.5', temperature: 0, maxRetries: 2, maxConcurrency: 20 }).withFallbacks([
  new ChatAnthropic({ model: 'claude-sonnet-5', temperature: 0, maxRetries: 2 }),
]);

// #endregion

// #region after
import Anthropic from '@anthropic-ai/sdk';
import { createTransport } from 'llm-transport';
import { chatModel } from 'llm-transport/integrations/langchain';
import { anthropic } from 'llm-transport/providers/anthropic';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const llm = createTransport({
  providers: [
    openai({ client: new OpenAI(), model: 'gpt-5.5', limits: { concurrency: 20 } }),
    anthropic({ client: new Anthropic(), model: 'claude-sonnet-5' }),
  ],
  retry: { retries: 2 },
});
const after = chatModel(llm, { request: { temperature: 0 } });
// #endregion

const question = [new HumanMessage('Why is the sky blue?')];
for (const model of [before, after]) console.log((await model.invoke(question)).text);

await llm.close();
