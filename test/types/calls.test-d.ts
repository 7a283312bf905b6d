/** What the types of calls and wrapped functions promise, case by case. Compiled by `npm run check`, never run. */

import * as z from 'zod';
import {
  type CallInfo,
  type Completion,
  type CompletionRequest,
  type CompletionStream,
  createTransport,
  type Message,
  type Provider,
  type Schema,
  type SchemaOption,
  type Tool,
  type Transport,
  TransportError,
  type Wrapped,
  wrap,
} from '../../src/index.ts';
import { exactly } from './exactly.ts';

declare const llm: Transport;
declare const prompt: string;

export async function overloads(): Promise<void> {
  // A request that is one or the other is answered by one or the other.
  const either: CompletionRequest = { prompt, stream: Math.random() > 0.5 };
  const answer = await llm.complete(either);
  exactly<Completion<unknown> | CompletionStream<unknown>>()(answer);
  if ('completion' in answer) exactly<Completion<unknown>>()(await answer.completion);
  else exactly<string>()(answer.text);
  exactly<Completion<unknown> | CompletionStream<unknown>>()(await llm.complete({ prompt, stream: true as boolean }));
  // What is written down first keeps its kind.
  const streaming = { prompt, stream: true } as const;
  exactly<CompletionStream<unknown>>()(await llm.complete(streaming));
  const whole = { prompt } satisfies CompletionRequest;
  exactly<Completion<unknown>>()(await llm.complete(whole));
  // @ts-expect-error a stream, or not: no other word
  await llm.complete({ prompt, stream: 'yes' });
  // @ts-expect-error there is something to ask
  await llm.complete();
  // @ts-expect-error milliseconds are a number
  await llm.complete({ prompt }, { timeoutMs: '5s' });
  // @ts-expect-error there is no such call option
  await llm.complete({ prompt }, { retries: 3 });
  // @ts-expect-error an entry of a key, not a value
  await llm.complete({ prompt }, { values: ['acme'] });
}

export async function schemas(): Promise<void> {
  const person = z.object({ name: z.string(), age: z.number().optional(), tags: z.array(z.enum(['a', 'b'])) });
  const { object } = await llm.complete({ prompt, schema: person });
  exactly<{ name: string; age?: number | undefined; tags: ('a' | 'b')[] }>()(object);
  exactly<string | number>()((await llm.complete({ prompt, schema: z.union([z.string(), z.number()]) })).object);
  // What comes out counts, not what goes in.
  exactly<number>()((await llm.complete({ prompt, schema: z.string().transform(Number) })).object);
  exactly<string>()((await llm.complete({ prompt, schema: z.string().default('none') })).object);

  // Another library's, of the same standard.
  const other: Schema<bigint> = {
    '~standard': { version: 1, vendor: 'mine', validate: (value) => ({ value: BigInt(value as number) }) },
  };
  exactly<bigint>()(
    (await llm.complete({ prompt, schema: { schema: other, jsonSchema: { type: 'integer' } } })).object,
  );
  const stream = await llm.complete({ prompt, schema: other, stream: true });
  exactly<bigint>()((await stream.completion).object);
  // A JSON Schema alone says nothing to the compiler.
  exactly<unknown>()((await llm.complete({ prompt, schema: { jsonSchema: { type: 'integer' } } })).object);
  const option: SchemaOption<bigint> = other;
  exactly<bigint>()((await llm.complete({ prompt, schema: option })).object);
  // @ts-expect-error a schema has a JSON Schema beside it, not instead of a name
  await llm.complete({ prompt, schema: { schema: other, name: 'x' } });
}

