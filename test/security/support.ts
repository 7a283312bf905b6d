import { Console } from 'node:console';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import OpenAI from 'openai';
import pino from 'pino';
import {
  type CompletionRequest,
  type Provider,
  type Transport,
  TransportError,
  type TransportEvent,
} from '../../src/index.ts';
import { callable } from '../../src/providers/callable.ts';
import { type Canary, keys } from './canaries.ts';

/** How a server answers one request. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A server whose answer the test can change. */
export async function server() {
  let current: Answer = (response) => response.end();
  let requests = 0;
  const http = createServer((request, response) => {
    requests += 1;
    request.resume();
    request.on('end', () => current(response, request));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    answer(next: Answer) {
      current = next;
    },
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(resolve);
      }),
  };
}

export type Server = Awaited<ReturnType<typeof server>>;

export function body(status: number, text: string, type = 'application/json'): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': type });
    response.end(text);
  };
}

export function events(...data: readonly string[]): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(data.map((text) => `data: ${text}\n\n`).join(''));
  };
}

export const content = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  model: 'gpt-test',
  choices: [{ index: 0, delta: { role: 'assistant', content: 'Well, ' }, finish_reason: null }],
});

/** The ways in which a server says what it should keep to itself; `says` is the sentence. */
export const leakyAnswers: readonly { readonly name: string; readonly answer: (says: string) => Answer }[] = [
  ...[400, 401, 402, 403, 404, 413, 422, 429, 500, 503].map((status) => ({
    name: `${status}`,
    answer: (says: string) =>
      body(status, JSON.stringify({ error: { message: says, type: 'some_error', code: null } })),
  })),
  {
    name: '400 of a gateway',
    answer: (says) => body(400, JSON.stringify({ detail: [{ msg: says, input: says }], title: says })),
  },
  {
    name: '502 of a gateway that wraps another',
    answer: (says) =>
      body(
        502,
        JSON.stringify({
          error: { message: 'Upstream', metadata: { raw: JSON.stringify({ error: { message: says } }) } },
        }),
      ),
  },
  { name: '500 with plain text', answer: (says) => body(500, says, 'text/plain') },
  { name: '500 with a web page', answer: (says) => body(500, `<html><body>${says}</body></html>`, 'text/html') },
  { name: '400 with malformed JSON', answer: (says) => body(400, `{"error": {"message": ${JSON.stringify(says)}, `) },
  { name: '200 with an error', answer: (says) => body(200, JSON.stringify({ error: { message: says, code: 500 } })) },
  { name: '200 with a web page', answer: (says) => body(200, `<!doctype html>${says}`, 'text/html') },
  { name: '200 with malformed JSON', answer: (says) => body(200, `{"id": ${JSON.stringify(says)}, !}`) },
  { name: '200 with half the JSON', answer: (says) => body(200, `{"choices": [], "debug": ${JSON.stringify(says)}`) },
  {
    name: 'an error event, first',
    answer: (says) => events(JSON.stringify({ error: { message: says, type: 'server_error' } })),
  },
  {
    name: 'an error event, later',
    answer: (says) => events(content, JSON.stringify({ error: { message: says, code: 'x' } })),
  },
  { name: 'an event that is not JSON', answer: (says) => events(content, `{"choices": ${says}`) },
  { name: 'no terminal event', answer: (says) => events(content, JSON.stringify({ choices: [], debug: says })) },
];

/** An SDK client that holds the canary. */
export function clientOf(host: string, { key, by = 'apiKey' }: Canary): OpenAI {
  const [id = '', secret = ''] = key.split(' ');
  const plain = { baseURL: `http://${host}/v1`, apiKey: 'unused', maxRetries: 0, logLevel: 'off' as const };
  switch (by) {
    case 'apiKey':
      return new OpenAI({ ...plain, apiKey: key });
    case 'api-key header':
      return new OpenAI({ ...plain, defaultHeaders: { 'api-key': key, authorization: null } });
    case 'basic': {
      const authorization = `Basic ${Buffer.from(key).toString('base64')}`;
      return new OpenAI({ ...plain, defaultHeaders: { authorization } });
    }
    case 'userinfo':
      return new OpenAI({ ...plain, baseURL: `http://service:${encodeURIComponent(key)}@${host}/v1` });
    case 'query':
      return new OpenAI({ ...plain, defaultQuery: { key } });
    case 'aws':
      return new OpenAI({ ...plain, defaultHeaders: { 'x-amz-access-key': id, 'x-amz-secret-key': secret } });
  }
}

