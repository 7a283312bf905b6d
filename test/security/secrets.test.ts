import { inspect } from 'node:util';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTransport, OptionsError, TransportError, wrap } from '../../src/index.ts';
import { openai } from '../../src/providers/openai.ts';
import { simulatedServer } from '../../src/testing/index.ts';
import { keys, leaksIn, tracesOf } from './canaries.ts';
import {
  alone,
  body,
  clientOf,
  complete,
  content,
  found,
  keepWarnings,
  leakyAnswers,
  listening,
  partsOf,
  pick,
  plainKey,
  type Server,
  server,
  strangers,
  throwing,
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

/** Sentences that a careless server or gateway writes with a key. */
const sentences: readonly ((key: string) => string)[] = [
  (key) => `Incorrect API key provided: ${key}. You can find yours in the dashboard.`,
  (key) => `No access for ${key} to this model`,
  (key) => `Bad request, headers were {"Authorization":"Bearer ${key}","x-api-key":"${key}"}`,
  (key) => `curl -H 'Authorization: Bearer ${key}' failed; ${key}; (${key}) [${key}] "${key}"`,
  (key) => `GET https://gateway.example/v1/models?api_key=${encodeURIComponent(key)}&v=1 failed`,
  (key) => `upstream https://user:${encodeURIComponent(key)}@gateway.example/ is gone`,
  (key) => `Authorization: Basic ${Buffer.from(`user:${key}`).toString('base64')}`,
  (key) => `Token ${Buffer.from(key).toString('base64')} was refused`,
  (key) => `rate limit reached for key=${key} in organization org-1 on tokens per min`,
  (key) => `${'The request was refused for many reasons. '.repeat(11)}${key} ${key}`,
];

describe('a key', () => {
  it('comes in at least twenty formats', () => {
    expect(keys.length).toBeGreaterThanOrEqual(20);
    expect(new Set(keys.map(({ key }) => key)).size).toBe(keys.length);
  });

  for (const [turn, canary] of keys.entries()) {
    // Over all keys, every sentence comes in every answer, streaming and not.
    const streaming = (place: number): boolean => (place + turn + Math.floor(turn / 10)) % 2 === 0;
    const traces = tracesOf(canary);
    const seen = (text: string): string[] => leaksIn(text, traces);
    const said = sentences.map((sentence, index) => ({ index, says: partsOf(canary).map(sentence).join(' / ') }));

    it(`is found by this test when it leaks: ${canary.name}`, () => {
      expect(traces.length).toBeGreaterThan(0);
      for (const { says } of said) expect(seen(says)).not.toEqual([]);
    });

    it(`that the server repeats reaches nobody through openai(): ${canary.name}`, async () => {
      const leaks: string[] = [];
      for (const [place, { name, answer }] of leakyAnswers.entries()) {
        const { index, says } = pick(said, place + turn);
        http.answer(answer(says));
        const provider = openai({ client: clientOf(http.host, canary), model: 'gpt-test', name: 'primary' });
        const transport = createTransport({ providers: [provider], ...alone });
        const told = await listening(transport, () => complete(transport, { prompt: 'Hi' }, streaming(place)));
        expect(told.error).toBeInstanceOf(TransportError);
        for (const leak of found(told, seen)) leaks.push(`${name}, sentence ${index}: ${leak}`);
      }
      expect(leaks).toEqual([]);
    });

    if (canary.plain) continue;

    it(`that the server repeats reaches nobody through wrap() around the SDK: ${canary.name}`, async () => {
      const leaks: string[] = [];
      for (const [place, { name, answer }] of leakyAnswers.entries()) {
        const { index, says } = pick(said, place + turn);
        // The library cannot know whose key this is: it goes by the looks.
        http.answer(answer(says));
        const client = clientOf(http.host, canary);
        const stream = streaming(place);
        const ask = wrap(
          (input: OpenAI.ChatCompletionCreateParams, { signal }) => client.chat.completions.create(input, { signal }),
          alone,
        );
        const told = await listening(ask.transport, async () => {
          const result = await ask({ model: 'gpt-test', messages: [{ role: 'user', content: 'Hi' }], stream });
          if (typeof result === 'object' && Symbol.asyncIterator in result) for await (const _ of result);
        });
        for (const leak of found(told, seen)) leaks.push(`${name}, sentence ${index}: ${leak}`);
      }
      expect(leaks).toEqual([]);
    });

    it(`that a function throws reaches nobody: ${canary.name}`, async () => {
      const leaks: string[] = [];
      for (const { index, says } of [0, 3, 5].map((step) => pick(said, turn + step))) {
        for (const [name, thrown] of strangers(says)) {
          const provider = throwing(thrown);
          const transport = createTransport({ providers: [provider], ...alone });
          const told = await listening(transport, () => complete(transport, { prompt: 'Hi' }, index % 2 === 0));
          expect(told.error).toBeInstanceOf(TransportError);
          for (const leak of found(told, seen)) leaks.push(`${name}, sentence ${index}: ${leak}`);
        }
      }
      expect(leaks).toEqual([]);
    });
  }

  it('is not quoted from the simulated server that repeats it', async () => {
    await using repeating = await simulatedServer({ script: ['unauthorized-repeats-key', 'unauthorized-repeats-key'] });
    for (const stream of [false, true]) {
      const client = clientOf(repeating.url.slice('http://'.length), plainKey);
      const transport = createTransport({ providers: [openai({ client, model: 'gpt-test' })] });
      const told = await listening(transport, () => complete(transport, { prompt: 'Hi' }, stream));
      expect(told.error).toMatchObject({ code: 'authentication', status: 401 });
      expect(found(told, (text) => leaksIn(text, tracesOf(plainKey)))).toEqual([]);
    }
  });

  it('is in no address that a refused connection names', async () => {
    const gone = await server();
    await gone.close();
    for (const canary of keys.filter(({ by }) => by === 'query' || by === 'userinfo')) {
      const client = clientOf(gone.host, canary);
      const transport = createTransport({ providers: [openai({ client, model: 'gpt-test' })], ...alone });
      const told = await listening(transport, () => complete(transport, { prompt: 'Hi' }, false));
      expect(told.error).toBeInstanceOf(TransportError);
      expect(found(told, (text) => leaksIn(text, tracesOf(canary)))).toEqual([]);
    }
  });

  it('is in no name, domain or error of a provider that was not given one', () => {
    const client = clientOf('gateway.example', { name: '', key: 'Zq7Kp2Xv9Lm4Tr8Wy3', by: 'userinfo' });
    const provider = openai({ client, model: 'gpt-test' });
    expect(inspect({ ...provider, complete: 0, stream: 0 })).not.toContain('Zq7Kp2Xv9Lm4Tr8Wy3');
  });

  it('is not in the error about wrong options', () => {
    const options = { client: { apiKey: plainKey.key }, model: plainKey.key, apiKey: plainKey.key };
    for (const build of [
      () => openai(options as never),
      () => createTransport({ providers: [options], apiKey: plainKey.key } as never),
    ]) {
      let error: unknown;
      try {
        build();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(OptionsError);
      expect(leaksIn(inspect(error, { depth: 8, showHidden: true }), tracesOf(plainKey))).toEqual([]);
    }
  });
});

describe('an error', () => {
  it('leads to no client, headers, request or signal', async () => {
    // `views` walks everything that can be reached, and throws for anything but plain data.
    for (const { answer } of leakyAnswers) {
      http.answer(answer('no'));
      const client = clientOf(http.host, plainKey);
      const transport = createTransport({ providers: [openai({ client, model: 'gpt-test' })], retry: { retries: 0 } });
      const { told } = await listening(transport, () => complete(transport, { prompt: 'Hi' }, true));
      expect(told.get('everything reachable')).toContain('gpt-test');
    }
  });

  it('keeps what had arrived of a stream, which is what was asked for', async () => {
    http.answer(leakyAnswers.find(({ name }) => name === 'no terminal event')?.answer('x') ?? body(500, content));
    const client = clientOf(http.host, plainKey);
    const transport = createTransport({ providers: [openai({ client, model: 'gpt-test' })] });
    const { error } = await listening(transport, () => complete(transport, { prompt: 'Hi' }, true));
    expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text: 'Well, ' } });
  });
});
