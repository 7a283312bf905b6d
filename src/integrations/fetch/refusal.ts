import type { TransportError } from '../../core/errors.ts';
import { onAbort, reasonOf } from '../../core/signals.ts';
import { MovableTimer } from '../../core/time.ts';
import { classify } from '../../wire/classify.ts';
import { isRedirect } from '../../wire/error-shape.ts';
import type { Attempt } from './fetch-provider.ts';
import { type Opened, readWhole } from './send.ts';

/** What an attempt is refused with. */
export interface Refusal {
  readonly error: TransportError;
  /** The body; `undefined` of one that was not read. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
}

/** The most of an error's body that is read, in bytes. */
const mostErrorBytes = 1024 * 1024;

/** The error that a status means. Without its body when that does not come whole: the status says enough. */
export async function refusal(opened: Opened, attempt: Attempt): Promise<Refusal> {
  const { place, job, failures } = attempt;
  const { status, headers } = opened.head;
  if (isRedirect(status)) {
    opened.bytes.cancel();
    const says = 'sends the request where it is not followed: to another origin, or round in circles';
    return { error: failures.of('bad_response', says, { status, retry: 'elsewhere' }) };
  }
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  try {
    bytes = await readBody(opened, attempt, mostErrorBytes);
  } catch (error) {
    if (attempt.reading.signal.aborted) throw error;
  }
  const error = classify({
    ...{ status, headers, body: decoder.decode(bytes), provider: place.name, texts: job.texts },
    secrets: attempt.secrets(),
  });
  return { error, bytes };
}

const decoder = new TextDecoder();

/** The rest of a body. Ends at once when the attempt is aborted, and when the body stops in the middle. */
export async function readBody(
  { bytes }: Opened,
  { reading, failures, place }: Attempt,
  most?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { signal } = reading;
  const stop = onAbort(signal, () => bytes.cancel());
  let isSilent = false;
  // Once it has begun to write JSON a server has all of it. Blanks are what it sends while it has not.
  const silence = new MovableTimer(() => {
    isSilent = true;
    bytes.cancel();
  });
  try {
    const whole = await readWhole(bytes, most, (piece) => {
      if (piece.some((byte) => byte > blank)) silence.arm(place.idleMs);
    });
    // A body that was let go of looks like one that has ended.
    if (signal.aborted) throw reasonOf(signal);
    if (isSilent) throw failures.of('timeout', `stopped in the middle of its answer for ${place.idleMs} ms`);
    return whole;
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : failures.thrown(error);
  } finally {
    silence.stop();
    stop();
  }
}

const blank = 0x20;
