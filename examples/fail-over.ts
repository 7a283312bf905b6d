// #region fail-over
import { createTransport } from 'llm-transport';
import { openai } from 'llm-transport/providers/openai';
import OpenAI from 'openai';

const llm = createTransport({
  providers: [
    openai({
      client: new OpenAI(),
      model: 'gpt-5.5',
      limits: { requestsPerMinute: 500, tokensPerMinute: 200_000 },
    }),
    openai({
      client: new OpenAI({ baseURL: process.env.BACKUP_BASE_URL, apiKey: process.env.BACKUP_API_KEY }),
      model: 'llama-4-70b',
    }),
  ],
});

const completion = await llm.complete({ prompt: 'Why is the sky blue?' });
console.log(
  completion.provider,
  completion.attempts.map(({ provider, outcome }) => `${provider}: ${outcome}`),
);
// #endregion

// #region watch
llm.on('circuit:change', ({ provider, from, to }) => console.log(`${provider}: ${from} → ${to}`));
llm.on('provider:quarantine', ({ provider, code }) => console.log(`${provider} is left alone: ${code}`));

for (const { name, circuit, inFlight, firstContentMs } of llm.health()) {
  console.log(name, circuit, inFlight, firstContentMs);
}
// #endregion

await llm.close();
