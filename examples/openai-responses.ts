// #region usage
import { createTransport } from 'llm-transport';
import { openaiResponses } from 'llm-transport/providers/openai-responses';
import OpenAI from 'openai';

const llm = createTransport({
  providers: [openaiResponses({ client: new OpenAI(), model: 'gpt-5.5' })],
});

const { text, usage } = await llm.complete({ prompt: 'Why is the sky blue?', reasoning: 'low' });
// #endregion
console.log(text, usage);

// #region provider-options
const { reasoning } = await llm.complete({
  prompt: 'Why is the sky blue?',
  reasoning: 'low',
  providerOptions: { 'openai-responses': { reasoning: { summary: 'auto' }, tools: [{ type: 'web_search' }] } },
});
// #endregion
console.log(reasoning);

// #region background
const patient = createTransport({
  providers: [openaiResponses({ client: new OpenAI(), model: 'gpt-5.5', background: true })],
});

const story = await patient.complete({ prompt: 'Tell me a long story', stream: true });
for await (const piece of story.text) process.stdout.write(piece);
// #endregion

await llm.close();
await patient.close();
