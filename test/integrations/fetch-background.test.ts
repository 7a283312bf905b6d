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

interface Told {
  readonly bytes: Buffer;
  readonly error: unknown;
  readonly requests: readonly Seen[];
}

/** Asks for an answer, and reads all that comes of it. */
async function told(fetch: TransportFetch, id: string, story: Partial<Story> & Pick<Story, 'events'>): Promise<Told> {
  let begins = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begins = resolve;
  });
  const whole = { cuts: [], isGzipped: false, sizeOfPiece: () => 500, begun, ...story };
  const requests = server.tell(id, whole);
  const pieces: Uint8Array[] = [];
  let error: unknown;
  try {
    const response = await fetch(`${server.origin}/v1/responses?api-version=preview`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer sk-canary', 'x-case': id },
      body: JSON.stringify({ model: 'm', input: 'Hello', background: true, stream: true }),
    });
    begins();
    for await (const piece of response.body ?? []) pieces.push(piece);
  } catch (thrown) {
    error = thrown;
  } finally {
    begins();
  }
  return { bytes: Buffer.concat(pieces), error, requests };
}

describe('bytes', () => {
  /** Silence is noticed after this (milliseconds). Where it is taken for one too early, that is one connection more. */
  const idleMs = 250;
  const ways: readonly Cut['by'][] = ['stall', 'close', 'end', 'reset', 'close', 'end', 'reset'];

  it(`of ${runs} streams, cut anywhere, up to five times each, are those of a stream that was not`, async () => {
    const fetch = fetchWith({ timeout: { idleMs } });
    const events: TransportEvent[] = [];
    fetch.transport.on('*', (event) => void events.push(event));
    let cuts = 0;
    let looks = 0;
    const check = async (seed: number): Promise<void> => {
      const random = randomFrom(seed);
      const isSaid = random() < 0.7;
      const story = {
        events: eventsOf(random, isSaid),
        isGzipped: random() < 0.25,
        cuts: Array.from(
          { length: 1 + Math.floor(random() * 5) },
          (_, at): Cut => ({
            ratio: random(),
            where: pick(random, ['byte', 'event', 'character']),
            by: isSaid ? pick(random, ways) : at > 0 ? pick(random, ways.slice(1)) : 'end',
          }),
        ),
        sizeOfPiece: () => 1 + Math.floor(random() ** 3 * 1_000),
      };
      cuts += story.cuts.length;
      const { bytes, error, requests } = await told(fetch, `cut-${seed}`, story);
      looks += requests.length - 1;
      expect({ seed, error, text: bytes.toString() }).toEqual({
        seed,
        error: undefined,
        text: wholeOf(story.events).toString(),
      });
      expect(bytes.equals(wholeOf(story.events))).toBe(true);
      const looked = requests.slice(1).filter(({ url }) => !url.startsWith('/v1/responses/resp_%C3%BC%2F1?'));
      expect({ seed, looked, asked: requests.map(({ method }) => method) }).toEqual({
        ...{ seed, looked: [] },
        asked: ['POST', ...requests.slice(1).map(() => 'GET')],
      });
    };
    let next = 0;
    const some = async (): Promise<void> => {
      while (next < runs) {
        next += 1;
        await check(next);
      }
    };
    await Promise.all(Array.from({ length: 20 }, some));
    // Most of the cuts were really made.
    expect(looks).toBeGreaterThan(runs);
    expect(looks).toBeGreaterThan(cuts / 2);
    const of = (type: string) => events.filter((event) => event.type === type).length;
    expect([of('attempt:start'), of('attempt:end'), of('retry')]).toEqual([runs, runs, 0]);
    expect(of('resume')).toBeGreaterThan(runs / 2);
    expect(fetch.transport.usage()).toMatchObject({ attempts: runs, estimated: 0, unreported: 0 });
    expect(fetch.transport.health().every(({ lastError, inFlight }) => lastError === undefined && inFlight === 0)).toBe(
      true,
    );
  });
});
