/** What the types promise. Compiled by `npm run check`, never run: a wrong usage that compiles is an unused `@ts-expect-error`. */

import type OpenAI from 'openai';
import * as z from 'zod';
import {
  type Attempt,
  type Completion,
  type CompletionRequest,
  type CompletionStream,
  contextKey,
  createTransport,
  type ErrorCode,
  type HealthSnapshot,
  type Middleware,
  mapChunks,
  type Provider,
  priority,
  replyFrom,
  type Strategy,
  TransportError,
  type TransportEvent,
  wrap,
} from '../../src/index.ts';
import { callable } from '../../src/providers/callable.ts';
import { openai } from '../../src/providers/openai.ts';
import { simulated } from '../../src/testing/index.ts';
import { exactly } from './exactly.ts';

declare const client: OpenAI;

export async function complete(): Promise<void> {
  const llm = createTransport({ providers: [simulated()] });

  // Unary unless it says `stream: true`.
  exactly<Completion<unknown>>()(await llm.complete({ prompt: 'Hi' }));
  exactly<Completion<unknown>>()(await llm.complete({ prompt: 'Hi', stream: false }));
  exactly<CompletionStream<unknown>>()(await llm.complete({ prompt: 'Hi', stream: true }));
  exactly<string>()((await llm.complete({ messages: [{ role: 'user', content: 'Hi' }] })).text);

  // A schema types the answer, by itself or with its description beside it.
  const schema = z.object({ city: z.string(), inhabitants: z.number() });
  interface City {
    city: string;
    inhabitants: number;
  }
  const whole = await llm.complete({ prompt: 'Hi', schema });
  exactly<string>()(whole.object.city);
  exactly<number>()(whole.object.inhabitants);
  const described = await llm.complete({ prompt: 'Hi', schema: { schema, jsonSchema: { type: 'object' } } });
  exactly<number>()(described.object.inhabitants);
  const streamed = await llm.complete({ prompt: 'Hi', schema, stream: true });
  exactly<string>()((await streamed.completion).object.city);
  const given = await llm.complete<City>({ prompt: 'Hi', schema: { jsonSchema: { type: 'object' } } });
  exactly<City>()(given.object);
  // A schema that transforms: what comes out counts.
  const date = await llm.complete({ prompt: 'Hi', schema: z.string().transform((text) => new Date(text)) });
  exactly<Date>()(date.object);
  // @ts-expect-error there is no such field in the answer
  whole.object.country;
  // @ts-expect-error without a schema nothing is known of the answer
  (await llm.complete({ prompt: 'Hi' })).object.city;

  for await (const chunk of streamed) {
    if (chunk.type === 'text') exactly<string>()(chunk.text);
    // @ts-expect-error not every chunk has a text
    chunk.text;
  }
  for await (const text of streamed.text) exactly<string>()(text);

  // @ts-expect-error a unary answer is no stream
  for await (const _ of await llm.complete({ prompt: 'Hi' }));
  // @ts-expect-error a stream has no text yet
  (await llm.complete({ prompt: 'Hi', stream: true })).text.length;
  // @ts-expect-error a prompt is a text
  await llm.complete({ prompt: 7 });
  // @ts-expect-error there is no such option
  await llm.complete({ prompt: 'Hi', max_tokens: 5 });
  // @ts-expect-error there is no such role
  await llm.complete({ messages: [{ role: 'robot', content: 'Hi' }] });
  // @ts-expect-error a tool's result says whose it is
  await llm.complete({ messages: [{ role: 'tool', content: 'Hi' }] });
  // @ts-expect-error a schema is not a JSON Schema by itself
  await llm.complete({ prompt: 'Hi', schema: { type: 'object' } });
  // @ts-expect-error the controller is not the signal
  await llm.complete({ prompt: 'Hi' }, { signal: new AbortController() });
  // @ts-expect-error there are three priorities
  await llm.complete({ prompt: 'Hi' }, { priority: 'urgent' });
  const request: CompletionRequest = { prompt: 'Hi' };
  // @ts-expect-error a request is not changed by anybody
  request.prompt = 'Ho';

  exactly<readonly HealthSnapshot[]>()(llm.health());
  await using closing = llm;
  closing.reset('simulated');
}

export function options(): void {
  const provider: Provider = simulated();
  createTransport({
    providers: [provider],
    route: priority(),
    retry: false,
    timeout: { idleMs: Number.POSITIVE_INFINITY },
  });
  // @ts-expect-error there is no such option
  createTransport({ providers: [provider], retires: 3 });
  // @ts-expect-error there is no such option of a layer
  createTransport({ providers: [provider], retry: { retires: 3 } });
  // @ts-expect-error a layer is off with `false`
  createTransport({ providers: [provider], retry: true });
  openai({ client, model: 'm', limits: { requestsPerMinute: 500 } });
  // @ts-expect-error a client, not a key
  openai({ client: 'sk-…', model: 'm' });
  // @ts-expect-error a model is needed
  openai({ client });
  callable({ name: 'mine', complete: async ({ prompt = '' }, { signal }) => (signal.aborted ? '' : prompt) });
  callable({
    name: 'mine',
    async *stream() {
      yield 'text';
      yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'mine' };
    },
  });
  // @ts-expect-error an answer is a text or an object
  callable({ name: 'mine', complete: () => 7 });
}