/** The credentials as they stand in messages: an AWS pair is two. */
export function partsOf({ key }: Canary): string[] {
  return key.split(' ');
}

/** Everything that people do with an error to see what is in it: what each shows. */
export function views(error: unknown): ReadonlyMap<string, string> {
  const seen = new Map<string, string>();
  const lines: string[] = [];
  const stream = new PassThrough();
  stream.on('data', (data) => lines.push(String(data)));
  const console = new Console({ stdout: stream, stderr: stream });
  console.log(error);
  console.error('failed: %s %o %O %j', error, error, error, error);
  console.dir(error, { depth: 8, showHidden: true });
  const logger = pino({ serializers: { error: pino.stdSerializers.errWithCause } }, stream);
  logger.error(error as Error);
  logger.error({ err: error, error, nested: { error } }, 'failed');
  stream.read();
  seen.set('console and pino', lines.join('\n'));
  seen.set('inspect', inspect(error));
  seen.set('inspect at depth 8', inspect(error, { depth: 8, showHidden: true }));
  seen.set('inspect, its own view', inspect(error, { depth: 20, showHidden: true, customInspect: false }));
  seen.set('JSON', JSON.stringify([error, { error }]));
  const clone = structuredClone(error);
  seen.set('structuredClone', inspect(clone, { depth: 20, showHidden: true, customInspect: false }));
  seen.set('String', `${String(error)} ${Object.prototype.toString.call(error)}`);
  let depth = 0;
  for (let cause = error; cause !== undefined && depth < 10; cause = (cause as Error).cause, depth += 1) {
    seen.set(`message of cause ${depth}`, String((cause as Error).message));
    seen.set(`stack of cause ${depth}`, String((cause as Error).stack));
  }
  seen.set('everything reachable', reachable(error).join('\n'));
  return seen;
}

/** Every text that can be reached from a value by its own properties; throws for what has no business there. */
export function reachable(value: unknown): string[] {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  const visit = (part: unknown, path: string): void => {
    if (typeof part === 'string') texts.push(part);
    if (typeof part === 'function') throw new Error(`a function can be reached from an error: ${path}`);
    if (typeof part !== 'object' || part === null || seen.has(part)) return;
    seen.add(part);
    const prototype = Object.getPrototypeOf(part);
    const known = [Object.prototype, Array.prototype, TransportError.prototype, null].includes(prototype);
    if (!known) throw new Error(`a ${prototype.constructor.name} can be reached from an error: ${path}`);
    for (const key of Reflect.ownKeys(part)) {
      texts.push(String(key));
      const descriptor = Object.getOwnPropertyDescriptor(part, key);
      // V8 gives errors a `stack` accessor of its own.
      const inner = key === 'stack' ? (part as { stack: unknown }).stack : descriptor?.value;
      if (key !== 'stack' && descriptor?.get !== undefined) throw new Error(`an accessor: ${path}.${String(key)}`);
      visit(inner, `${path}.${String(key)}`);
    }
  };
  visit(value, 'error');
  return texts;
}

/** Process warnings are told to whoever reads the log: kept here. Returns the way to stop. */
export function keepWarnings(): () => void {
  const keep = (warning: Error): void => {
    warnings.push(inspect(warning, { depth: 8, showHidden: true }));
  };
  process.on('warning', keep);
  return () => process.off('warning', keep);
}

export const warnings: string[] = [];

/** What one call has told whom. */
export interface Told {
  readonly error: unknown;
  readonly told: ReadonlyMap<string, string>;
}

