import { describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import type { Chunk, Completion, Provider, ResumeOptions } from '../../src/core/types.ts';
import { type Fault, randomFrom, simulatedServer } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { cuttingFetch, madeFetch } from './cut-fetch.ts';
import {
  answerFor,
  type Cut,
  type Cuts,
  type Format,
  faultAt,
  formats,
  keptOf,
  providersOf,
  wantedOf,
} from './cuts.ts';

/**
 * Streams cut anywhere, of each format in each mode: 320 a format in process, and a share of them over sockets.
 * `CUTS=1000 vitest run test/integration/resume-cuts.test.ts` makes 1,000 of each format and mode, both ways.
 */
const given = process.env.CUTS === undefined ? undefined : Number(process.env.CUTS);
const inProcess = given ?? 80;
const overSockets = given ?? 12;

const modes: readonly (readonly [string, ResumeOptions])[] = [
  ['error', { mode: 'error' }],
  ['restart', { mode: 'restart' }],
  ['continue, else the error', { mode: 'continue' }],
  ['continue, else a restart', { mode: 'continue', otherwise: 'restart' }],
];

const timeout = { firstContentMs: 1_000, idleMs: 150 };
const prompts = ['plain', 'plain', 'plain', 'tool', 'think'] as const;
const endings = ['reset', 'end', 'error', 'reset', 'end', 'stall'] as const;

class Tally {
  whole = 0;
  error = 0;
  resumed = 0;
  restarted = 0;
  unbroken = 0;

  toString(): string {
    const { whole, error, resumed, restarted, unbroken } = this;
    const made = `${whole} whole and equal to the reference (${unbroken} unbroken, ${resumed} continued, ${restarted} restarted)`;
    return `${made}, ${error} in a typed error with the exact partial, 0 glued, doubled or lost`;
  }
}

/** One call, read to its end, and held against what its answer is. */
async function read(
  provider: Provider,
  prompt: string,
  resume: ResumeOptions,
  tally: Tally,
  { idleMs } = timeout,
): Promise<void> {
  await using llm = createTransport({
    providers: [provider],
    resume,
    ...{ circuitBreaker: false, rateLimit: false, timeout: { ...timeout, idleMs } },
  });
  const chunks: Chunk[] = [];
  let completion: Completion | undefined;
  let error: unknown;
  try {
    const stream = await llm.complete({ prompt, stream: true });
    for await (const chunk of stream) chunks.push(chunk);
    completion = await stream.completion;
  } catch (thrown) {
    error = thrown;
  }
  const kept = keptOf(chunks);
  const wanted = wantedOf(prompt);
  const facts = JSON.stringify({ prompt, resume, kept, error });
  if (error === undefined) {
    tally.whole += 1;
    const isRestarted = chunks.some(({ type }) => type === 'restart');
    if (completion?.resumed === true) tally.resumed += 1;
    else if (isRestarted) tally.restarted += 1;
    else tally.unbroken += 1;
    expect(kept, facts).toEqual(wanted);
    expect(completion?.text).toBe(wanted.text);
    const lastRestart = chunks.findLastIndex(({ type }) => type === 'restart');
    const seams = chunks.flatMap((chunk, index) =>
      chunk.type === 'resume' && index > lastRestart ? [[chunk.offset, index] as const] : [],
    );
    expect(completion?.resumed).toBe(seams.length > 0);
    for (const [offset, index] of seams) expect(offset).toBe(keptOf(chunks.slice(0, index)).text.length);
    return;
  }
  tally.error += 1;
  expect(TransportError.is(error), String(error)).toBe(true);
  const { code, partial } = error as TransportError;
  if (chunks.length === 0) return;
  expect(code).toBe('stream_interrupted');
  expect(partial?.text, facts).toBe(kept.text);
  expect(wanted.text.startsWith(kept.text), facts).toBe(true);
  expect(wanted.reasoning.startsWith(kept.reasoning)).toBe(true);
  // All that were delivered, and those that were whole but not delivered yet.
  const calls = (partial?.toolCalls ?? []).map(({ name, input }) => ({ name, input }));
  expect(wanted.toolCalls.slice(0, calls.length)).toEqual(calls);
  expect(calls.length).toBeGreaterThanOrEqual(kept.toolCalls.length);
}

/** So many calls, some at once, and other cases beside them: much of their time they wait. */
async function each(count: number, call: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await call(next);
    }
  };
  await Promise.all(Array.from({ length: 40 }, one));
}

