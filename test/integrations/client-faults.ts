/** What one call of the table of clients under faults comes to. */

import { createFetch } from '../../src/integrations/fetch.ts';
import { answerTo, type RequestRecord, tokensOf } from '../../src/testing/index.ts';
import { pause, within } from '../integration/support.ts';
import { type Client, prompt, Refusal } from './client.ts';
import { type Column, type FaultRow, isLate, isSilent, type Mode, retries, words } from './client-rows.ts';
import { type ClientServer, placeOf, serverFor } from './client-server.ts';
import { type ClientName, clientMakers } from './fetch-clients.ts';

/** Milliseconds after which a plain client is not waited for any longer. */
export const boundMs = 12_000;
/** Under a fetch a call that takes as long as this is hung: nothing in it waits for more than a few seconds. */
const hungMs = 30_000;
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
  let asked = 0;
  const inner =
    column === 'plain' ? undefined : createFetch({ timeout: timersUnder(row), retry: { retries, maxWaitMs: 10_000 } });
  const fetch: typeof globalThis.fetch | undefined =
    inner &&
    ((...what) => {
      asked += 1;
      return inner(...what);
    });
  const client: Client = clientMakers[name](placeOf(server), fetch);
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

type Seen = Pick<Cell, 'outcome' | 'words' | 'isPrefix' | 'error'>;

/** Waits for what a call comes to. What has not ended at the bound is aborted. */
async function see(client: Client, mode: Mode, { requests }: ClientServer, column: Column): Promise<Seen> {
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
async function leave(
  client: Client,
  mode: Mode,
  server: ClientServer,
  { leaves: how, collects }: FaultRow,
): Promise<Seen> {
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
