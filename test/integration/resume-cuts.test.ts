import { describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import type { Chunk, Completion, ResumeOptions } from '../../src/core/types.ts';
import { type Fault, randomFrom, simulatedServer, type WireName } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { answerFor, type Cut, faultAt, keptOf, providersOf } from './cuts.ts';

/** Cuts of each wire in each mode. `CUTS=1000 vitest run test/integration/resume-cuts.test.ts` takes a quarter of an hour. */
const count = Number(process.env.CUTS ?? 60);
const atOnce = 16;

const modes: readonly (readonly [string, ResumeOptions])[] = [
  ['error', { mode: 'error' }],
  ['restart', { mode: 'restart' }],
  ['continue, else the error', { mode: 'continue' }],
  ['continue, else a restart', { mode: 'continue', otherwise: 'restart' }],
];

const wires: readonly WireName[] = ['openai', 'openai-responses', 'anthropic', 'google'];

/** Bytes of an answer that is streamed whole. */
const longest: Readonly<Record<WireName, number>> = {
  openai: 11_000,
  'openai-responses': 9_000,
  anthropic: 6_500,
  google: 12_000,
};

describe.each(wires)('%s: streams cut anywhere', (wire) => {
  it.each(modes)(`${count} of them, in mode %s`, { timeout: 600_000 }, async (_, resume) => {
    const random = randomFrom(count);
    const below = (most: number): number => Math.floor(random() * most);
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
    const tally = { whole: 0, error: 0, resumed: 0, restarted: 0 };

    const one = async (number: number): Promise<void> => {
      const prompt = `${number} ${['plain', 'plain', 'plain', 'tool', 'think'][below(5)]}`;
      // The first stream always, a later one sometimes.
      const cuts: Cut[] = [];
      for (const chance of [1, 0.3, 0.3]) {
        if (random() >= chance) break;
        cuts.push({
          bytes: below(longest[wire]),
          by: (['reset', 'end', 'reset', 'stall'] as const)[below(4)] as Cut['by'],
        });
      }
      const byServer = random() < 0.4;
      if (byServer) faults.set(prompt, faultAt(below(40), below(8)));
      const answer = answerFor(prompt);
      let asked = 0;
      const provider = providersOf[wire](server, 'a', () => {
        asked += 1;
        return byServer && asked === 1 ? undefined : cuts.shift();
      });
      await using llm = createTransport({
        providers: [provider],
        resume,
        ...{ circuitBreaker: false, rateLimit: false, hedge: false, timeout: { firstContentMs: 500, idleMs: 200 } },
      });
      let chunks: Chunk[] = [];
      let completion: Completion | undefined;
      let error: unknown;
      try {
        const stream = await llm.complete({ prompt, stream: true });
        chunks = [];
        for await (const chunk of stream) chunks.push(chunk);
        completion = await stream.completion;
      } catch (thrown) {
        error = thrown;
      }
      const kept = keptOf(chunks);
      const wanted = keptOf([
        { type: 'reasoning', text: answer.reasoning ?? '' },
        { type: 'text', text: answer.text ?? '' },
        ...(answer.toolCalls ?? []).map(
          ({ name, input }): Chunk => ({ type: 'toolCall', toolCall: { id: '', name, input } }),
        ),
      ]);
      const facts = { number, prompt, resume, cuts, kept, error };
      if (error === undefined) {
        tally.whole += 1;
        if (completion?.resumed === true) tally.resumed += 1;
        if (chunks.some(({ type }) => type === 'restart')) tally.restarted += 1;
        expect(kept, JSON.stringify(facts)).toEqual(wanted);
        expect(completion?.text).toBe(wanted.text);
        const lastRestart = chunks.findLastIndex(({ type }) => type === 'restart');
        const isSeamed = chunks.slice(lastRestart + 1).some(({ type }) => type === 'resume');
        expect(completion?.resumed).toBe(isSeamed);
        return;
      }
      tally.error += 1;
      expect(TransportError.is(error), String(error)).toBe(true);
      const { code, partial } = error as TransportError;
      if (chunks.length === 0) return;
      expect(code).toBe('stream_interrupted');
      expect(partial?.text, JSON.stringify(facts)).toBe(kept.text);
      expect(wanted.text.startsWith(kept.text), JSON.stringify(facts)).toBe(true);
      expect(wanted.reasoning.startsWith(kept.reasoning)).toBe(true);
      // All that were delivered, and those that were whole but not delivered yet.
      const calls = (partial?.toolCalls ?? []).map(({ name, input }) => ({ name, input }));
      expect(wanted.toolCalls.slice(0, calls.length)).toEqual(calls);
      expect(calls.length).toBeGreaterThanOrEqual(kept.toolCalls.length);
    };

    let next = 0;
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (next < count) {
          next += 1;
          await one(next);
        }
      }),
    );
    if (process.env.CUTS !== undefined) console.log(wire, resume, tally);
    expect(tally.whole + tally.error).toBe(count);
    // Most streams really broke, and were made good where the caller wished it.
    const brokenRatio = { error: tally.error, restart: tally.restarted, continue: tally.resumed }[
      resume.mode ?? 'error'
    ];
    expect(brokenRatio / count).toBeGreaterThan(0.2);
    const isMadeGood = resume.mode === 'restart' || resume.otherwise === 'restart';
    if (isMadeGood) expect(tally.whole / count).toBeGreaterThan(0.95);
  });
});
