import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TransportError } from '../../src/core/errors.ts';
import type { Attempt, CompletionRequest, Provider, Transport } from '../../src/core/types.ts';
import { languageModel } from '../../src/integrations/ai-sdk.ts';
import { createFetch } from '../../src/integrations/fetch.ts';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import { anthropic } from '../../src/providers/anthropic.ts';
import { google } from '../../src/providers/google.ts';
import { openai } from '../../src/providers/openai.ts';
import { type FaultName, type SimulatedServer, simulatedServer } from '../../src/testing/index.ts';
import { createTransport } from '../../src/transport.ts';
import { wrap } from '../../src/wrap.ts';
import { doors, linesOf, type Place, prompt } from './every-door.ts';
import { errorOf, openaiWire, wires } from './support.ts';

/** What cannot have been billed, because it never left, as the ledger of every adapter and every door has it. */

const placeAt = (url: string): Place => ({ url, baseURL: `${url}/v1` });

/** It speaks HTTP where TLS is asked for. */
const plain = createServer((_, response) => response.end());
let nobody: SimulatedServer;
const places = new Map<string, Place>();

beforeAll(async () => {
  nobody = await simulatedServer();
  await nobody.setFault('connection-refused');
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  places.set('where nobody listens', nobody);
  places.set('at a name that nobody has', placeAt('http://nobody.invalid'));
  places.set('where TLS is not spoken', placeAt(`https://127.0.0.1:${(plain.address() as AddressInfo).port}`));
});

afterAll(async () => {
  plain.closeAllConnections();
  plain.close();
  await nobody.close();
});

const ways = [false, true];

describe.concurrent.each(['where nobody listens', 'at a name that nobody has', 'where TLS is not spoken'])(
  '%s',
  (where) => {
    it.each(doors)('$name cannot have been billed', async (door) => {
      const place = places.get(where) as Place;
      for (const stream of ways)
        expect(await linesOf(door, place, stream)).toMatchObject([
          { outcome: 'connection', mayBeBilled: false, usage: undefined, usageEstimated: false, cost: 0 },
        ]);
    });
  },
);

/** What is not certain: the request had left. */
const sent: readonly FaultName[] = [
  'reset-before-headers',
  'reset-after-headers',
  'cut-reset',
  'http-503',
  'unauthorized',
];

describe.concurrent('what was sent', () => {
  it.each(doors)('may have been billed, as $name sees it', async (door) => {
    await using server = await simulatedServer();
    for (const fault of sent) {
      await server.setFault(fault);
      for (const stream of ways) {
        const lines = await linesOf(door, server, stream);
        expect([fault, lines.map(({ mayBeBilled }) => mayBeBilled)]).toEqual([fault, [true]]);
      }
    }
    expect(server.requests.length).toBeGreaterThanOrEqual(2 * sent.length);
  });
});

/** The lines that calls of a transport leave. */
function linesIn(transport: Pick<Transport, 'on'>): Attempt[] {
  const lines: Attempt[] = [];
  transport.on('attempt:end', ({ ledger }) => lines.push(ledger));
  return lines;
}

const billable = (lines: readonly Attempt[]) => lines.map(({ outcome, mayBeBilled }) => [outcome, mayBeBilled]);
const over = (provider: Provider) => createTransport({ providers: [provider], retry: false });

