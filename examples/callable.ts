// #region usage
import { createTransport, type Message, messagesOf, TransportError } from 'llm-transport';
import { callable } from 'llm-transport/providers/callable';

const local = callable({
  name: 'local',
  traits: { capabilities: ['streaming'] },
  async *stream(request, { signal }) {
    const model = await load('ours-7b');
    if (model === undefined) throw new TransportError('overloaded', 'The model is still loading');
    for (const token of model.answer(messagesOf(request))) {
      signal.throwIfAborted();
      yield token;
    }
  },
});

const llm = createTransport({ providers: [local] });
const { text } = await llm.complete({ prompt: 'Hello' });
// #endregion
console.log(text);

// #region complete
const remote = callable({
  name: 'remote',
  domain: 'inference.example.com',
  model: 'ours-70b',
  limits: { concurrency: 4 },
  complete: async (request, { signal, transactionId }) => {
    const answer = await ask({ messages: messagesOf(request), traceId: transactionId, signal });
    return { text: answer.text, usage: { inputTokens: answer.read, outputTokens: answer.written }, raw: answer };
  },
});
// #endregion

async function load(_name: string) {
  return { answer: (messages: readonly Message[]) => ['You', ' said: ', String(messages.at(-1)?.content)] };
}

async function ask({ messages, signal }: { messages: readonly Message[]; traceId: string; signal: AbortSignal }) {
  signal.throwIfAborted();
  return { text: `You asked: ${messages.at(-1)?.content}`, read: 3, written: 5 };
}

const other = createTransport({ providers: [remote] });
console.log((await other.complete({ prompt: 'Hello' })).usage);
await llm.close();
await other.close();
