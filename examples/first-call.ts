// #region first-call
import { createTransport } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const llm = createTransport({
  providers: [openai({ client: new OpenAI(), model: 'gpt-5.5' })],
});

const completion = await llm.complete({ prompt: 'Why is the sky blue?' });
console.log(completion.text);
// #endregion

// #region messages
const { text, usage, attempts } = await llm.complete({
  messages: [
    { role: 'system', content: 'Answer in one sentence.' },
    { role: 'user', content: 'Why is the sky blue?' },
  ],
  maxOutputTokens: 500,
});
// #endregion
console.log(text.length, usage, attempts.length);

// #region close
await llm.close();
// #endregion