export function requests(): void {
  const messages: Message[] = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'What is this?' }] },
    { role: 'user', content: [{ type: 'image', image: new Uint8Array(), mediaType: 'image/png' }] },
    { role: 'user', content: [{ type: 'file', data: 'https://example.com/a.pdf', mediaType: 'application/pdf' }] },
    { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'get_time', input: {} }] },
    { role: 'tool', toolCallId: '1', content: '12:00' },
  ];
  const tools: Tool[] = [{ name: 'get_time', inputSchema: z.object({ zone: z.string() }) }];
  const request: CompletionRequest = { messages, tools, toolChoice: { tool: 'get_time' }, reasoning: 'low' };
  void llm.complete({ ...request, require: { capabilities: ['tools', 'images'], region: 'eu', tags: ['fast'] } });
  void llm.complete({ ...request, metadata: { user: 7, beta: true }, providerOptions: { openai: { user: 'x' } } });
  // @ts-expect-error there is no such capability
  void llm.complete({ ...request, require: { capabilities: ['magic'] } });
  // @ts-expect-error metadata is flat
  void llm.complete({ ...request, metadata: { user: { id: 7 } } });
  // @ts-expect-error a system message is a text
  messages.push({ role: 'system', content: [{ type: 'text', text: '' }] });
  // @ts-expect-error a file says what it is
  messages.push({ role: 'user', content: [{ type: 'file', data: '' }] });
  // @ts-expect-error only a model calls tools
  messages.push({ role: 'user', content: '', toolCalls: [] });
  // @ts-expect-error a tool has a schema
  tools.push({ name: 'get_time' });
}

export async function wrapping(): Promise<void> {
  // The input and the result are the function's own.
  const ask = wrap(async ({ question }: { question: string }, info) => {
    exactly<CallInfo>()(info);
    return { answer: question.length };
  });
  exactly<Wrapped<{ question: string }, { answer: number }>>()(ask);
  exactly<{ answer: number }>()(await ask({ question: prompt }, { timeoutMs: 5, priority: 'batch' }));
  exactly<Transport>()(ask.transport);
  // @ts-expect-error the function's input
  await ask({});
  // @ts-expect-error call options come second, and are the transport's
  await ask({ question: prompt }, { max_tokens: 5 });
  // @ts-expect-error a function that promises
  wrap((question: string) => question.length);

  // A stream stays one of the same items, whatever else the function's object can do.
  interface Items extends AsyncIterable<{ delta: string }> {
    abort(): void;
  }
  const stream = wrap(async (_question: string): Promise<Items> => ({}) as Items);
  const items = await stream(prompt);
  exactly<AsyncIterable<{ delta: string }>>()(items);
  for await (const { delta } of items) exactly<string>()(delta);
  // @ts-expect-error the function's own object is not handed out
  items.abort();

  // One that does either.
  const either = wrap(async (_: { stream: boolean }): Promise<number | AsyncIterable<string>> => 1);
  exactly<number | AsyncIterable<string>>()(await either({ stream: true }));

  // Several that can stand in for each other take and give the same.
  const several = wrap([
    { name: 'eu', domain: 'eu', limits: { concurrency: 2 }, call: async (question: string) => question.length },
    {
      name: 'us',
      traits: { weight: 2 },
      call: async (question: string, { signal }) => Number(signal.aborted) + question.length,
    },
  ]);
  exactly<number>()(await several(prompt));
  wrap([
    { name: 'eu', call: async (question: string) => question.length },
    // @ts-expect-error another result
    { name: 'us', call: async (question: string) => question },
  ]);
  wrap([
    { name: 'eu', call: async (question: string) => question.length },
    // @ts-expect-error another input
    { name: 'us', call: async (question: Date) => question.getTime() },
  ]);

  // Options see the result; layers are those of a transport, without its providers.
  wrap(async (question: string) => ({ words: question.split(' ') }), {
    describe: ({ words }) => ({ text: words.join(' '), usage: { inputTokens: 1, outputTokens: words.length } }),
    classify: (error) => (error instanceof TypeError ? new TransportError('unsupported', 'x') : undefined),
    retry: { retries: 1 },
    hedge: { afterMs: 500 },
    timeout: false,
  });
  // @ts-expect-error what is known of a result is part of an answer
  wrap(async (question: string) => question, { describe: () => ({ words: 3 }) });
  // @ts-expect-error an error is judged by making one
  wrap(async (question: string) => question, { classify: () => 'timeout' });
}

export async function closing(): Promise<void> {
  const own = createTransport({ providers: [{} as Provider] });
  exactly<Promise<void>>()(own.close());
  await own.close({ timeoutMs: 0 });
  await own[Symbol.asyncDispose]();
  // @ts-expect-error there is no such option
  await own.close({ force: true });
  // @ts-expect-error by name
  own.reset();
}
