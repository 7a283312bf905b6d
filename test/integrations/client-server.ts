/** The server of a client: the one that speaks its wire. */

import { type SimulatedServer, type SimulatedServerOptions, simulatedServer } from '../../src/testing/index.ts';
import type { ClientName } from './fetch-clients.ts';
import { cohereWire, ollamaWire, otherServer } from './other-wires.ts';

export type ClientServer = Pick<SimulatedServer, 'url' | 'requests' | 'received' | 'close'>;

export function serverFor(name: ClientName, options: SimulatedServerOptions): Promise<ClientServer> {
  if (name === 'ollama') return otherServer(ollamaWire, options);
  if (name === 'cohere-ai') return otherServer(cohereWire, options);
  return simulatedServer(options);
}

/** The addresses of a server that clients want. */
export function placeOf({ url }: ClientServer) {
  return { url, baseURL: `${url}/v1` };
}
