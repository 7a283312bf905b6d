/** The load: which prompt arrives when, and what became of it. */

import { randomFrom } from 'llm-transport/testing';

/** One call that an application has to make. */
export interface Call {
  readonly prompt: string;
  /** Half of the calls show the answer while it is being made, as chats do; the others wait for the whole. */
  readonly stream: boolean;
  /** Milliseconds after the start. */
  readonly arrivesMs: number;
}

/** One way of making calls. */
export interface Caller {
  readonly name: string;
  /** The text that the application would go on with. Rejects when it has to be told that there is none. */
  ask(call: Call, signal: AbortSignal): Promise<string>;
  /** A few words on an error, as a class of errors. */
  describe(error: unknown): string;
  close(): Promise<void>;
}

/** How a call ended, seen from the application. */
export interface Ending {
  readonly call: Call;
  readonly ms: number;
  readonly result: { readonly text: string } | { readonly error: string };
}

/** Nobody waits for an answer any longer than this. */
export const patienceMs = 10_000;

/** Spreads calls over a time, at random, the same for the same seed. */
export function planLoad(prompts: readonly string[], count: number, durationMs: number, seed: number): Call[] {
  const random = randomFrom(seed);
  const arrivals = Array.from({ length: count }, () => random() * durationMs).sort((a, b) => a - b);
  return arrivals.map((arrivesMs, index) => ({
    prompt: prompts[index % prompts.length] ?? '',
    stream: random() < 0.5,
    arrivesMs,
  }));
}

/** Makes every call when its time has come, whatever the others do. Resolves when all have ended. */
export async function runLoad(calls: readonly Call[], caller: Caller, ended: (ending: Ending) => void): Promise<void> {
  await Promise.all(
    calls.map(async (call) => {
      await sleep(call.arrivesMs);
      ended(await make(call, caller));
    }),
  );
}

async function make(call: Call, caller: Caller): Promise<Ending> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), patienceMs);
  const startedAt = performance.now();
  let result: Ending['result'];
  try {
    result = { text: await caller.ask(call, patience.signal) };
  } catch (error) {
    result = { error: caller.describe(error) };
  }
  clearTimeout(timer);
  if (patience.signal.aborted) result = { error: `nothing after ${patienceMs / 1_000} s` };
  return { call, ms: performance.now() - startedAt, result };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
