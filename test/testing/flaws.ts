import { TransportError } from '../../src/core/errors.ts';
import type {
  Chunk,
  CompletionRequest,
  Context,
  Provider,
  ProviderAnswer,
  ReceivedFacts,
} from '../../src/core/types.ts';
import type { FaultName, SimulatedProvider } from '../../src/testing/index.ts';

/** Changes to a provider that is right; what is left out stays right. */
interface Flaw {
  readonly fields?: Partial<Provider>;
  readonly ask?: (request: CompletionRequest, context: Context) => readonly [CompletionRequest, Context];
  readonly chunks?: (chunks: AsyncIterable<Chunk>, request: CompletionRequest) => AsyncIterable<Chunk>;
  readonly answer?: (answer: Promise<ProviderAnswer>, request: CompletionRequest) => Promise<ProviderAnswer>;
}

export function flawed(inner: SimulatedProvider, { fields, ask = (...same) => same, chunks, answer }: Flaw): Provider {
  return {
    ...{ name: inner.name, domain: inner.domain, kind: inner.kind, model: inner.model },
    complete: (request, context) => {
      const answering = inner.complete(...ask(request, context));
      return answer?.(answering, request) ?? answering;
    },
    stream: (request, context) => {
      const streaming = inner.stream?.(...ask(request, context)) as AsyncIterable<Chunk>;
      return chunks?.(streaming, request) ?? streaming;
    },
    ...fields,
  };
}

/** Each chunk as those it becomes. */
function each(change: (chunk: Chunk) => readonly Chunk[]): Flaw {
  return {
    chunks: async function* (chunks) {
      for await (const chunk of chunks) yield* change(chunk);
    },
  };
}

/** Errors as others. */
function errors(change: (error: TransportError, request: CompletionRequest) => unknown): Flaw {
  return {
    chunks: async function* (chunks, request) {
      try {
        yield* chunks;
      } catch (error) {
        throw change(error as TransportError, request);
      }
    },
    answer: (answer, request) => answer.catch((error) => Promise.reject(change(error as TransportError, request))),
  };
}

/** Facts as others. */
function facts(change: (known: ReceivedFacts) => ReceivedFacts): Flaw {
  return {
    ask: (request, { received, ...context }) => [request, { ...context, received: (known) => received(change(known)) }],
  };
}

