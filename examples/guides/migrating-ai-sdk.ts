import { anthropic } from '@ai-sdk/anthropic';
import { openai } from '@ai-sdk/openai';
import { streamText } from 'ai';

// #region after
import { createTransport } from 'llm-transport';
import { languageModel } from 'llm-transport/integrations/ai-sdk';
import { aiSdk } from 'llm-transport/providers/ai-sdk';

const llm = createTransport({
  providers: [aiSdk({ model: openai('gpt-5.5') }), aiSdk({ model: anthropic('claude-sonnet-5') })],
});
const model = languageModel(llm);
// #endregion

// #region events
llm.on('attempt:end', ({ ledger: { provider, outcome } }) => {
  if (outcome !== 'ok') console.warn(`${provider}: ${outcome}`);
});
// #endregion

// #region call
const result = streamText({ model, prompt: 'Why is the sky blue?', maxRetries: 0 });
for await (const piece of result.textStream) process.stdout.write(piece);
// #endregion

await llm.close();
