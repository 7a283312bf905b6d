/** Which calls are made, and what became of each. */

import { exponential } from '../../src/testing/distributions.ts';
import { answerTo, randomFrom } from '../../src/testing/index.ts';
import { pause } from '../../src/testing/pause.ts';
import type { Client } from './clients.ts';
import type { Trouble } from './trouble.ts';

/** A call that every client makes, at the same moment. */
export interface Call {
  /** Of its own, so that the servers' books tell whose each request was. */
  readonly prompt: string;
  /** Milliseconds after the start. */
  readonly arrivesMs: number;
  readonly interactive: boolean;
  /** Milliseconds after which the caller leaves. */
  readonly deadlineMs: number;
}

/** How a call ended, seen from the application. */
export interface Ending {
  readonly call: Call;
  /** `wrong`: it was told that all is well, and the text is not the model's. */
  readonly outcome: 'answered' | 'wrong' | 'failed';
  /** Milliseconds from its arrival to the first content; `undefined` when none came. */
  readonly firstContentMs: number | undefined;
}

/** Calls that come as a Poisson process, the same for the same seed: until the last one that is counted must have ended. */
export function callsOf({ spanMs, perSecond, deadlineMs, interactive }: Trouble, seed: number): Call[] {
  const random = randomFrom(seed);
  const calls: Call[] = [];
  const add = (fromMs: number, toMs: number, rate: number): void => {
    const gapMs = (): number => exponential(random, 1_000 / rate);
    for (let arrivesMs = fromMs + gapMs(); arrivesMs < toMs; arrivesMs += gapMs()) {
      const isInteractive = interactive !== undefined && random() < interactive.ratio;
      calls.push({
        prompt: `call ${seed}.${calls.length}`,
        arrivesMs,
        interactive: isInteractive,
        deadlineMs: isInteractive ? interactive.deadlineMs : deadlineMs,
      });
    }
  };
  add(0, spanMs.healthy, perSecond.healthy);
  add(spanMs.healthy, spanMs.healthy + spanMs.trouble + deadlineMs, perSecond.trouble);
  return calls;
}

/** What calls are made with. */
export interface LoadPlace {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Milliseconds after the start; when all who came before have ended, the others are called off. */
  readonly toMs: number;
  /** Tokens of an answer. */
  readonly words: number;
}

/**
 * Makes every call with every client when its time has come, whatever the others do; who is first changes from call to call.
 * Resolves with the endings of each client.
 */
export async function makeCalls(
  calls: readonly Call[],
  clients: readonly Client[],
  { startedAt, toMs, words }: LoadPlace,
): Promise<Ending[][]> {
  const endings: Ending[][] = clients.map(() => []);
  const over = new AbortController();
  const start = async (call: Call, index: number): Promise<void> => {
    await pause(startedAt + call.arrivesMs - Date.now(), over.signal);
    if (over.signal.aborted) return;
    const made = clients.map((_, turn) => {
      const at = (turn + index) % clients.length;
      return make(call, clients[at] as Client, { words, over: over.signal }).then((ending) =>
        endings[at]?.push(ending),
      );
    });
    await Promise.all(made);
  };
  const started = calls.map((call, index) => ({ counts: call.arrivesMs < toMs, ended: start(call, index) }));
  await Promise.all(started.map(({ counts, ended }) => (counts ? ended : undefined)));
  over.abort();
  await Promise.all(started.map(({ ended }) => ended));
  return endings;
}

async function make(call: Call, client: Client, place: { words: number; over: AbortSignal }): Promise<Ending> {
  const patience = new AbortController();
  const leave = (): void => patience.abort();
  const timer = setTimeout(leave, call.deadlineMs);
  place.over.addEventListener('abort', leave);
  const from = performance.now();
  let firstContentMs: number | undefined;
  const shows = (): void => {
    firstContentMs ??= performance.now() - from;
  };
  let outcome: Ending['outcome'];
  try {
    const text = await client.ask(call, patience.signal, shows);
    // The SDKs end the stream of a caller who has left as if it were whole.
    if (patience.signal.aborted) outcome = 'failed';
    else outcome = text === answerTo(call.prompt, { words: place.words }) ? 'answered' : 'wrong';
  } catch {
    outcome = 'failed';
  }
  clearTimeout(timer);
  place.over.removeEventListener('abort', leave);
  return { call, outcome, firstContentMs };
}
