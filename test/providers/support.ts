import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import OpenAI, { type ClientOptions } from 'openai';
import type { TransportError } from '../../src/core/errors.ts';
import type { Chunk, CompletionRequest, Context, Provider, ReceivedFacts } from '../../src/core/types.ts';
import { type OpenAIOptions, openai } from '../../src/providers/openai.ts';

/** A request as the server got it. */
export interface Got {
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
  readonly url: string;
}

export type Answer = (response: ServerResponse, got: Got) => void;

/** A server that answers with whatever the test says, and knows its requests and its open sockets. */
export async function answering(first: Answer) {
  let answer = first;
  const requests: Got[] = [];
  const sockets = new Set<Socket>();
  let closedEarly = 0;
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => {
      text += piece;
    });
    response.on('close', () => {
      if (!response.writableEnded) closedEarly += 1;
    });
    request.on('end', () => {
      const got = {
        body: JSON.parse(text || '{}') as Record<string, unknown>,
        headers: request.headers,
        url: request.url ?? '',
      };
      requests.push(got);
      answer(response, got);
    });
  });
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    host: `127.0.0.1:${port}`,
    requests,
    get openSockets() {
      return sockets.size;
    },
    get connections() {
      return connections;
    },
    /** Answers whose connection was closed before the server had ended them. */
    get closedEarly() {
      return closedEarly;
    },
    answer(next: Answer) {
      answer = next;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type Server = Awaited<ReturnType<typeof answering>>;

export const apiKey = 'sk-canary-0123456789abcdef';

export function clientOf(server: Server, options: ClientOptions = {}): OpenAI {
  return new OpenAI({ baseURL: server.baseURL, apiKey, logLevel: 'off', ...options });
}

export function providerOf(server: Server, options: Partial<OpenAIOptions> = {}): Provider {
  return openai({ client: clientOf(server), model: 'gpt-test', name: 'primary', ...options });
}

/** As much of a context as an adapter needs. */
export function contextFor(signal: AbortSignal = new AbortController().signal) {
  const facts: ReceivedFacts[] = [];
  const context: Context = {
    transactionId: 'transaction-1',
    attempt: 1,
    signal,
    deadline: Number.POSITIVE_INFINITY,
    priority: 'default',
    attempts: [],
    get: (key) => key.initial,
    with: () => context,
    fork: () => context,
    publish: () => {},
    received: (more) => facts.push(more),
  };
  return {
    context,
    facts,
    header: (name: string) => facts.flatMap((fact) => [...(fact.headers ?? [])]).find(([key]) => key === name)?.[1],
    get raw() {
      return facts.find((fact) => fact.raw !== undefined)?.raw;
    },
    get requestId() {
      return facts.find((fact) => fact.providerRequestId !== undefined)?.providerRequestId;
    },
  };
}

export const hello: CompletionRequest = { prompt: 'Hello, what is the weather like?' };

/** Reads a stream to its end: its chunks, and the error with which it broke. */
export async function read(provider: Provider, request: CompletionRequest = hello, given = contextFor()) {
  const chunks: Chunk[] = [];
  let error: TransportError | undefined;
  try {
    for await (const chunk of provider.stream?.(request, given.context) ?? []) chunks.push(chunk);
  } catch (thrown) {
    error = thrown as TransportError;
  }
  return { ...summary(chunks), chunks, error, ...given };
}

export function summary(chunks: readonly Chunk[]) {
  const text = chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('');
  const reasoning = chunks.map((chunk) => (chunk.type === 'reasoning' ? chunk.text : '')).join('');
  const toolCalls = chunks.flatMap((chunk) => (chunk.type === 'toolCall' ? [chunk.toolCall] : []));
  const finish = chunks.flatMap((chunk) => (chunk.type === 'finish' ? [chunk] : []));
  return { text, reasoning, toolCalls, finish };
}

/** The error with which a promise rejects. */
export async function errorOf(promise: Promise<unknown>): Promise<TransportError> {
  try {
    await promise;
  } catch (error) {
    return error as TransportError;
  }
  throw new Error('expected a rejection');
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Events of data, then what `end` does; ends cleanly by default. */
export function sse(
  events: readonly unknown[],
  {
    headers = {},
    end = (response) => response.end(),
  }: { headers?: Record<string, string>; end?: (response: ServerResponse) => void } = {},
): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
    response.flushHeaders();
    for (const event of events)
      response.write(typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`);
    end(response);
  };
}

export const done = 'data: [DONE]\n\n';

export function delta(fields: Record<string, unknown>, finishReason: string | null = null) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'gpt-test-2026',
    choices: [{ index: 0, delta: fields, finish_reason: finishReason }],
  };
}

export const role = delta({ role: 'assistant', content: '', refusal: null });
export const usageChunk = {
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  model: 'gpt-test-2026',
  choices: [],
  usage: {
    prompt_tokens: 12,
    completion_tokens: 5,
    prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 3 },
  },
};
export const good = [role, delta({ content: 'Hel' }), delta({ content: 'lo' }), delta({}, 'stop'), usageChunk, done];

/** Waits until something is so; fails after two seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it never became so');
}