export function events(): void {
  const llm = createTransport({ providers: [simulated()] });
  const off = llm.on('retry', (event) => {
    exactly<number>()(event.waitMs);
    exactly<ErrorCode>()(event.code);
    exactly<string>()(event.transactionId);
    // @ts-expect-error this is in another event
    event.ledger;
  });
  exactly<() => void>()(off);
  llm.on('call:end', (event) => exactly<readonly Attempt[]>()(event.attempts));
  llm.on('attempt:end', (event) => exactly<Attempt>()(event.ledger));
  llm.on('circuit:change', ({ to }) => exactly<'closed' | 'open' | 'half-open'>()(to));
  llm.on('*', (event) => {
    exactly<TransportEvent>()(event);
    if (event.type === 'route') exactly<string | undefined>()(event.chosen);
    // @ts-expect-error not every event has it
    event.waitMs;
  });
  // @ts-expect-error there is no such event
  llm.on('retyr', () => {});
}

export async function wrapped(): Promise<void> {
  const ask = wrap((params: OpenAI.ChatCompletionCreateParamsNonStreaming, { signal }) =>
    client.chat.completions.create(params, { signal, maxRetries: 0 }),
  );
  const body = { model: 'm', messages: [{ role: 'user' as const, content: 'Hi' }] };
  // Exactly what the SDK's own call gives.
  const same = async () => client.chat.completions.create(body);
  exactly<Awaited<ReturnType<typeof same>>>()(await ask(body));
  exactly<string | null | undefined>()((await ask(body, { timeoutMs: 1_000 }))._request_id);
  // @ts-expect-error what the function takes
  await ask({ model: 'm' });
  ask.transport.health();

  const stream = wrap((params: OpenAI.ChatCompletionCreateParamsStreaming) => client.chat.completions.create(params));
  for await (const item of await stream({ ...body, stream: true })) exactly<OpenAI.ChatCompletionChunk>()(item);

  const several = wrap([
    { name: 'first', call: async (question: string) => ({ answer: question.length }) },
    { name: 'second', domain: 'elsewhere', call: async (question: string) => ({ answer: question.length + 1 }) },
  ]);
  exactly<{ answer: number }>()(await several('Hi'));
  // @ts-expect-error a text
  await several(7);
  // @ts-expect-error each has a name
  wrap([{ call: async (question: string) => question }]);

  wrap(async (question: string) => question.length, {
    describe: (result) => ({ text: result.toFixed() }),
    classify: (error) => (error instanceof RangeError ? new TransportError('invalid_request', 'too long') : undefined),
  });
  // @ts-expect-error the functions are the providers
  wrap(async () => 1, { providers: [simulated()] });
}

export function middleware(): void {
  const tenant = contextKey('tenant', 'anonymous');
  const budget = contextKey<number | undefined>('budget', undefined);
  const own: Middleware = (next, mount) => {
    exactly<string | undefined>()(mount.provider?.name);
    return async (request, context) => {
      exactly<string>()(context.get(tenant));
      exactly<number | undefined>()(context.get(budget));
      const reply = await next({ ...request, temperature: 0 }, context.with(tenant.of('acme'), budget.of(5)));
      const outcome = await reply.done;
      if (outcome.ok) return replyFrom(outcome.completion);
      exactly<TransportError>()(outcome.error);
      return mapChunks(reply, (chunk) => (chunk.type === 'reasoning' ? undefined : chunk));
    };
  };
  // @ts-expect-error a value of the key's type
  tenant.of(7);
  // @ts-expect-error a handler answers with a reply
  const wrong: Middleware = () => async () => 'text';
  createTransport({ providers: [simulated()], use: [own, wrong], useEach: [own] });
  // @ts-expect-error made, not named
  createTransport({ providers: [simulated()], use: ['log'] });
  const last: Strategy = (candidates) => candidates.at(-1);
  createTransport({ providers: [simulated()], route: last });
}

export function errors(error: unknown): string {
  if (!TransportError.is(error)) return '';
  exactly<ErrorCode>()(error.code);
  exactly<'never' | 'elsewhere' | 'again'>()(error.retry);
  switch (error.code) {
    case 'rate_limited':
      return `${error.retryAfterMs?.toFixed()}`;
    case 'stream_interrupted':
      return `${error.partial?.text}`;
    // @ts-expect-error there is no such code
    case 'rate_limit':
      return '';
    default:
      return error.message;
  }
}
