import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { type SimulatedServer, simulatedServer } from '../../src/testing/index.ts';
import { listenAnywhere } from '../../src/testing/loopback-port.ts';

const portOf = ({ url }: SimulatedServer): number => Number(new URL(url).port);

it('is none that a system gives to whoever asks for any, and is given to no other server while nobody listens', async () => {
  await using refusing = await simulatedServer({ fault: 'connection-refused' });
  expect(portOf(refusing)).toBeLessThan(32_768);
  const others = await Promise.all(Array.from({ length: 100 }, () => simulatedServer()));
  const ports = new Set([refusing, ...others].map(portOf));
  await Promise.all(others.map((other) => other.close()));
  expect(ports.size).toBe(101);

  await refusing.setFault(undefined);
  await fetch(refusing.url);
  expect(refusing.requests).toHaveLength(1);
});

it('is another one where somebody else listens already, and nothing is left of the tries', async () => {
  const probe = createServer();
  const port = await listenAnywhere(probe);
  const others = Array.from({ length: 20 }, () => createServer());
  // Who cannot listen there has found somebody who does.
  const taken = others.map((server, index) => {
    server.on('error', () => {}).listen(port + 1 + index, '127.0.0.1');
    return port + 1 + index;
  });
  const http = createServer();
  const before = http.listenerCount('listening') + http.listenerCount('error');
  expect(taken).not.toContain(await listenAnywhere(http));
  expect(http.listenerCount('listening') + http.listenerCount('error')).toBe(before);
  for (const server of [probe, http, ...others]) server.close();
});
