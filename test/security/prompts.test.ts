import type OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CompletionRequest, createTransport, type Middleware, TransportError, wrap } from '../../src/index.ts';
import { openai } from '../../src/providers/openai.ts';
import { simulated } from '../../src/testing/index.ts';
import { prompts, quotes, wordsIn } from './canaries.ts';
import {
  alone,
  clientOf,
  complete,
  found,
  keepWarnings,
  leakyAnswers,
  listening,
  pick,
  plainKey,
  type Server,
  server,
  strangers,
  throwing,
  warnings,
} from './support.ts';

let http: Server;
let stop: () => void;

beforeAll(async () => {
  http = await server();
  stop = keepWarnings();
});
afterAll(async () => {
  stop();
  await http.close();
});
afterEach(() => {
  warnings.length = 0;
});

/** A prompt as each kind of request carries it. */
function requestsOf(text: string): CompletionRequest[] {
  return [
    { prompt: text },
    {
      messages: [
        { role: 'system', content: text },
        { role: 'user', content: [{ type: 'text', text: 'And now?' }] },
      ],
    },
    { messages: [{ role: 'user', content: [{ type: 'text', text }] }] },
    {
      messages: [
        { role: 'user', content: 'Look it up' },
        { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'look', input: { query: text } }] },
        { role: 'tool', toolCallId: '1', content: text },
      ],
    },
  ];
}

