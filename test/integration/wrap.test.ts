import type OpenAI from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TransportError } from '../../src/core/errors.ts';
import type { Attempt, CallInfo, ErrorCode } from '../../src/core/types.ts';
import {
  answerTo,
  type FaultCase,
  type FaultName,
  faultCases,
  type RequestRecord,
  type SimulatedServer,
} from '../../src/testing/index.ts';
import { type WrapOptions, type Wrapped, wrap } from '../../src/wrap.ts';
import {
  Bench,
  errorOf,
  expectation,
  hungMs,
  judgementOf,
  runCells,
  sdkOf,
  sequence,
  timersFor,
  typed,
  until,
  upTo,
  within,
} from './support.ts';

type Body = OpenAI.ChatCompletionCreateParams;
type Item = OpenAI.ChatCompletionChunk;

const ways = ['unary', 'stream'] as const;
type Way = (typeof ways)[number];

function bodyOf(way: Way, prompt: string): Body {
  return { model: 'gpt-test', messages: [{ role: 'user', content: prompt }], stream: way === 'stream' };
}

/** The call as an application has it, with what it returned, item by item. */
function recorded(server: SimulatedServer) {
  const client = sdkOf(server);
  const returned: unknown[][] = [];
  const call = async (params: Body, { signal }: CallInfo): Promise<unknown> => {
    const result = await client.chat.completions.create(params, { signal, maxRetries: 0 });
    const items: unknown[] = [];
    returned.push(items);
    // Of an empty body the SDK makes nothing at all.
    if (result === undefined || !(Symbol.asyncIterator in result)) {
      items.push(result);
      return result;
    }
    return (async function* () {
      for await (const item of result) {
        items.push(item);
        yield item;
      }
    })();
  };
  return { call, returned };
}

interface Seen {
  readonly how: 'answered' | 'failed' | 'hung';
  readonly items: readonly unknown[];
  readonly error: TransportError | undefined;
}

async function use(ask: Wrapped<Body, unknown>, way: Way, prompt: string, signal?: AbortSignal): Promise<Seen> {
  const items: unknown[] = [];
  const asking = async (): Promise<Seen> => {
    try {
      const result = await ask(bodyOf(way, prompt), { signal });
      if (way === 'unary') items.push(result);
      else for await (const item of result as AsyncIterable<unknown>) items.push(item);
      return { how: 'answered', items, error: undefined };
    } catch (error) {
      return { how: 'failed', items, error: typed(error) };
    }
  };
  const call = asking();
  return (await within(hungMs, call)) ? call : { how: 'hung', items, error: undefined };
}

function textOf(items: readonly unknown[]): string {
  return (items as (Item | OpenAI.ChatCompletion)[])
    .map(
      ({ choices: [choice] }) =>
        (choice === undefined ? '' : 'delta' in choice ? choice.delta.content : choice.message.content) ?? '',
    )
    .join('');
}

/** What these come out as behind the SDK's own reading of the wire. */
const seenAs: Record<Way, Partial<Record<FaultName, ErrorCode>>> = {
  unary: { 'cut-end': 'bad_response', 'error-in-200': 'server_error' },
  stream: {
    'error-in-200': 'empty_response',
    // Whether to stream is the application's to say: nobody asks again without.
    'streaming-refused': 'unsupported',
    'stream-ignored': 'empty_response',
  },
};

interface Cell {
  readonly seen: Seen;
  readonly prompt: string;
  readonly attempts: readonly Attempt[];
  readonly primary: readonly RequestRecord[];
  readonly backup: readonly RequestRecord[];
  /** What the function of the last attempt returned. */
  readonly returned: readonly unknown[];
  readonly released: boolean;
}