/** The cuts of one call: of its first stream always, of a later one sometimes. */
function cutsOf(random: () => number): Cut[] {
  const cuts: Cut[] = [];
  for (const chance of [1, 0.3, 0.3]) {
    if (random() >= chance) break;
    const where = random() < 0.6 ? 'byte' : random() < 0.5 ? 'event' : 'token';
    cuts.push({ where, ratio: random(), by: endings[Math.floor(random() * endings.length)] as Cut['by'] });
  }
  return cuts;
}

/** Most streams really broke, and were made good where the caller wished it. */
function judge(tally: Tally, count: number, { mode = 'error', otherwise }: ResumeOptions): void {
  expect(tally.whole + tally.error).toBe(count);
  expect(tally.unbroken / count).toBeLessThan(0.2);
  const made = { error: tally.error, restart: tally.restarted, continue: tally.resumed }[mode];
  expect(made / count).toBeGreaterThan(mode === 'continue' ? 0.3 : 0.7);
  if (mode === 'restart' || otherwise === 'restart') expect(tally.whole / count).toBeGreaterThan(0.95);
}

const promptOf = (number: number, random: () => number): string =>
  `${number} ${prompts[Math.floor(random() * prompts.length)]}`;

describe.concurrent.each(formats)('%s: streams cut at any byte, event and token', (format) => {
  it.each(modes)(`${inProcess} of them, in mode %s`, { timeout: 600_000 }, async (mode, resume) => {
    const random = randomFrom(inProcess);
    const made = madeFetch({ answer: ({ prompt }) => answerFor(prompt) }, random);
    const at = { url: 'http://in.process', baseURL: 'http://in.process/v1' };
    const tally = new Tally();
    await each(inProcess, async (number) => {
      const cuts = cutsOf(random);
      const fetch = made(() => cuts.shift());
      await read(providersOf[format](at, 'a', fetch), promptOf(number, random), resume, tally);
    });
    console.log(`${format}, in process, mode ${mode}: ${inProcess} cuts: ${tally}`);
    judge(tally, inProcess, resume);
  });
});

/** Bytes of an answer that is streamed whole. */
const longest: Readonly<Record<Format, number>> = {
  openai: 6_800,
  'ai-sdk': 4_000,
  'openai-responses': 5_600,
  background: 5_600,
  anthropic: 4_000,
  google: 7_400,
};

describe.concurrent.each([...formats, 'background'] as const)('%s: streams cut over sockets', (format) => {
  it.each(modes)(`${overSockets} of them, in mode %s`, { timeout: 600_000 }, async (mode, resume) => {
    const random = randomFrom(overSockets);
    /** By prompt: what the server does to the first stream. */
    const faults = new Map<string, Fault>();
    await using server = await simulatedServer({
      answer: ({ prompt }) => answerFor(prompt),
      script: ({ prompt }) => {
        const fault = faults.get(prompt);
        faults.delete(prompt);
        return fault ?? 'ok';
      },
    });
    const tally = new Tally();
    /** Streams that the server itself ends with an error. */
    let own = 0;
    await each(overSockets, async (number) => {
      const prompt = promptOf(number, random);
      const cuts = cutsOf(random);
      const byServer = random() < 0.4;
      if (byServer) {
        const fault = faultAt(Math.floor(random() * 40), Math.floor(random() * 8));
        if (fault.kind === 'streamError') own += 1;
        faults.set(prompt, fault);
      }
      let asked = 0;
      const next: Cuts = () => {
        asked += 1;
        return byServer && asked === 1 ? undefined : cuts.shift();
      };
      const provider = providersOf[format](server, 'a', cuttingFetch(next, longest[format]));
      // Where silence is a break there are five looks: a slow machine is not to use them up.
      await read(provider, prompt, resume, tally, format === 'background' ? { ...timeout, idleMs: 1_000 } : timeout);
    });
    console.log(`${format}, over sockets, mode ${mode}: ${overSockets} cuts: ${tally}`);
    expect(tally.whole + tally.error).toBe(overSockets);
    // Whatever else breaks, and silence too, the provider makes good, in any mode.
    if (format === 'background') expect(tally.error + tally.restarted).toBeLessThanOrEqual(own);
    if (given !== undefined && format !== 'background') expect(tally.unbroken / overSockets).toBeLessThan(0.3);
  });
});