const deaf: Flaw = {
  ask: (request, context) => [request, { ...context, signal: new AbortController().signal }],
};
const finish: Chunk = { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
export const key = 'sk-canary-1';

/** Forgets which of the calls under way is which. */
function confused(): Flaw {
  let latest: CompletionRequest | undefined;
  return {
    ask: (request, context) => {
      const asked = latest ?? request;
      latest = request;
      return [asked, context];
    },
  };
}

/** Never recovers from a failure. */
function sulking(): Flaw {
  let failed: unknown;
  const remember = errors((error) => {
    failed = error;
    return error;
  });
  return {
    ...remember,
    ask: (...same) => {
      if (failed !== undefined) throw failed;
      return same;
    },
  };
}

/** What is wrong, the rule that must notice it, the flaw, and the faults that the rule needs. */
type Case = [what: string, rule: RegExp, flaw: Flaw | (() => Flaw), faults?: readonly FaultName[]];

export const flaws: readonly Case[] = [
  ['no name', /^has a name/, { fields: { name: '' } }],
  ['another text when it is whole', /^answers in text/, { answer: async (a) => ({ ...(await a), text: 'Hi' }) }],
  ['a lost piece', /^answers in text/, each((c) => (c.type === 'text' && c.text.includes('7:') ? [] : [c]))],
  ['no model', /^says which model/, { answer: async (a) => ({ ...(await a), model: '' }) }],
  [
    'a request that is changed',
    /^leaves the request/,
    { ask: (request, context) => [Object.assign(request, { temperature: 1 }), context] },
  ],
  ['answers for others', /^does not mix/, confused],
  [
    'a limit that is not told',
    /^says when the answer was cut/,
    { answer: async (a) => ({ ...(await a), finishReason: 'stop' }) },
  ],
  ['two ends', /^streams in pieces, and finishes once/, each((c) => (c.type === 'finish' ? [c, c] : [c]))],
  ['no end', /^streams in pieces, and finishes once/, each((c) => (c.type === 'finish' ? [] : [c]))],
  [
    'text after the end',
    /^streams in pieces, and finishes once/,
    each((c) => (c.type === 'finish' ? [c, { type: 'text', text: '!' }] : [c])),
  ],
  [
    'all at once',
    /^streams in pieces/,
    {
      chunks: async function* (chunks) {
        let text = '';
        for await (const chunk of chunks) {
          if (chunk.type === 'text') text += chunk.text;
          else yield* [{ type: 'text' as const, text }, chunk];
        }
      },
    },
  ],
  ['empty chunks', /^yields content only/, each((c) => [{ type: 'text', text: '' }, c])],
  ['chunks of its own', /^yields content only/, each((c) => [{ type: 'raw', value: 1 }, c])],
  ['no usage', /^says how many tokens/, each((c) => (c.type === 'finish' ? [{ ...c, usage: undefined }] : [c]))],
  [
    'a usage that is added up twice',
    /^says how many tokens/,
    { answer: async (a) => ({ ...(await a), usage: { inputTokens: 14, outputTokens: 120 } }) },
  ],
  [
    'arguments that are text',
    /^hands over tool calls/,
    each((c) => (c.type === 'toolCall' ? [{ ...c, toolCall: { ...c.toolCall, input: '{"city":' } }] : [c])),
  ],
  [
    'calls with one id',
    /^hands over tool calls/,
    each((c) => (c.type === 'toolCall' ? [{ ...c, toolCall: { ...c.toolCall, id: 'call' } }] : [c])),
  ],
  [
    'results of tools that are not sent',
    /^takes a system message/,
    { ask: (request, context) => [{ ...request, messages: request.messages?.slice(0, 2) }, context] },
  ],
  [
    'a schema that is not sent',
    /^answers in the shape/,
    { ask: ({ schema: _, ...request }, context) => [request, context] },
  ],
  [
    'a picture that is not understood',
    /^takes a picture/,
    {
      ask: (request, context) => {
        if (typeof request.messages?.[0]?.content === 'object') throw new TransportError('invalid_request', 'What?');
        return [request, context];
      },
    },
  ],
  ['a request id that is kept', /^tells the request id and the headers as/, facts(({ headers }) => ({ headers }))],
  [
    'another request id',
    /^tells the request id and the headers as/,
    facts((known) => ({ ...known, providerRequestId: 'mine-1' })),
  ],
  [
    'headers that are kept',
    /^tells the request id and the headers as/,
    facts(({ providerRequestId }) => ({ providerRequestId })),
  ],
  [
    'headers that are no pairs',
    /^tells the request id and the headers as/,
    facts((known) => ({ ...known, headers: ['retry-after: 1'] as never })),
  ],
  [
    'facts that are told when all is over',
    /^tells the request id and the headers as/,
    {
      ask: (request, { received, ...context }) => {
        const later: Context['received'] = (known) => void setTimeout(() => received(known), 20);
        return [request, { ...context, received: later }];
      },
    },
  ],
  [
    'a refusal of which nothing is told',
    /^tells the request id and the headers of a refusal/,
    facts(() => ({})),
    ['http-503'],
  ],
  ['no ear for a signal that was aborted', /^rejects when the signal was aborted before/, deaf],
  ['no ear for a signal', /^stops in the middle/, deaf, ['stall']],
  ['no ear for a signal in silence', /silence-before-headers, streamed$/, deaf, ['silence-before-headers']],
  ['no ear for a signal in silence', /silence-before-headers, whole$/, deaf, ['silence-before-headers']],
  [
    'a stream that is not let go',
    /^closes the connection when the reader leaves/,
    {
      chunks: (chunks) => {
        const inner = chunks[Symbol.asyncIterator]();
        return { [Symbol.asyncIterator]: () => ({ next: () => inner.next() }) };
      },
    },
    ['stall'],
  ],
  ['a grudge', /^answers again after a failure/, sulking, ['http-503']],
  ['errors of any class', /^http-503, streamed/, errors(({ message }) => new Error(message)), ['http-503']],
  ['errors of any class', /^http-503, whole/, errors(({ message }) => new Error(message)), ['http-503']],
  ['one code for all', /^unauthorized, whole/, errors(() => new TransportError('server_error', 'x')), ['unauthorized']],
  [
    "another provider's name",
    /^http-500, whole/,
    errors(() => new TransportError('server_error', 'x', { provider: 'other' })),
    ['http-500'],
  ],
  [
    'a key in an error',
    /^unauthorized, streamed/,
    errors((error) => new TransportError(error.code, `no such key: ${key}`)),
    ['unauthorized'],
  ],
  [
    'a prompt in an error',
    /^http-500, streamed/,
    errors((error, { prompt }) => new TransportError(error.code, `cannot say ${prompt}`)),
    ['http-500'],
  ],
  ...(['cut-end', 'missing-terminal-event', 'cut-reset', 'empty-200'] as const).map(
    (fault): Case => [
      'an end that it makes up',
      new RegExp(`^${fault}, streamed`),
      {
        chunks: async function* (chunks) {
          let ended = false;
          try {
            for await (const chunk of chunks) {
              ended = chunk.type === 'finish';
              yield chunk;
            }
          } catch {}
          if (!ended) yield finish;
        },
      },
      [fault],
    ],
  ),
  [
    'half an answer for a whole one',
    /^cut-reset, whole/,
    {
      answer: (answer) =>
        answer.catch(() => ({
          ...{ text: 'half', toolCalls: [], reasoning: undefined, usage: undefined },
          ...{ finishReason: 'stop', model: 'm', raw: undefined },
        })),
    },
    ['cut-reset'],
  ],
  ['fear of a limit', /^length, streamed/, each((c) => (c.type === 'finish' ? [] : [c])), ['length']],
];