async function meet({ name }: FaultCase, way: Way, alone: boolean): Promise<Cell> {
  await using bench = new Bench();
  const primary = await bench.server({ fault: name });
  const backup = await bench.server();
  const [first, second] = [recorded(primary), recorded(backup)];
  const options: WrapOptions<unknown> = { timeout: timersFor(name), retry: { retries: 1 } };
  const calls = [
    { name: 'primary', ...first },
    { name: 'backup', ...second },
  ].map(({ name, call }) => ({ name, call }));
  const ask = wrap(alone ? first.call : calls, options);
  const attempts: Attempt[] = [];
  ask.transport.on('attempt:end', ({ ledger }) => attempts.push(ledger));
  const prompt = `Tell me about ${name}, ${way}`;
  const seen = await use(ask, way, prompt);
  const records = { primary: [...primary.requests], backup: [...backup.requests] };
  const released = await within(
    1_500,
    Promise.all([...records.primary, ...records.backup].map(({ closed }) => closed)),
  );
  await ask.transport.close({ timeoutMs: 0 });
  const returned = (second.returned.length > 0 ? second : first).returned.at(-1) ?? [];
  return { seen, prompt, attempts, ...records, returned, released };
}

const matrix = faultCases.flatMap((faultCase) =>
  ways.map((way) => ({ faultCase, way, name: faultCase.name, fault: faultCase.name })),
);

describe.each([
  { how: 'two functions', alone: false },
  { how: 'one function', alone: true },
])('wrap() around $how with the real SDK', ({ alone }) => {
  const cells = new Map<string, Cell>();
  const cellOf = (name: string, way: Way): Cell => cells.get(`${name} ${way}`) as Cell;

  beforeAll(async () => {
    const seen = await runCells(matrix, ({ faultCase, way }) => meet(faultCase, way, alone));
    for (const [index, { name, way }] of matrix.entries()) cells.set(`${name} ${way}`, seen[index] as Cell);
  }, 60_000);

  it.each(matrix)('$name, $way: the whole answer once, or the right typed error', ({ faultCase, name, way }) => {
    const { seen, prompt, attempts, primary, backup, returned, released } = cellOf(name, way);
    const reader = way === 'stream' ? 'streamed' : 'whole';
    const { outcome, end, partialTokens } = expectation(faultCase, { wire: reader, reader, seenAs: seenAs[way] });
    const [one, other] = alone ? ['call', undefined] : ['primary', 'backup'];
    expect(released).toBe(true);
    expect(seen.how).not.toBe('hung');

    if (end === 'answered' || (end === 'by backup' && !alone)) {
      expect(seen.error).toBeUndefined();
      expect(textOf(seen.items)).toBe(name === 'length' ? upTo(5, prompt) : answerTo(prompt));
      expect(sequence(attempts)).toEqual(end === 'answered' ? [`${one}:ok`] : [`${one}:${outcome}`, `${other}:ok`]);
      // What the function returned, the very objects, in their order.
      expect(seen.items).toHaveLength(returned.length);
      for (const [index, item] of seen.items.entries()) expect(item).toBe(returned[index]);
    } else {
      const code = end === 'interrupted' ? 'stream_interrupted' : (outcome as ErrorCode);
      const elsewhere = name === 'do-not-retry' ? { retry: 'elsewhere' } : {};
      expect(seen.error).toMatchObject({ code, provider: one, ...judgementOf(code), ...elsewhere });
      expect(backup).toEqual([]);
      const again = judgementOf(code).retry === 'again' && name !== 'do-not-retry' && name !== 'rate-limited-600s';
      expect(sequence(attempts)).toEqual(Array.from({ length: again ? 2 : 1 }, () => `${one}:${outcome}`));
      const delivered = way === 'stream' && end !== 'by backup' ? upTo(partialTokens, prompt) : '';
      expect(textOf(seen.items)).toBe(delivered);
      if (end === 'interrupted') {
        expect(seen.error?.partial?.text).toBe(delivered);
        expect(seen.error?.cause).toMatchObject({ code: outcome });
      }
    }
    expect(primary.length + backup.length).toBe(
      attempts.length -
        (name === 'connection-refused' ? attempts.filter(({ outcome }) => outcome === 'connection').length : 0),
    );
    if (attempts[0]?.outcome === 'timeout') expect(primary[0]?.closedByClientAt).toBeDefined();
  });
});

