// #region stream-text
import { openai } from '@ai-sdk/openai';
import { streamText } from 'ai';
import { wrap } from 'llm-transport';

const write = wrap(async (prompt: string, { signal }) =>
  streamText({ model: openai('gpt-5.5'), prompt, abortSignal: signal, maxRetries: 0 }),
);

const result = await write('Why is the sky blue?'); // once it has content; before that it is run again, unseen
for await (const piece of result.textStream) process.stdout.write(piece);
// #endregion

// #region describe
interface Reply {
  readonly answer: string;
  readonly cut: boolean;
  readonly tokens: { readonly in: number; readonly out: number };
}

const ours = wrap((prompt: string) => askOurGateway(prompt), {
  describe: ({ answer, cut, tokens }: Reply) => ({
    text: answer,
    finishReason: cut ? 'length' : 'stop',
    usage: { inputTokens: tokens.in, outputTokens: tokens.out },
  }),
});
// #endregion
console.log((await ours('Why is the sky blue?')).answer);

async function askOurGateway(prompt: string): Promise<Reply> {
  return { answer: `Because of ${prompt.length} reasons.`, cut: false, tokens: { in: 6, out: 4 } };
}

await write.transport.close();
await ours.transport.close();
