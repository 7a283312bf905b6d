/** A provider in a process of its own that answers at once, as cheaply as `node:http` can. Tells its port by IPC. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asksForStream, cannedAnswer, eventHeaders, jsonHeaders, usualChunks } from './answers.ts';

const { json, events } = cannedAnswer(usualChunks);
const stream = Buffer.concat(events);

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('latin1');
  request.on('data', (text: string) => {
    body += text;
  });
  request.on('end', () => {
    const streamed = asksForStream(body);
    const answer = streamed ? stream : json;
    response.writeHead(200, { ...(streamed ? eventHeaders : jsonHeaders), 'content-length': answer.byteLength });
    response.end(answer);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
