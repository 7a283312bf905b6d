// #region usage
import Anthropic from '@anthropic-ai/sdk';
import { createTransport } from 'llm-transport';
import { anthropic } from 'llm-transport/providers/anthropic';

const llm = createTransport({
  providers: [anthropic({ client: new Anthropic(), model: 'claude-sonnet-5', traits: { maxOutputTokens: 64_000 } })],
});

const { text, usage } = await llm.complete({ prompt: 'Why is the sky blue?', reasoning: 'low' });
// #endregion
console.log(text, usage);

// #region provider-options
await llm.complete({
  messages: [
    { role: 'system', content: 'You know all about the sky.' },
    { role: 'user', content: 'Why is it blue?' },
  ],
  providerOptions: {
    anthropic: {
      cache_control: { type: 'ephemeral' },
      output_config: { effort: 'max' },
      betas: ['context-management-2025-06-27'],
    },
  },
});
// #endregion

await llm.close();
