/** A server of Responses that are made in the background, which breaks off where it is told to, byte by byte. */

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { constants, gzipSync } from 'node:zlib';

/** How a connection ends. */
export interface Cut {
  /** 0 to 1: so much of its bytes come before. */
  readonly ratio: number;
  /** At any byte, between two events, or in the middle of a character. */
  readonly where: 'byte' | 'event' | 'character';
  readonly by: 'reset' | 'close' | 'end' | 'stall';
}

/** An answer, and what becomes of the connections by which it is asked for. */
export interface Story {
  /** One numbered event each. */
  readonly events: readonly { readonly number: number; readonly bytes: Buffer }[];
  /** One for each connection that comes, first to last; those after them are left whole. */
  readonly cuts: Cut[];
  readonly isGzipped: boolean;
  /** The next place to cut a piece of the network: bytes. */
  readonly sizeOfPiece: () => number;
  /** The client has been given the beginning: only then the first connection is lost. */
  readonly begun: Promise<void>;
  /** Answers of its own for a connection: true when it has. */
  readonly answers?: (request: Seen, response: ServerResponse) => boolean;
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export class BackgroundServer implements AsyncDisposable {
  readonly #stories = new Map<string, Story>();
  readonly #requests = new Map<string, Seen[]>();
  readonly #sockets = new Set<Socket>();
  readonly #http = createServer((request, response) => {
    request.resume();
    const { method = '', url = '', headers } = request;
    const id = String(headers['x-case']);
    const seen = { method, url, headers };
    this.#requests.get(id)?.push(seen);
    const story = this.#stories.get(id);
    if (story === undefined) return void response.writeHead(404).end();
    if (story.answers?.(seen, response) === true) return;
    const after = Number(new URL(url, 'http://any').searchParams.get('starting_after') ?? -1);
    void send(story, method === 'POST' ? -1 : after, response);
  });

  static async listening(): Promise<BackgroundServer> {
    const server = new BackgroundServer();
    server.#http.on('connection', (socket) => {
      server.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => server.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** A story, told to whoever names it in `x-case`. Returns what is asked of it. */
  tell(id: string, story: Story): readonly Seen[] {
    const requests: Seen[] = [];
    this.#stories.set(id, story);
    this.#requests.set(id, requests);
    return requests;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

async function send(story: Story, after: number, response: ServerResponse): Promise<void> {
  const { events, isGzipped, begun, sizeOfPiece } = story;
  const cut = story.cuts.shift();
  const own = events.filter(({ number }) => number > after).map(({ bytes }) => bytes);
  // Before its id is known there is nothing to come back to.
  const least = after === -1 ? (own[0]?.length ?? 0) : 0;
  const whole = Buffer.concat(own);
  const text = cut === undefined ? whole : whole.subarray(0, Math.max(least, placeOf(cut, own, whole)));
  const finishFlush = cut === undefined ? constants.Z_FINISH : constants.Z_SYNC_FLUSH;
  const sent = isGzipped ? gzipSync(text, { finishFlush }) : text;
  response.writeHead(200, { 'content-type': 'text/event-stream', ...(isGzipped && { 'content-encoding': 'gzip' }) });
  response.flushHeaders();
  for (let at = 0; at < sent.length; ) {
    const size = sizeOfPiece();
    response.write(sent.subarray(at, at + size));
    at += size;
    await new Promise(setImmediate);
  }
  if (cut === undefined) return void response.end();
  if (cut.by === 'end') return void response.end();
  // With a connection may be lost what has not been read, the id too.
  if (after === -1) await begun;
  if (cut.by === 'close') response.destroy();
  if (cut.by === 'reset') response.socket?.resetAndDestroy();
}

function placeOf({ ratio, where }: Cut, events: readonly Buffer[], whole: Buffer): number {
  if (where === 'event') return Buffer.concat(events.slice(0, Math.floor(ratio * (events.length + 1)))).length;
  const place = Math.floor(ratio * (whole.length + 1));
  if (where === 'byte') return place;
  const inside = [...whole.keys()].filter((at) => ((whole[at] ?? 0) & 0xc0) === 0x80);
  return inside[Math.floor(ratio * inside.length)] ?? place;
}
