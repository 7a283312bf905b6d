import { expect, it } from 'vitest';
import type { TransportEvent } from '../../src/core/events.ts';
import { simulated } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';

type EventOf<Type extends TransportEvent['type']> = Extract<TransportEvent, { type: Type }>;
/** The types whose listeners would be given `never`: none. */
type Unknown = {
  [Type in TransportEvent['type']]: [EventOf<Type>] extends [never] ? Type : never;
}[TransportEvent['type']];
const unknown: [Unknown] extends [never] ? true : Unknown = true;

it('gives the listener for one type of event that event, typed, also where several types look alike', async () => {
  expect(unknown).toBe(true);
  await using llm = createTransport({ providers: [simulated({ fault: 'unauthorized' })] });
  const seen: string[] = [];
  // The type checker is the judge here: these did not compile.
  llm.on('attempt:end', ({ type, ledger }) => seen.push(`${type}: ${ledger.outcome}`));
  llm.on('provider:quarantine', ({ type, provider }) => seen.push(`${type}: ${provider}`));
  await expect(llm.complete({ prompt: 'Hello' })).rejects.toThrow();
  expect(seen).toEqual(['attempt:end: authentication', 'provider:quarantine: simulated']);
});
