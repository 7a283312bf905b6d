import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TransportEvent } from '../../src/core/events.ts';
import { createFetch, type FetchOptions, type TransportFetch } from '../../src/integrations/fetch.ts';
import { randomFrom } from '../../src/testing/index.ts';
import { BackgroundServer, type Cut, type Seen, type Story } from './background-server.ts';

/** Responses that are made in the background come whole, byte for byte, over connections that break: real sockets. */

const runs = Number(process.env.CUTS ?? 400);
const words = [
  'grüße',
  ' 🚀',
  ' the',
  ' "quoted"',
  '\n',
  ' 漢字',
  ' 👩‍👩‍👧',
  ' data: x',
  '\u2028',
  ' event: y',
  '[DONE]',
];
const pick = <T>(random: () => number, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

let server: BackgroundServer;
const made: TransportFetch[] = [];
beforeAll(async () => {
  // Waits between looks are a random part of their longest: none, here.
  vi.spyOn(Math, 'random').mockReturnValue(0);
  server = await BackgroundServer.listening();
});
afterAll(async () => {
  vi.restoreAllMocks();
  for (const { transport } of made) await transport.close({ timeoutMs: 0 });
  await server[Symbol.asyncDispose]();
});

function fetchWith(options: FetchOptions = {}): TransportFetch {
  const fetch = createFetch({ retry: false, ...options });
  made.push(fetch);
  return fetch;
}

/** What a model says in the background, as a server writes it: any ends of lines, comments, first numbers. */
function eventsOf(random: () => number, isSaid = true, count = 2 + Math.floor(random() * 14)): Story['events'] {
  const end = pick(random, ['\n', '\r\n', '\r']);
  const first = pick(random, [0, 1]);
  // Where it is not said, nothing is handed on before the first content.
  const background = isSaid ? { background: true } : {};
  const said = Array.from({ length: count }, () => pick(random, words));
  const call = { id: 'fc_1', type: 'function_call', call_id: 'c', name: 'wetter', arguments: '{"ort":"Zürich"}' };
  const response = { id: 'resp_ü/1', model: 'm', status: 'queued', ...background };
  const events = [
    { type: 'response.created', response },
    { type: 'response.in_progress', response: { ...response, status: 'in_progress' } },
    ...said.map((delta) => ({ type: 'response.output_text.delta', item_id: 'msg_1', delta })),
    { type: 'response.function_call_arguments.delta', delta: call.arguments },
    { type: 'response.output_item.done', item: call },
    {
      type: pick(random, ['response.completed', 'response.incomplete']),
      response: { ...response, status: 'completed', output: [call], usage: { input_tokens: 5, output_tokens: count } },
    },
  ];
  return events.map((event, at) => {
    const number = first + at;
    const comment = random() < 0.2 ? `: keep-alive${end}` : '';
    const data = JSON.stringify({ ...event, sequence_number: number });
    return { number, bytes: Buffer.from(`${comment}event: ${event.type}${end}data: ${data}${end}${end}`) };
  });
}

const wholeOf = (events: Story['events']): Buffer => Buffer.concat(events.map(({ bytes }) => bytes));

const asked = { model: 'm', input: 'Hello', background: true, stream: true } as const;

interface Told<T> {
  readonly pieces: readonly T[];
  readonly error: unknown;
  readonly requests: readonly Seen[];
}

/** Reads an answer in a client's way; `begun` when the client has it. Returns its bytes, or its events. */
type Reads<T> = (fetch: TransportFetch, id: string, begun: () => void) => AsyncIterable<T>;

async function* asBytes(fetch: TransportFetch, id: string, begun: () => void): AsyncIterable<Uint8Array> {
  const response = await fetch(`${server.origin}/v1/responses?api-version=preview`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-canary', 'x-case': id },
    body: JSON.stringify(asked),
  });
  begun();
  yield* response.body ?? [];
}

async function* asEvents(fetch: TransportFetch, id: string, begun: () => void): AsyncIterable<object> {
  const client = new OpenAI({
    baseURL: `${server.origin}/v1`,
    apiKey: 'sk-canary',
    fetch,
    maxRetries: 0,
    logLevel: 'off',
  });
  const stream = await client.responses.create(asked, { headers: { 'x-case': id } });
  begun();
  yield* stream;
}

/** Asks for an answer, and reads all that comes of it. */
async function told<T>(
  reads: Reads<T>,
  fetch: TransportFetch,
  id: string,
  story: Omit<Story, 'begun'>,
): Promise<Told<T>> {
  let begins = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begins = resolve;
  });
  const requests = server.tell(id, { ...story, begun });
  const pieces: T[] = [];
  let error: unknown;
  try {
    for await (const piece of reads(fetch, id, begins)) pieces.push(piece);
  } catch (thrown) {
    error = thrown;
  } finally {
    begins();
  }
  return { pieces, error, requests };
}

