// #region usage
import { GoogleGenAI } from '@google/genai';
import { createTransport } from 'llm-transport';
import { google } from 'llm-transport/providers/google';

const llm = createTransport({
  providers: [google({ client: new GoogleGenAI({}), model: 'gemini-3.5-flash' })], // the key is in GEMINI_API_KEY
});

const stream = await llm.complete({ prompt: 'Why is the sky blue?', reasoning: 'low', stream: true });
for await (const chunk of stream) {
  if (chunk.type === 'reasoning') console.error(chunk.text);
  if (chunk.type === 'text') process.stdout.write(chunk.text);
}
// #endregion

// #region provider-options
const { text, raw } = await llm.complete({
  prompt: 'What has happened today?',
  providerOptions: { google: { tools: [{ googleSearch: {} }], topK: 20 } },
});
// #endregion
console.log('\n', text, typeof raw);

await llm.close();
