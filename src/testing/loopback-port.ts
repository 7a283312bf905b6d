/** Ports of the loopback interface that stay one's own while nobody listens at them. */

import type { Server } from 'node:http';
import { threadId } from 'node:worker_threads';

const address = '127.0.0.1';
/**
 * Below those that systems give to whoever asks for any (Linux from 32,768, others from 49,152): another server that starts while this
 * one refuses connections would be given its port, and its requests.
 */
const [firstPort, ports] = [20_000, 12_768] as const;
/** Processes and threads that run side by side begin far from each other. */
let last = (process.pid * 4_099 + threadId * 509) % ports;

/** Listens at a port that was not listened at lately, and tells which. @throws Error where there is none */
export async function listenAnywhere(http: Server): Promise<number> {
  let error: NodeJS.ErrnoException | undefined;
  for (let tries = 0; tries < ports; tries += 1) {
    last = (last + 1) % ports;
    const port = firstPort + last;
    error = await tried(http, port);
    if (error === undefined) return port;
    // Windows keeps ports for itself.
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') break;
  }
  throw error;
}

/** Listens at this port; when somebody has taken it in the meantime, tries for a second. @throws Error of the system's */
export async function listenAt(http: Server, port: number, tries = 100): Promise<void> {
  const error = await tried(http, port);
  if (error === undefined) return;
  if (error.code !== 'EADDRINUSE' || tries <= 1) throw error;
  await new Promise((resolve) => setTimeout(resolve, 10));
  return listenAt(http, port, tries - 1);
}

/** @returns why it could not listen */
function tried(http: Server, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const over = (error?: NodeJS.ErrnoException): void => {
      http.off('error', over).off('listening', over);
      resolve(error);
    };
    http.once('error', over).once('listening', over).listen(port, address);
  });
}
