import { describe, expect, it } from 'vitest';
import type { Middleware } from '../../../src/core/types.ts';
import { answerTo, simulated } from '../../../src/testing/index.ts';
import { advance, kept, readAll, settled, transport, virtualTime, watch } from './support.ts';

virtualTime();

const hello = { prompt: 'Hello' };

describe('collect', () => {
  it('makes a whole of a stream: text, usage, finish reason, and the provider that said it', async () => {
    const a = simulated({ name: 'a', tokenMs: 10 });
    const result = await settled(transport({ providers: [a] }).complete(hello));
    expect(result).toMatchObject({
      ok: true,
      ms: 590,
      value: {
        text: answerTo('Hello'),
        toolCalls: [],
        finishReason: 'stop',
        usage: { inputTokens: 1, outputTokens: 60 },
        provider: 'a',
        model: 'simulated-1',
        resumed: false,
      },
    });
    expect(a.requests[0]).toMatchObject({ stream: true, whole: true });
  });

  it('takes tool calls and reasoning in', async () => {
    const a = simulated({
      answer: () => ({ reasoning: 'let me see', text: 'yes', toolCalls: [{ name: 'look', input: { city: 'Ulm' } }] }),
    });
    expect(await kept(transport({ providers: [a] }).complete(hello))).toMatchObject({
      reasoning: 'let me see',
      text: 'yes',
      finishReason: 'tool_calls',
      toolCalls: [{ name: 'look', input: { city: 'Ulm' } }],
    });
  });

  it('answers a unary call only when all is there, a stream with the first content', async () => {
    const moments: [string, number][] = [];
    const from = Date.now();
    const look: Middleware = (next) => async (request, context) => {
      const reply = await next(request, context);
      moments.push([request.stream === true ? 'stream' : 'unary', Date.now() - from]);
      return reply;
    };
    const llm = transport({ providers: [simulated({ firstTokenMs: 100, tokenMs: 10 })], useEach: [look] });
    const calls = [
      watch(llm.complete(hello)),
      watch(llm.complete({ ...hello, stream: true }).then((stream) => readAll(stream))),
    ];
    await advance(2_000);
    expect(calls.every(({ result }) => result?.ok)).toBe(true);
    expect(moments).toEqual([
      ['stream', 100],
      ['unary', 100 + 590],
    ]);
  });

  it('is not there for a provider that does not stream: its answer is whole already', async () => {
    const a = simulated({ name: 'a', streaming: false });
    const { text } = await kept(transport({ providers: [a] }).complete(hello));
    expect([text, a.requests[0]?.stream]).toEqual([answerTo('Hello'), false]);
  });

  it('remembers a provider that does not stream, at no cost to retries', async () => {
    for (const fault of ['streaming-refused', 'stream-ignored'] as const) {
      const a = simulated({ name: 'a', fault });
      const llm = transport({ providers: [a], retry: false });
      for (let count = 0; count < 3; count++) {
        const { text, attempts } = await kept(llm.complete(hello));
        expect([text, attempts.length]).toEqual([answerTo('Hello'), 1]);
      }
      expect(a.requests.map(({ stream }) => stream)).toEqual([true, false, false, false]);
    }
  });
});
