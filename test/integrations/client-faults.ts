/** The table of clients under faults: its rows, and what one call of it comes to. */

import { createFetch } from '../../src/integrations/fetch.ts';
import {
  answerTo,
  type FaultChoice,
  faultOf,
  type RequestRecord,
  simulatedServer,
  tokensOf,
} from '../../src/testing/index.ts';
import { pause, within } from '../integration/support.ts';
import { type Client, type ClientName, clientMakers, prompt, Refusal } from './fetch-clients.ts';
import { cohereWire, ollamaWire, otherServer } from './other-wires.ts';

export const modes = ['whole', 'stream'] as const;
export type Mode = (typeof modes)[number];
export const columns = ['plain', 'createFetch'] as const;
export type Column = (typeof columns)[number];

/** Words of an answer, and after how many of them it is cut: two thirds. */
export const words = 60;
const cutAfter = 40;
/** Milliseconds after which a plain client is not waited for any longer. */
export const boundMs = 12_000;
/** Under a fetch a call that takes as long as this is hung: nothing in it waits for more than a few seconds. */
const hungMs = 30_000;
/** Rounds after the first, under a fetch. */
export const retries = 2;

/** One thing that goes wrong. */
export interface FaultRow {
  readonly name: string;
  /** Made anew for each request: a date is one from now. */
  readonly fault: () => FaultChoice;
  /** With one request after which all is well, or with all of them. */
  readonly strikes: 'once' | 'always';
  /** Milliseconds after a refusal, received at this moment, before which nobody may ask again. */
  readonly toldMs?: (receivedAt: number) => number;
  /** The caller leaves, in one way or the other. */
  readonly leaves?: 'abort' | 'break';
  /** Garbage is collected before. */
  readonly collects?: true;
}