describe('a prompt', () => {
  for (const [turn, { name, text }] of prompts.entries()) {
    // A server has a line's worth of it, at most.
    const said = quotes.map(({ name, quote }, index) => {
      return { index, quoted: name, says: `Invalid value near ${quote(text).slice(0, 1_500)}` };
    });

    it(`is found by this test when it leaks: ${name}`, () => {
      expect(said.filter(({ says }) => wordsIn(says).length > 0).length).toBeGreaterThan(said.length / 2);
    });

    it(`that the server quotes reaches nobody through openai(): ${name}`, async () => {
      const provider = openai({ client: clientOf(http.host, plainKey), model: 'gpt-test', name: 'primary' });
      const leaks: string[] = [];
      for (const [place, { name: how, answer }] of leakyAnswers.entries()) {
        for (const step of [0, 5]) {
          const { index, quoted, says } = pick(said, place + turn * 3 + step);
          http.answer(answer(says));
          const request = requestsOf(text)[index % 4] as CompletionRequest;
          const transport = createTransport({ providers: [provider], ...alone });
          const told = await listening(transport, () => complete(transport, request, (index + turn) % 2 === 0));
          expect(told.error).toBeInstanceOf(TransportError);
          for (const leak of found(told, wordsIn)) leaks.push(`${how}, ${quoted}: ${leak}`);
        }
      }
      expect(leaks).toEqual([]);
    });

    it(`that the server quotes reaches nobody through wrap() around the SDK: ${name}`, async () => {
      const client = clientOf(http.host, plainKey);
      const leaks: string[] = [];
      for (const [place, { name: how, answer }] of leakyAnswers.entries()) {
        for (const step of [0, 5]) {
          const { index, quoted, says } = pick(said, place + turn * 3 + step);
          http.answer(answer(says));
          const stream = (index + turn) % 2 === 0;
          const ask = wrap(
            (input: OpenAI.ChatCompletionCreateParams, { signal }) => client.chat.completions.create(input, { signal }),
            alone,
          );
          const told = await listening(ask.transport, async () => {
            const result = await ask({ model: 'gpt-test', messages: [{ role: 'user', content: text }], stream });
            if (typeof result === 'object' && Symbol.asyncIterator in result) for await (const _ of result);
          });
          for (const leak of found(told, wordsIn)) leaks.push(`${how}, ${quoted}: ${leak}`);
        }
      }
      expect(leaks).toEqual([]);
    });

    it(`that a function throws reaches nobody: ${name}`, async () => {
      const leaks: string[] = [];
      for (const { index, quoted, says } of [0, 3, 5, 7].map((step) => pick(said, turn + step))) {
        for (const [how, thrown] of strangers(says)) {
          const transport = createTransport({ providers: [throwing(thrown)], ...alone });
          const request = requestsOf(text)[index % 4] as CompletionRequest;
          const told = await listening(transport, () => complete(transport, request, (index + turn) % 2 === 0));
          expect(told.error).toBeInstanceOf(TransportError);
          for (const leak of found(told, wordsIn)) leaks.push(`callable, ${how}, ${quoted}: ${leak}`);

          const ask = wrap(async (_input: { text: string }): Promise<string> => {
            throw thrown;
          }, alone);
          const wrapped = await listening(ask.transport, () => ask({ text }));
          expect(wrapped.error).toBeInstanceOf(TransportError);
          for (const leak of found(wrapped, wordsIn)) leaks.push(`wrap, ${how}, ${quoted}: ${leak}`);
        }
      }
      expect(leaks).toEqual([]);
    });

    it(`that a middleware throws reaches nobody: ${name}`, async () => {
      const leaks: string[] = [];
      for (const { index, quoted, says } of [0, 3, 5, 7].map((step) => pick(said, turn + step))) {
        for (const place of ['use', 'useEach'] as const) {
          for (const [how, thrown] of strangers(says)) {
            if (how.startsWith('TransportError')) continue;
            const bad: Middleware = () => async () => {
              throw thrown;
            };
            const transport = createTransport({ providers: [simulated()], [place]: [bad], ...alone });
            const request = requestsOf(text)[index % 4] as CompletionRequest;
            const told = await listening(transport, () => complete(transport, request, (index + turn) % 2 === 0));
            expect(told.error).toMatchObject({ code: 'middleware' });
            for (const leak of found(told, wordsIn)) leaks.push(`${place}, ${how}, ${quoted}: ${leak}`);
          }
        }
      }
      expect(leaks).toEqual([]);
    });
  }

  it('is in no event or health of a call that went well, and in no warning about a listener', async () => {
    const text = prompts[2]?.text ?? '';
    for (const stream of [false, true]) {
      const transport = createTransport({ providers: [simulated({ answer: () => 'Fine.' })] });
      transport.on('*', () => {
        throw new Error(text);
      });
      const told = await listening(transport, async () => {
        await complete(transport, { prompt: text }, stream);
        await new Promise((resolve) => setImmediate(resolve));
      });
      expect(told.error).toBeUndefined();
      expect(warnings.length).toBeGreaterThan(0);
      expect(found(told, wordsIn)).toEqual([]);
    }
  });

  it('that gave the reason for an abort reaches nobody', async () => {
    const text = prompts[2]?.text ?? '';
    const controller = new AbortController();
    const silent = simulated({ script: [{ kind: 'silence', at: 'beforeHeaders' }] });
    const transport = createTransport({ providers: [silent] });
    const told = await listening(transport, async () => {
      const call = transport.complete({ prompt: text }, { signal: controller.signal });
      await silent.received(1);
      controller.abort(new Error(`the user asked ${text}`));
      await call;
    });
    expect(told.error).toMatchObject({ code: 'cancelled' });
    expect(found(told, wordsIn)).toEqual([]);
  });

  it('is not in the answer to a wrong request', async () => {
    const text = prompts[2]?.text ?? '';
    const transport = createTransport({ providers: [simulated()] });
    const wrongs = [{ prompt: text, [text]: text }, { messages: [{ role: text, content: text }] }, { prompt: [text] }];
    for (const wrong of wrongs.slice(1)) {
      const told = await listening(createTransport({ providers: [simulated()] }), () =>
        transport.complete(wrong as never),
      );
      expect(told.error).toMatchObject({ code: 'invalid_request' });
      expect(found(told, wordsIn)).toEqual([]);
    }
  });
});