/** Answers with the next of some, one for each request; after the last one nobody listens. */
async function answering(...answers: readonly RequestListener[]) {
  let requests = 0;
  const server = createServer((request, response) => {
    const answer = answers[requests] as RequestListener;
    requests += 1;
    if (requests === answers.length) server.close();
    response.setHeader('connection', 'close');
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return placeAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

describe('a connection that takes too long', () => {
  // As Node's own does after ten seconds.
  const late = Object.assign(new Error('Connect Timeout Error'), { code: 'UND_ERR_CONNECT_TIMEOUT' });
  const fetch = () => Promise.reject(new TypeError('fetch failed', { cause: late }));
  const providers: Record<string, Provider> = {
    'OpenAI’s': openai({ client: new OpenAI({ apiKey: 'sk-test', fetch, logLevel: 'off' }), model: 'm' }),
    'Google’s': google({ client: new GoogleGenAI({ apiKey: 'sk', httpOptions: { fetch } as never }), model: 'm' }),
    'the AI SDK’s': aiSdk({ model: createOpenAI({ apiKey: 'sk-test', fetch })('m') }),
  };

  it.each(Object.entries(providers))('never carried anything, by %s error', async (_, provider) => {
    const llm = over(provider);
    const lines = linesIn(llm);
    await errorOf(llm.complete({ prompt }));
    expect(lines.map(({ mayBeBilled }) => mayBeBilled)).toEqual([false]);
  });

  it('may have, by an error that does not tell it from a late answer', async () => {
    const client = new Anthropic({ apiKey: 'sk-test', fetch, logLevel: 'off' });
    const llm = over(anthropic({ client, model: 'm' }));
    const lines = linesIn(llm);
    await errorOf(llm.complete({ prompt }));
    expect(billable(lines)).toEqual([['timeout', true]]);
  });
});

describe('an attempt that sends more than once', () => {
  it('was sent, also when nobody listens the second time', async () => {
    const place = await answering((_, response) => {
      response.statusCode = 400;
      const error = { param: 'stream_options', message: 'Unknown parameter: stream_options' };
      response.end(JSON.stringify({ error }));
    });
    const llm = over(openaiWire.providerAt(place as SimulatedServer, 'one'));
    const lines = linesIn(llm);
    await errorOf(llm.complete({ prompt }));
    expect(billable(lines)).toEqual([['connection', true]]);
  });

  it('was sent, also when it is sent on to where nobody listens', async () => {
    const place = await answering((_, response) => {
      response.writeHead(307, { location: '/v1/elsewhere' });
      response.end();
    });
    const fetch = createFetch({ retry: false });
    const lines = linesIn(fetch.transport);
    const asked = { method: 'POST', body: JSON.stringify({ model: 'm', messages: [] }) };
    await errorOf(fetch(`${place.baseURL}/chat/completions`, asked));
    expect(billable(lines)).toEqual([['connection', true]]);
  });

  it('was sent, when it was another transport that was asked, and one of its own attempts was', async () => {
    await using server = await simulatedServer({ fault: 'reset-before-headers' });
    const [away, there] = ['away', 'there'].map((name) =>
      openaiWire.providerAt(name === 'away' ? nobody : server, name, { domain: name }),
    ) as [Provider, Provider];
    for (const [providers, may] of [
      [[there, away], true],
      [[away], false],
    ] as const) {
      const inner = createTransport({ providers, retry: { retries: 0 } });
      const llm = over(aiSdk({ model: languageModel(inner) as never, name: 'outer' }));
      const lines = linesIn(llm);
      await errorOf(llm.complete({ prompt }));
      expect(lines.map(({ mayBeBilled }) => mayBeBilled)).toEqual([may]);
    }
  });
});

describe('what is refused before it is sent', () => {
  const file = { type: 'file', data: 'data:no comma', mediaType: 'audio/wav' } as const;
  const unsendable: Record<string, Partial<CompletionRequest>> = {
    openai: { messages: [{ role: 'user', content: [{ ...file, data: 'https://example.com/a.pdf' }] }] },
    'openai-responses': { messages: [{ role: 'user', content: [{ ...file, data: 'https://example.com/a.wav' }] }] },
    anthropic: { prompt, stopSequences: [' '] },
    google: { messages: [{ role: 'system', content: prompt }] },
  };

  it.each(wires)('cannot have been billed by $name()', async (wire) => {
    await using server = await simulatedServer();
    const llm = over(wire.providerAt(server, 'one'));
    const lines = linesIn(llm);
    await errorOf(llm.complete(unsendable[wire.name] as CompletionRequest));
    expect(server.requests).toEqual([]);
    expect(lines).toMatchObject([{ mayBeBilled: false, cost: 0, usage: undefined }]);
  });

  it('cannot have been billed where a target has no key', async () => {
    await using server = await simulatedServer();
    const own = new TransportError('authentication', 'The vault is shut');
    for (const apiKey of [() => '', () => Promise.reject(new Error('away')), () => Promise.reject(own)]) {
      const fetch = createFetch({ retry: false, targets: [{ name: 'one', baseURL: server.baseURL, apiKey }] });
      const lines = linesIn(fetch.transport);
      const asked = { method: 'POST', body: JSON.stringify({ model: 'm', messages: [] }) };
      await errorOf(fetch(`${server.baseURL}/chat/completions`, asked));
      expect(billable(lines)).toEqual([['authentication', false]]);
    }
    expect(server.requests).toEqual([]);
  });
});

it('is judged anew each time, also where the application gives one error for all', async () => {
  const same = new TransportError('connection', 'It did not work');
  let thrown: Error = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
  const asking = wrap(async (_: string): Promise<string> => Promise.reject(thrown), {
    classify: () => same,
    retry: false,
  });
  const lines = linesIn(asking.transport);
  await errorOf(asking('one'));
  thrown = Object.assign(new Error('read'), { code: 'ECONNRESET' });
  await errorOf(asking('two'));
  expect(billable(lines)).toEqual([
    ['connection', false],
    ['connection', true],
  ]);
});
