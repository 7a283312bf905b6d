import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { createTransport } from 'llm-transport';
import { answerTo, type FaultName, providerContract, simulated, tokensOf } from 'llm-transport/testing';
import { expect, it } from 'vitest';
import { acme } from '../../examples/extending/own-wire.ts';

// #region faults
/** What this server can do wrong: refusals, with Acme's code, and answers that break. */
const refusals: Partial<Record<FaultName, readonly [status: number, code: string]>> = {
  'http-503': [503, 'busy'],
  'http-500': [500, 'broken'],
  'rate-limited': [429, 'slow_down'],
  'insufficient-quota': [402, 'no_credit'],
  unauthorized: [401, 'bad_key'],
  'model-not-found': [404, 'no_such_model'],
  'context-length': [400, 'too_long'],
  'content-policy': [400, 'blocked'],
  'invalid-request': [400, 'bad_field'],
  'streaming-refused': [400, 'no_streaming'],
};
const breaks = [
  ...(['reset-before-headers', 'silence-before-headers', 'silence-after-headers', 'empty-200'] as const),
  ...(['cut-end', 'cut-reset', 'stall', 'malformed-json', 'missing-terminal-event'] as const),
  ...(['stream-error-before-content', 'stream-error-after-content', 'refusal', 'length'] as const),
] satisfies FaultName[];
const faults = [...(Object.keys(refusals) as FaultName[]), ...breaks];
// #endregion

interface Question {
  readonly turns: readonly { readonly text: string }[];
  readonly limit?: number;
  readonly stream: boolean;
}

// #region server
/** Acme, as small as it can be: says `answerTo(prompt)`, or does what `setFault` says. */
async function acmeServer() {
  let fault: FaultName | undefined;
  const requests: { readonly requestId: string; readonly closed: Promise<object> }[] = [];
  const http = createServer(async (request, response) => {
    const left = once(response, 'close').then(() => (response.writableEnded ? {} : { closedByClientAt: Date.now() }));
    const requestId = `acme-${requests.length + 1}`;
    requests.push({ requestId, closed: left });
    http.emit('came');
    const question = (await json(request)) as Question;
    response.setHeader('acme-request-id', requestId);
    const key = request.headers.authorization;
    answer(response, question, fault, `Not with ${key}: ${question.turns.map(({ text }) => text).join()}`);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');

  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    requests,
    setFault(next: FaultName | undefined) {
      fault = next;
    },
    async received(count: number) {
      while (requests.length < count) await once(http, 'came');
      return requests[count - 1] as (typeof requests)[number];
    },
    close() {
      http.closeAllConnections();
      http.close();
    },
  };
}
// #endregion

function answer(response: ServerResponse, question: Question, fault: FaultName | undefined, words: string): void {
  const { turns, stream, limit = fault === 'length' ? 5 : undefined } = question;
  const refuse = (status: number, code: string) => {
    response.writeHead(status, status === 429 ? { 'retry-after': '2' } : {});
    response.end(JSON.stringify({ code, words }));
  };
  const [status, code] = (fault && refusals[fault]) ?? [];
  if (status !== undefined && code !== undefined && (stream || code !== 'no_streaming')) return refuse(status, code);
  if (fault?.startsWith('stream-error') && !stream) return refuse(500, 'broken');
  if (fault === 'silence-before-headers') return;
  if (fault === 'reset-before-headers') return void response.socket?.resetAndDestroy();
  response.writeHead(200, { 'content-type': stream ? 'application/x-ndjson' : 'application/json' }).flushHeaders();
  if (fault === 'silence-after-headers') return;
  if (fault === 'empty-200') return void response.end();

  const whole = tokensOf(answerTo(turns.map(({ text }) => text).join('\n')));
  const tokens = fault === 'refusal' ? [] : whole.slice(0, limit);
  const reason = fault === 'refusal' ? 'blocked' : tokens.length < whole.length ? 'limit' : 'complete';
  const end = { type: 'end', reason, usage: { in: 7, out: tokens.length } };
  const text = JSON.stringify({ ...end, text: tokens.join('') });
  const events = [{ type: 'start' }, ...tokens.map((token) => ({ type: 'text', text: token })), end];
  const pieces = stream ? events.map((event) => `${JSON.stringify(event)}\n`) : [text.slice(0, 20), text.slice(20)];
  const half = stream ? 6 : 1;

  if (fault === 'missing-terminal-event') pieces.pop();
  if (fault === 'stream-error-before-content') pieces.splice(1, Infinity, '{"type":"error","code":"broken"}\n');
  if (fault === 'stream-error-after-content') pieces.splice(half, Infinity, '{"type":"error","code":"broken"}\n');
  if (fault === 'malformed-json') pieces[half] = '{"type":"te\n';
  if (fault === 'stall' || fault?.startsWith('cut')) pieces.splice(half);
  for (const piece of pieces) response.write(piece);
  if (fault === 'cut-reset') response.socket?.resetAndDestroy();
  else if (fault !== 'stall') response.end();
}

// #region contract
const apiKey = 'acme-canary-0123456789';

const contract = providerContract({
  start: acmeServer,
  make: ({ url }) => acme({ baseURL: url, apiKey, model: 'acme-1' }),
  faults,
  without: ['tools', 'schema', 'images', 'files'],
  secrets: [apiKey],
});
for (const { name, run } of contract) it(name, run);
// #endregion

// #region transport
it('fails over, says when to come back, and names its request in the ledger', async () => {
  const server = await acmeServer();
  const llm = createTransport({
    providers: [acme({ baseURL: server.url, apiKey, model: 'acme-1' }), simulated({ name: 'backup' })],
  });
  server.setFault('rate-limited');
  const { provider, attempts } = await llm.complete({ prompt: 'Hello' });

  expect(provider).toBe('backup');
  expect(attempts[0]).toMatchObject({ outcome: 'rate_limited', providerRequestId: 'acme-1' });
  const parkedMs = (llm.health()[0]?.parkedUntil ?? 0) - Date.now();
  expect(parkedMs).toBeGreaterThan(1_000);
  await llm.close();
  server.close();
});
// #endregion