const limit = { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests' };
const limited = (headers: Record<string, string>): FaultChoice => ({
  kind: 'status',
  status: 429,
  error: limit,
  headers,
});
/** A date has whole seconds. */
const dateAfter = (at: number) => Math.ceil((at + 2_000) / 1_000) * 1_000;

/** The 16 of the field, and what else breaks an answer. */
export const faultRows: readonly FaultRow[] = [
  { name: '503 for ever', fault: () => 'http-503', strikes: 'always' },
  { name: '429, `Retry-After: 1`', fault: () => 'rate-limited', strikes: 'once', toldMs: () => 1_000 },
  {
    name: '429, `retry-after-ms: 700`',
    fault: () => limited({ 'retry-after-ms': '700' }),
    strikes: 'once',
    toldMs: () => 700,
  },
  {
    name: '429, `Retry-After` with a date',
    fault: () => limited({ 'retry-after': new Date(dateAfter(Date.now())).toUTCString() }),
    strikes: 'once',
    toldMs: (receivedAt) => dateAfter(receivedAt) - receivedAt,
  },
  { name: '429, `Retry-After: 600`', fault: () => 'rate-limited-600s', strikes: 'always', toldMs: () => 600_000 },
  {
    name: '503, `x-should-retry: false`',
    fault: () => ({ kind: 'status', status: 503, headers: { 'x-should-retry': 'false' } }),
    strikes: 'always',
    toldMs: () => Number.POSITIVE_INFINITY,
  },
  { name: '400, content policy', fault: () => 'content-policy', strikes: 'always' },
  { name: '401', fault: () => 'unauthorized', strikes: 'always' },
  { name: `closed at ${cutAfter} of ${words}`, fault: () => cut('close'), strikes: 'once' },
  { name: `clean end at ${cutAfter} of ${words}`, fault: () => cut('end'), strikes: 'once' },
  { name: 'stall after 5 words', fault: () => 'stall', strikes: 'once' },
  { name: '200, then silence', fault: () => 'silence-after-headers', strikes: 'once' },
  { name: 'an error before the content', fault: () => 'stream-error-before-content', strikes: 'once' },
  { name: '`stop` without content', fault: () => 'empty-answer', strikes: 'once' },
  { name: 'the caller aborts', fault: () => 'ok', strikes: 'always', leaves: 'abort' },
  {
    name: 'the caller aborts, after garbage was collected',
    fault: () => 'ok',
    strikes: 'always',
    leaves: 'abort',
    collects: true,
  },
  { name: 'the reader leaves the loop', fault: () => 'ok', strikes: 'always', leaves: 'break' },
  { name: '200 with an error in it', fault: () => 'error-in-200', strikes: 'once' },
  {
    name: 'end in the middle of an event',
    fault: () => ({ kind: 'truncatedJson', afterTokens: cutAfter }),
    strikes: 'once',
  },
  { name: `reset at ${cutAfter} of ${words}`, fault: () => cut('reset'), strikes: 'once' },
  { name: 'reset before the headers', fault: () => 'reset-before-headers', strikes: 'once' },
];

function cut(by: 'close' | 'end' | 'reset'): FaultChoice {
  return { kind: 'cut', afterTokens: cutAfter, by };
}

/** True where a stream breaks when content of it was delivered. */
export function isLate({ fault }: FaultRow): boolean {
  return ['cut', 'stall', 'truncatedJson'].includes(faultOf(fault())?.kind ?? '');
}

/** True where nothing but a clock could end the call. */
export function isSilent({ fault }: FaultRow): boolean {
  const kind = faultOf(fault())?.kind;
  return kind === 'stall' || kind === 'silence';
}

/** Ollama's client can abort a stream, and nothing else. */
export function canBe(client: ClientName, row: FaultRow, mode: Mode): boolean {
  if (row.leaves === 'break') return mode === 'stream';
  return row.leaves === undefined || mode === 'stream' || client !== 'ollama';
}

export interface Job {
  readonly client: ClientName;
  readonly row: FaultRow;
  readonly mode: Mode;
  readonly column: Column;
}

/** What a call came to. */
export interface Cell {
  /**
   * `right`: the full, exact answer. `wrong`: anything else, reported as success. `refusal`: what the model refuses, told as its provider
   * tells it. `hangs`: no end, and a request that is open. `goes on`: no end, between two requests. `closed` and `open`: what became of the
   * connection of a caller who has left.
   */
  readonly outcome: 'right' | 'wrong' | 'error' | 'refusal' | 'hangs' | 'goes on' | 'closed' | 'open';
  /** Words that were delivered. */
  readonly words: number;
  /** All of it is the beginning of the answer, once. */
  readonly isPrefix: boolean;
  /** As received by the server. */
  readonly requests: number;
  /** Of these, before the time that was told, or although it was told not to come again. */
  readonly early: number;
  /** How often the client has called its fetch; 0 without one. */
  readonly asked: number;
  readonly error: unknown;
}

const answer = answerTo(prompt, { words });

/** A few pauses, so that what comes before a break is read before it; many would take long where much else is going on. */
const nowAndThen = (random: () => number): number => (random() < 0.15 ? 1 : 0);

/** The time-outs of a fetch under a fault: short where nothing else could end the call, and never what ends another one. */
function timersUnder(row: FaultRow) {
  const ms = isSilent(row) ? 4_000 : 25_000;
  return { firstContentMs: ms, idleMs: ms, responseMs: ms };
}

/** Makes one call of the table: a client, and a server, of its own. */
export async function callUnder({ client: name, row, mode, column }: Job, strikes = row.strikes): Promise<Cell> {
  const options = {
    words,
    // Nothing may be over before the caller has left.
    firstTokenMs: row.leaves !== undefined && mode === 'whole' ? 60_000 : 0,
    tokenMs: row.leaves !== undefined ? 60 : isSilent(row) || !isLate(row) ? 0 : nowAndThen,
    script: ({ index }: { readonly index: number }) => (strikes === 'always' || index === 0 ? row.fault() : 'ok'),
  };
  const server = await serverFor(name, options);
  const at = { url: server.url, baseURL: `${server.url}/v1` };
  let asked = 0;
  const inner =
    column === 'plain' ? undefined : createFetch({ timeout: timersUnder(row), retry: { retries, maxWaitMs: 10_000 } });
  const fetch: typeof globalThis.fetch | undefined =
    inner &&
    ((...what) => {
      asked += 1;
      return inner(...what);
    });
  const client: Client = clientMakers[name](at, fetch);
  try {
    const seen =
      row.leaves === undefined ? await see(client, mode, server, column) : await leave(client, mode, server, row);
    const { requests } = server;
    return { ...seen, requests: requests.length, early: earlyOf(row, requests, column), asked };
  } finally {
    await inner?.transport.close({ timeoutMs: 0 });
    await server.close();
  }
}

type Server = Pick<Awaited<ReturnType<typeof simulatedServer>>, 'url' | 'requests' | 'received' | 'close'>;
type Options = NonNullable<Parameters<typeof simulatedServer>[0]>;
type Seen = Pick<Cell, 'outcome' | 'words' | 'isPrefix' | 'error'>;

function serverFor(name: ClientName, options: Options): Promise<Server> {
  if (name === 'ollama') return otherServer(ollamaWire, options);
  if (name === 'cohere-ai') return otherServer(cohereWire, options);
  return simulatedServer(options);
}

/** Waits for what a call comes to. What has not ended at the bound is aborted. */
async function see(client: Client, mode: Mode, { requests }: Server, column: Column): Promise<Seen> {
  const controller = new AbortController();
  let text = '';
  let outcome: Seen['outcome'] | undefined;
  let error: unknown;
  const keep = (piece: string) => {
    text += piece;
    return true;
  };
  const call = mode === 'whole' ? client.whole(controller.signal) : client.pieces(keep, controller.signal);
  const ending = call.then(
    (all) => {
      if (outcome !== undefined) return;
      text = all;
      outcome = all === answer ? 'right' : 'wrong';
    },
    (reason: unknown) => {
      outcome ??= reason instanceof Refusal ? 'refusal' : 'error';
      error = reason;
    },
  );
  await Promise.race([ending, bound(column === 'plain' ? boundMs : hungMs, () => outcome !== undefined)]);
  if (outcome === undefined) {
    outcome = requests.at(-1)?.endedAt === undefined ? 'hangs' : 'goes on';
    controller.abort();
  }
  return { outcome, words: tokensOf(text).length, isPrefix: answer.startsWith(text), error };
}

const tickMs = 50;

/** Waits so long, by the time that this process had for its work: what else the machine does makes nobody late. */
async function bound(ms: number, isOver: () => boolean): Promise<void> {
  for (let ticks = 0; ticks < ms / tickMs && !isOver(); ticks += 1) await pause(tickMs);
}

let collection: Promise<void> | undefined;

/** Once for all that ask for it at about the same time. @throws Error where the tests run without `--expose-gc` */
function collected(): Promise<void> {
  collection ??= pause(300).then(() => {
    collection = undefined;
    if (globalThis.gc === undefined) throw new Error('It needs --expose-gc');
    globalThis.gc();
  });
  return collection;
}

/** Milliseconds in which the connection of a caller who has left must be closed. */
const letGoMs = 1_500;
const leaveAfter = 5;

/** Leaves in the middle of an answer, and looks at the connection. */
async function leave(client: Client, mode: Mode, server: Server, { leaves: how, collects }: FaultRow): Promise<Seen> {
  const controller = new AbortController();
  let count = 0;
  const seen = () => {
    count += 1;
    return how === 'abort' || count < leaveAfter;
  };
  // Who breaks has no signal: it would be the signal that closes.
  const signal = how === 'abort' ? controller.signal : undefined;
  const call = mode === 'stream' ? client.pieces(seen, signal) : client.whole(signal);
  call.catch(() => {});
  const record = await server.received(1);
  if (mode === 'whole') await pause(50);
  else while (count < leaveAfter && record.endedAt === undefined) await pause(5);
  if (collects) await collected();
  if (how === 'abort') controller.abort();
  const isOver = await within(letGoMs, record.closed);
  const isClosed = isOver && record.closedByClientAt !== undefined && server.requests.length === 1;
  return { outcome: isClosed ? 'closed' : 'open', words: count, isPrefix: true, error: undefined };
}

/** Clocks differ by that much, in a plain client's favour: milliseconds. */
const slackMs = 20;

function earlyOf({ toldMs }: FaultRow, requests: readonly RequestRecord[], column: Column): number {
  if (toldMs === undefined) return 0;
  return requests.filter(({ receivedAt }, index) => {
    const before = requests[index - 1];
    if (before === undefined || before.fault?.kind !== 'status') return false;
    return receivedAt - before.receivedAt < toldMs(before.receivedAt) - (column === 'plain' ? slackMs : 0);
  }).length;
}
