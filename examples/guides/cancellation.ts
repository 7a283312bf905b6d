import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTransport, TransportError } from 'llm-transport';
import { simulated } from 'llm-transport/testing';

const model = simulated({ firstTokenMs: 10, tokenMs: 10 });
const llm = createTransport({ providers: [model] });

// #region signal
const controller = new AbortController();
const call = llm.complete({ prompt: 'Hello' }, { signal: controller.signal, timeoutMs: 20_000 });
controller.abort();
await call.catch((error: TransportError) => console.log(error.code)); // cancelled
// #endregion

// #region server
const server = createServer(async (_request, response) => {
  const controller = new AbortController();
  response.on('close', () => controller.abort()); // also after a normal end, when there is nothing left to cancel
  try {
    const options = { signal: controller.signal, timeoutMs: 60_000 };
    const stream = await llm.complete({ prompt: 'Tell me a story.', stream: true }, options);
    for await (const text of stream.text) response.write(text);
    response.end();
  } catch (error) {
    if (!TransportError.is(error)) throw error;
    if (error.code === 'cancelled') return; // nobody is there any more
    if (response.headersSent) response.destroy();
    else response.writeHead(503).end(error.code);
  }
});
// #endregion

server.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const leaving = new AbortController();
const { port } = server.address() as AddressInfo;
const answer = await fetch(`http://127.0.0.1:${port}`, { signal: leaving.signal });
await answer.body?.getReader().read();
leaving.abort();
const { closed } = await model.received(2);
const { outputTokens, closedByClientAt } = await closed;
console.log(`the provider stopped after ${outputTokens} tokens:`, closedByClientAt !== undefined);
server.close();

// #region left
import { setTimeout as sleep } from 'node:timers/promises';
import type { Middleware } from 'llm-transport';

/** Does not begin what cannot be finished. */
const enoughTime: Middleware = (next) => (request, context) => {
  if (context.deadline - Date.now() < 1_000)
    throw new TransportError('deadline_exceeded', 'Less than a second is left');
  return next(request, context);
};
const careful = createTransport({ providers: [simulated()], use: [enoughTime] });
await careful
  .complete({ prompt: 'Hello' }, { timeoutMs: 500 })
  .catch((error: TransportError) => console.log(error.message));
// #endregion
await sleep(0);

// #region close
process.once('SIGTERM', async () => {
  server.close(); // no new requests
  await llm.close({ timeoutMs: 20_000 }); // those that wait are rejected `closed`, those under way may finish
});
// #endregion

await careful.close();
await llm.close();