describe('A wrapped SDK call', () => {
  it.each(ways)('gives what the bare SDK gives, %s', async (way) => {
    await using bench = new Bench();
    const [bare, wrapped] = await Promise.all([bench.server(), bench.server()]);
    const read = async (result: unknown): Promise<string> => {
      const items: unknown[] = [];
      if (way === 'unary') items.push(result);
      else for await (const item of result as AsyncIterable<unknown>) items.push(item);
      // The second in which it was made.
      return JSON.stringify(items).replaceAll(/"created":\d+/g, '"created":0');
    };
    const ask = wrap((params: Body, { signal }) =>
      sdkOf(wrapped).chat.completions.create(params, { signal, maxRetries: 0 }),
    );
    const plain = await read(await sdkOf(bare).chat.completions.create(bodyOf(way, 'Hello')));
    expect(await read(await ask(bodyOf(way, 'Hello')))).toBe(plain);
    expect(wrapped.requests.map(({ body }) => body)).toEqual(bare.requests.map(({ body }) => body));
    await ask.transport.close();
  });

  it.each(ways)('is stopped by its signal, and its socket is closed, %s', async (way) => {
    await using bench = new Bench();
    const server = await bench.server({ words: 2_000, tokenMs: 4 });
    const { call } = recorded(server);
    const ask = wrap(call);
    const controller = new AbortController();
    const using = use(ask, way, 'Hello', controller.signal);
    const record = await server.received(1);
    await until(() => record.outputTokens > 5, 'some tokens made');
    const made = record.outputTokens;
    controller.abort();
    expect((await using).error).toMatchObject({ code: 'cancelled', blame: 'caller' });
    await record.closed;
    expect(record.closedByClientAt).toBeDefined();
    expect(record.outputTokens - made).toBeLessThan(25);
    await expectIdle(ask, server);
  });

  it.each([
    { how: 'break', stalls: false },
    { how: 'return()', stalls: true },
  ])('is stopped by $how, and its socket is closed', async ({ how, stalls }) => {
    await using bench = new Bench();
    const server = await bench.server(stalls ? { fault: 'stall' } : { words: 2_000, tokenMs: 4 });
    const client = sdkOf(server);
    // As in the readme: the SDK's own stream, with nothing in between.
    const ask = wrap((params: OpenAI.ChatCompletionCreateParamsStreaming, { signal }) =>
      client.chat.completions.create(params, { signal, maxRetries: 0 }),
    );
    const stream = await ask(bodyOf('stream', 'Hello') as OpenAI.ChatCompletionCreateParamsStreaming);
    if (how === 'break') {
      let read = 0;
      for await (const _ of stream) {
        read += 1;
        if (read === 4) break;
      }
    } else {
      const iterator = stream[Symbol.asyncIterator]();
      for (let read = 0; read < 6; read += 1) await iterator.next();
      const pending = iterator.next();
      await iterator.return?.();
      expect(await pending).toEqual({ done: true, value: undefined });
    }
    const record = await server.received(1);
    await record.closed;
    expect(record.closedByClientAt).toBeDefined();
    await expectIdle(ask, server);
  });

  async function expectIdle(ask: Wrapped<never, unknown>, server: SimulatedServer): Promise<void> {
    await until(() => server.inFlight === 0, 'no exchange at the server');
    expect(ask.transport.health()).toMatchObject([{ inFlight: 0, queued: 0, circuit: 'closed' }]);
    expect(server.requests).toHaveLength(1);
    await ask.transport.close();
  }
});

