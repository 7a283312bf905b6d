// #region own-provider
import { createTransport, type Message, messagesOf } from 'llm-transport';
import { callable } from 'llm-transport/providers/callable';

const inHouse = callable({
  name: 'in-house',
  model: 'ours-7b',
  complete: async (request, { signal }) => {
    const answer = await generate(messagesOf(request), signal);
    return { text: answer, usage: { inputTokens: 10, outputTokens: 20 } };
  },
});

const llm = createTransport({ providers: [inHouse] });

/** In place of your own. */
async function generate(messages: readonly Message[], signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  return `You said: ${messages.at(-1)?.content}`;
}
// #endregion

console.log((await llm.complete({ prompt: 'Hello' })).text);
await llm.close();