/** Random answers, cut as the cuts of each say; every one is to be that of a stream that was not. Returns how often the rest was asked for. */
async function read(
  fetch: TransportFetch,
  seeds: readonly number[],
  atOnce: number,
  cutsOf: CutsOf,
  bySdk = false,
): Promise<number> {
  let looks = 0;
  const left = [...seeds];
  const check = async (seed: number): Promise<void> => {
    const random = randomFrom(seed);
    const isSaid = random() < 0.7;
    const story = {
      events: eventsOf(random, isSaid),
      isGzipped: random() < 0.25,
      cuts: [...cutsOf(random, isSaid)],
      sizeOfPiece: () => 1 + Math.floor(random() ** 3 * 1_000),
    };
    const { pieces, error, requests } = await told<object>(bySdk ? asEvents : asBytes, fetch, `cut-${seed}`, story);
    looks += requests.length - 1;
    if (bySdk) expect({ seed, error, pieces }).toEqual({ seed, error: undefined, pieces: story.events.map(dataOf) });
    else {
      const [bytes, whole] = [Buffer.concat(pieces as Uint8Array[]), wholeOf(story.events)];
      expect({ seed, error, text: bytes.toString() }).toEqual({ seed, error: undefined, text: whole.toString() });
      expect(bytes.equals(whole)).toBe(true);
    }
    const looked = requests.slice(1).filter(({ url }) => !url.startsWith('/v1/responses/resp_%C3%BC%2F1?'));
    expect({ seed, looked, asked: requests.map(({ method }) => method) }).toEqual({
      ...{ seed, looked: [] },
      asked: ['POST', ...requests.slice(1).map(() => 'GET')],
    });
  };
  const some = async (): Promise<void> => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) await check(seed);
  };
  await Promise.all(Array.from({ length: atOnce }, some));
  return looks;
}

function dataOf({ bytes }: Story['events'][number]): unknown {
  const text = bytes.toString();
  return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1));
}

type CutsOf = (random: () => number, isSaid: boolean) => readonly Cut[];

const cutBy = (random: () => number, by: Cut['by']): Cut => ({
  ...{ ratio: random(), where: pick(random, ['byte', 'event', 'character']), by },
});
const seedsFrom = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);

const upToFive: CutsOf = (random, isSaid) =>
  seedsFrom(0, 1 + Math.floor(random() * 5)).map((at) =>
    // Who is told nothing yet could not be waited for.
    cutBy(random, isSaid || at > 0 ? pick(random, ['close', 'end', 'reset']) : 'end'),
  );

// Hundreds of connections: on a busy machine many seconds.
describe('bytes', { timeout: 120_000 }, () => {
  it(`of ${runs} streams, cut anywhere, up to five times each, are those of a stream that was not`, async () => {
    const fetch = fetchWith();
    const events: TransportEvent[] = [];
    fetch.transport.on('*', (event) => void events.push(event));
    // Most of the cuts were really made.
    expect(await read(fetch, seedsFrom(1, runs), 20, upToFive)).toBeGreaterThan(1.5 * runs);
    const of = (type: string) => events.filter((event) => event.type === type).length;
    expect([of('attempt:start'), of('attempt:end'), of('retry')]).toEqual([runs, runs, 0]);
    expect(of('resume')).toBeGreaterThan(runs / 2);
    expect(fetch.transport.usage()).toMatchObject({ attempts: runs, estimated: 0, unreported: 0 });
    expect(fetch.transport.health().every(({ lastError, inFlight }) => lastError === undefined && inFlight === 0)).toBe(
      true,
    );
  });

  it(`of ${runs / 2} more are what OpenAI's SDK reads: every event once, and no other`, async () => {
    const looks = await read(fetchWith(), seedsFrom(20_000, runs / 2), 20, upToFive, true);
    expect(looks).toBeGreaterThan(0.75 * runs);
  });

  it('of fifty streams that fell silent anywhere are those of a stream that did not', async () => {
    // What is taken for silence too early is one connection more.
    const fetch = fetchWith({ timeout: { idleMs: 1_500 } });
    const looks = await read(fetch, seedsFrom(10_000, 50), 25, (random, isSaid) => [
      cutBy(random, isSaid ? 'stall' : 'end'),
    ]);
    expect(looks).toBeGreaterThan(25);
  });
});