describe('A wrapped function of any other kind', () => {
  it('gives its plain value back, the same object, also when that has an error or choices of its own', async () => {
    const values = [
      { error: { message: 'the form was not complete' }, fields: [1, 2, 3] },
      { error: 'a text', ok: false },
      { error: null, id: 7 },
      { type: 'error', items: [] },
      { message: 'error', status: 500 },
      new Map([['error', 'yes']]),
      ['error'],
      0,
      false,
    ];
    for (const value of values) {
      let calls = 0;
      const ask = wrap(async (_input: string) => {
        calls += 1;
        return value;
      });
      expect(await ask('Hello')).toBe(value);
      expect(calls).toBe(1);
      await ask.transport.close();
    }
  });

  it.each([
    { what: 'an error of nobody known', thrown: new Error('no idea'), code: 'server_error', calls: 2 },
    { what: 'a text', thrown: 'no idea', code: 'server_error', calls: 2 },
    { what: 'nothing', thrown: undefined, code: 'server_error', calls: 2 },
    { what: 'a bug', thrown: new TypeError('x is not a function'), code: 'internal', calls: 1 },
    {
      what: 'a failed fetch',
      thrown: new TypeError('fetch failed', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) }),
      code: 'connection',
      calls: 2,
    },
  ])('that throws $what: ends in a typed error, asked again where that can help', async ({ thrown, code, calls }) => {
    let count = 0;
    const ask = wrap(
      async (_input: string): Promise<string> => {
        count += 1;
        throw thrown;
      },
      { retry: { retries: 1 } },
    );
    expect(await errorOf(ask('Hello'))).toMatchObject({ code, ...judgementOf(code as ErrorCode) });
    expect(count).toBe(calls);
    await ask.transport.close();
  });

  it('that returns a generator: its items pass; before the first it is run again, after it never', async () => {
    let runs = 0;
    const ask = wrap(async ({ failAt }: { readonly failAt: number }) =>
      (async function* () {
        runs += 1;
        for (let item = 0; item < 5; item += 1) {
          if (item === failAt && (failAt > 0 || runs === 1)) throw new Error('broken');
          yield { item };
        }
      })(),
    );
    const got: unknown[] = [];
    for await (const item of await ask({ failAt: 0 })) got.push(item);
    expect(got).toEqual([0, 1, 2, 3, 4].map((item) => ({ item })));
    expect(runs).toBe(2);

    runs = 0;
    got.length = 0;
    const reading = (async () => {
      for await (const item of await ask({ failAt: 3 })) got.push(item);
    })();
    expect(await errorOf(reading)).toMatchObject({ code: 'stream_interrupted' });
    expect(got).toEqual([0, 1, 2].map((item) => ({ item })));
    expect(runs).toBe(1);
    await ask.transport.close();
  });

  it('that takes no notice of its signal: the caller need not wait for it', async () => {
    const ask = wrap((_input: string) => new Promise<string>(() => {}));
    const controller = new AbortController();
    const asking = errorOf(ask('Hello', { signal: controller.signal }));
    await until(() => ask.transport.health()[0]?.inFlight === 1, 'under way');
    controller.abort();
    expect((await asking).code).toBe('cancelled');
    expect((await errorOf(ask('Hello', { timeoutMs: 30 }))).code).toBe('deadline_exceeded');
    expect(ask.transport.health()).toMatchObject([{ inFlight: 0, queued: 0 }]);
    await ask.transport.close();
  });

  it('counts a picture in its input as one, not as so many words', async () => {
    const image = `data:image/png;base64,${'iVBORw0KGgo'.repeat(100_000)}`;
    const call = async ({ image }: { readonly image: string }) => image.length;
    const ask = wrap([{ name: 'seer', call, limits: { tokensPerMinute: 20_000 } }]);
    // Its million characters, taken for words, would be more than all of a minute's.
    expect(await ask({ image }, { timeoutMs: 5_000 })).toBe(image.length);
    expect(await ask({ image }, { timeoutMs: 5_000 })).toBe(image.length);
    await ask.transport.close();
  });
});
