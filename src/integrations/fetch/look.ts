import { ByteReader } from '../../wire/bytes.ts';
import { isUnstreamed } from '../../wire/stream-attempt.ts';
import { BackgroundBody } from './background-body.ts';
import type { Attempt } from './fetch-provider.ts';
import { type Outgoing, revisited } from './outgoing.ts';
import { refusal } from './refusal.ts';
import { type Opened, type Sender, send } from './send.ts';

/** The answer to a request for a Response in the background, with a body that outlives its connection. */
export function inBackground(opened: Opened, outgoing: Outgoing, sender: Sender, attempt: Attempt): Opened {
  const body = new BackgroundBody(opened.bytes, attempt, (id, after, signal) =>
    look(revisited(outgoing, id, after), { ...sender, signal }, attempt),
  );
  return { ...opened, bytes: new ByteReader(body) };
}

/** Asks, once. @throws TransportError why there is no stream to be had */
async function look(outgoing: Outgoing, sender: Sender, attempt: Attempt): Promise<ByteReader> {
  const { failures, reading } = attempt;
  const { signal } = sender;
  const { bytes, head, response } = await send(outgoing, sender);
  if (!response.ok) {
    const asked = { ...attempt, reading: { ...reading, signal } };
    throw (await refusal({ bytes, head, response }, asked)).error;
  }
  const type = head.headers.get('content-type') ?? '';
  if (!(await isUnstreamed(bytes, type, signal, failures))) return bytes;
  bytes.cancel();
  throw failures.of('bad_response', 'gave no stream of an answer in the background', { retry: 'never' });
}
