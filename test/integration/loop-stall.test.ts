import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTransport, type Transport } from '../../src/index.ts';
import { callable } from '../../src/providers/callable.ts';

/** The time-outs: long enough for a busy machine to send a request. And more than that. */
const ms = 200;
const longer = 250;

/** Keeps the loop busy, so that timers and sockets come late. */
function stall(forMs: number): void {
  const until = performance.now() + forMs;
  while (performance.now() < until);
}

describe('after the event loop has stalled', () => {
  let begin: (response: ServerResponse) => void = () => {};
  const server = createServer((_, response) => {
    response.writeHead(200);
    response.flushHeaders();
    begin(response);
  });
  let llm: Transport;
  beforeEach(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const provider = callable({
      name: 'a',
      stream: async function* (_request, { signal }) {
        const { body } = await fetch(`http://127.0.0.1:${port}`, { signal });
        for await (const bytes of body ?? []) yield new TextDecoder().decode(bytes);
        yield { type: 'finish', finishReason: 'stop', usage: undefined, model: 'm' };
      },
    });
    llm = createTransport({ providers: [provider], retry: false, timeout: { firstContentMs: ms, idleMs: ms } });
  });
  afterEach(async () => {
    await llm.close({ timeoutMs: 0 });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('an answer that lies in the socket is not given up, although its time is over', async () => {
    begin = (response) => {
      // Sent in time; read late.
      response.write('Hello', () => {
        stall(longer);
        response.end(' you');
        stall(longer);
      });
    };
    expect(await llm.complete({ prompt: 'Hi' })).toMatchObject({ text: 'Hello you' });
  });

  it('one that is not there is given up all the same', async () => {
    begin = () => stall(longer);
    await expect(llm.complete({ prompt: 'Hi' })).rejects.toMatchObject({ code: 'timeout' });
  });
});