/** Listens to all that a transport tells while something is done with it. */
export async function listening(transport: Transport, act: () => Promise<unknown>): Promise<Told> {
  const events: TransportEvent[] = [];
  const off = transport.on('*', (event) => events.push(event));
  let error: unknown;
  try {
    await act();
  } catch (thrown) {
    error = thrown;
  }
  const told = new Map(error === undefined ? [] : views(error));
  told.set('events', inspect(events, { depth: 10, showHidden: true }) + JSON.stringify(events));
  told.set('health', inspect(transport.health(), { depth: 10, showHidden: true }) + JSON.stringify(transport.health()));
  told.set(
    'ledger',
    inspect(
      events.findLast(({ type }) => type === 'call:end'),
      { depth: 10 },
    ),
  );
  off();
  await transport.close();
  told.set('warnings', warnings.join('\n'));
  return { error, told };
}

/** Calls, and reads what comes; the last stream's `completion` is looked at too. */
export async function complete(transport: Transport, request: CompletionRequest, stream: boolean): Promise<void> {
  if (!stream) return void (await transport.complete({ ...request, stream: false }));
  const reply = await transport.complete({ ...request, stream: true });
  for await (const _ of reply);
}

/** Secrets that were told, and where. */
export function found({ told }: Told, leaksIn: (text: string) => string[]): string[] {
  const places = new Map<string, string[]>();
  for (const [view, text] of told)
    for (const piece of leaksIn(text)) places.set(piece, [...(places.get(piece) ?? []), view]);
  return [...places].map(([piece, views]) => `${piece} in ${views.join(', ')}`);
}

export const alone = { retry: false, circuitBreaker: false, rateLimit: false } as const;

/** One of a list, for a number of any size. */
export function pick<Item>(items: readonly Item[], number: number): Item {
  return items[number % items.length] as Item;
}

export const plainKey = keys[1] as Canary;

/** A provider whose both ways end by throwing. */
export function throwing(thrown: unknown): Provider {
  return callable({
    name: 'mine',
    complete: () => {
      throw thrown;
    },
    async *stream() {
      yield 'Well, ';
      throw thrown;
    },
  });
}

/** Errors of other people's libraries, with a text at every place where they put one. */
export function strangers(says: string): [string, unknown][] {
  const withFields = (error: Error, fields: object): Error => Object.assign(error, fields);
  const headers = { authorization: says, 'x-api-key': says };
  return [
    ['Error', new Error(says)],
    ['TypeError', new TypeError(says)],
    ['SyntaxError', new SyntaxError(`Unexpected token in JSON: ${says}`)],
    ['a text', says],
    ['an object', { message: says, headers, config: { headers } }],
    [
      'causes',
      new Error('outer', { cause: new Error('inner', { cause: withFields(new Error(says), { code: says }) }) }),
    ],
    ['AggregateError', new AggregateError([new Error(says), new Error('other')], says)],
    [
      'axios',
      withFields(new Error('Request failed with status code 400'), {
        name: 'AxiosError',
        code: 'ERR_BAD_REQUEST',
        config: { headers, data: says },
        request: { _header: says },
        response: { status: 400, headers, data: { error: { message: says } } },
      }),
    ],
    [
      'the AI SDK',
      withFields(new Error(says), {
        name: 'AI_APICallError',
        statusCode: 400,
        url: `https://gateway.example/?key=${encodeURIComponent(says)}`,
        requestBodyValues: { messages: [says] },
        responseHeaders: headers,
        responseBody: JSON.stringify({ error: { message: says } }),
      }),
    ],
    [
      'an SDK',
      withFields(new Error(`429 ${says}`), { status: 429, headers, error: { message: says }, requestID: null }),
    ],
    [
      'a connection',
      withFields(new TypeError('fetch failed'), { cause: withFields(new Error(says), { code: 'ECONNRESET' }) }),
    ],
    ['TransportError', new TransportError('server_error', says, { cause: new Error(says) })],
    [
      'TransportError around another',
      new TransportError('overloaded', 'busy', {
        cause: new TransportError('server_error', says, { cause: new Error(says) }),
      }),
    ],
  ];
}
