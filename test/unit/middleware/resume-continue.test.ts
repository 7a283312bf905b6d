import { describe, expect, it } from 'vitest';
import type { Chunk, CompletionRequest, ResumeOptions } from '../../../src/core/types.ts';
import {
  type Answer,
  answerTo,
  type Continues,
  type Fault,
  type IncomingRequest,
  randomFrom,
  type SimulatedOptions,
  simulated,
} from '../../../src/testing/index.ts';
import { advance, finish, given, kept, readAll, requestsAt, transport, virtualTime } from './support.ts';

virtualTime();

const hello = { prompt: 'Hello', stream: true } as const;
const goOn: ResumeOptions = { mode: 'continue' };
const reference = answerTo('Hello');
const cut = (afterTokens: number): Fault => ({ kind: 'cut', afterTokens, by: 'reset' });

function keptOf(chunks: readonly Chunk[]): string {
  let text = '';
  for (const chunk of chunks) {
    if (chunk.type === 'restart') text = '';
    if (chunk.type === 'text') text += chunk.text;
  }
  return text;
}

/** Two providers, of which the first breaks after so many tokens, and the second is asked to go on. */
function pair(
  afterTokens: number,
  second: SimulatedOptions = {},
  resume: ResumeOptions = goOn,
  first: SimulatedOptions = {},
) {
  const a = simulated({ name: 'a', tokenMs: 5, fault: cut(afterTokens), ...first });
  const b = simulated({ name: 'b', tokenMs: 5, ...second });
  return { a, b, llm: transport({ providers: [a, b], resume, hedge: false }) };
}

describe('resume, in mode continue', () => {
  it('another provider goes on where the first stopped, and the seam is told', async () => {
    const { llm, b } = pair(17);
    const stream = await kept(llm.complete(hello));
    const { text, chunks, error } = await kept(readAll(stream));
    expect([text, error]).toEqual([reference, undefined]);
    const seam = chunks.findIndex(({ type }) => type === 'resume');
    const before = keptOf(chunks.slice(0, seam));
    expect(chunks[seam]).toEqual({ type: 'resume', provider: 'b', offset: before.length });
    expect([before.length > 24, chunks.filter(({ type }) => type === 'resume').length]).toEqual([true, 1]);
    const completion = await kept(stream.completion);
    expect(completion).toMatchObject({ text: reference, resumed: true, provider: 'b', finishReason: 'stop' });
    expect(completion.attempts).toMatchObject([
      { reason: 'first', provider: 'a', outcome: 'connection' },
      { reason: 'resume', provider: 'b', outcome: 'ok' },
    ]);
    const told = llm.events.filter(({ type }) => type === 'resume');
    expect(told).toMatchObject([{ mode: 'continue', provider: 'b', code: 'connection' }]);
    // Asked by a turn of the user's: a conversation that ends with the model's own words is refused by many models.
    const { messages } = given(b.requests[0]).body as CompletionRequest;
    expect(messages).toMatchObject([
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: before },
      { role: 'user', content: expect.stringContaining(`<anchor>${before.slice(-24)}`.slice(0, 20)) },
    ]);
  });

  it('who reads text alone is given it without a seam', async () => {
    const { llm } = pair(17);
    const stream = await kept(llm.complete(hello));
    let text = '';
    await kept(
      (async () => {
        for await (const piece of stream.text) text += piece;
      })(),
    );
    expect(text).toBe(reference);
  });

  it('a lone provider is asked for the rest itself, as often as it takes', async () => {
    const a = simulated({ name: 'a', tokenMs: 5, script: [cut(10), cut(15), cut(20)] });
    const llm = transport({ providers: [a], resume: goOn, circuitBreaker: false });
    const { text, chunks } = await kept(readAll(await kept(llm.complete(hello))));
    expect([text, chunks.filter(({ type }) => type === 'resume').length, requestsAt(a)]).toEqual([reference, 3, 4]);
  });

  it('of an answer that was whole but for its end nothing is said again', async () => {
    const { llm } = pair(0, {}, goOn, { fault: 'missing-terminal-event' });
    const { text, error } = await kept(readAll(await kept(llm.complete(hello))));
    expect([text, error]).toEqual([reference, undefined]);
  });

  it('a stream that breaks before the seam is known has added nothing', async () => {
    const { llm, a, b } = pair(17, { script: [cut(2)] }, goOn, { fault: undefined, script: [cut(17), 'ok'] });
    const { text, chunks } = await kept(readAll(await kept(llm.complete(hello))));
    expect([text, requestsAt(a), requestsAt(b)]).toEqual([reference, 2, 1]);
    expect(chunks.filter(({ type }) => type === 'resume')).toMatchObject([{ provider: 'a' }]);
  });

  it('what it thinks about going on is not handed out', async () => {
    const answer = () => ({ reasoning: 'let me think', text: reference });
    const thinking = simulated({ name: 'b', continues: ({ anchor, rest }) => anchor + rest, answer });
    // A model that thinks before it repeats the anchor.
    const stream = thinking.stream?.bind(thinking);
    const b = {
      ...thinking,
      async *stream(...args: Parameters<NonNullable<typeof stream>>): AsyncGenerator<Chunk> {
        yield { type: 'reasoning', text: 'Where was I?' };
        yield* (stream as NonNullable<typeof stream>)(...args);
      },
    };
    const llm = transport({
      providers: [simulated({ name: 'a', fault: cut(17), tokenMs: 5 }), b],
      resume: goOn,
      hedge: false,
    });
    const { text, chunks } = await kept(readAll(await kept(llm.complete(hello))));
    expect([text, chunks.some(({ type }) => type === 'reasoning')]).toEqual([reference, false]);
  });

  it('who takes its own stream up again does so behind the seam too: each seam is told where it is', async () => {
    const healthy = simulated({ name: 'b', tokenMs: 5 });
    const stream = healthy.stream?.bind(healthy) as NonNullable<typeof healthy.stream>;
    const b = {
      ...healthy,
      async *stream(...args: Parameters<typeof stream>): AsyncGenerator<Chunk> {
        let pieces = 0;
        for await (const chunk of stream(...args)) {
          yield chunk;
          pieces += 1;
          // While the anchor is looked for, and far behind it.
          if (pieces === 2 || pieces === 30) yield { type: 'resume', provider: 'b', offset: pieces };
        }
      },
    };
    const a = simulated({ name: 'a', fault: cut(17), tokenMs: 5 });
    const llm = transport({ providers: [a, b], resume: goOn, hedge: false });
    const { text, chunks, error } = await kept(readAll(await kept(llm.complete(hello))));
    expect([text, error]).toEqual([reference, undefined]);
    const offsets = chunks.flatMap((chunk) => (chunk.type === 'resume' ? [chunk.offset] : []));
    const places = chunks.flatMap(({ type }, at) => (type === 'resume' ? [keptOf(chunks.slice(0, at)).length] : []));
    expect([offsets, offsets.length]).toEqual([places, 2]);
  });

  it('tool calls that come after the seam pass', async () => {
    const answer = (): Answer => ({ text: reference, toolCalls: [{ name: 'one', input: { a: 1 } }] });
    const { llm } = pair(17, { answer }, goOn, { answer });
    const stream = await kept(llm.complete(hello));
    const { text } = await kept(readAll(stream));
    expect(text).toBe(reference);
    expect(await kept(stream.completion)).toMatchObject({ toolCalls: [{ name: 'one', input: { a: 1 } }] });
  });

  it('a break after the seam tells all that was delivered, from both', async () => {
    const { llm } = pair(17, { fault: cut(25) }, { ...goOn, maxResumes: 1 });
    const { text, error } = await kept(readAll(await kept(llm.complete(hello))));
    expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text, toolCalls: [], reasoning: undefined } });
    expect(reference.startsWith(text)).toBe(true);
    expect(text.length).toBeGreaterThan(keptOf([]).length);
  });
});

describe('a model that does not go on from the right place', () => {
  const ways: readonly (readonly [string, SimulatedOptions['continues']])[] = [
    ...(['ignores', 'paraphrases', 'repeats'] satisfies Continues[]).map((way) => [way, way] as const),
    ['says it all again behind the anchor', ({ anchor, delivered, rest }) => anchor + delivered + rest],
    ['says the last sentence again', ({ anchor, delivered, rest }) => anchor + delivered.slice(-60) + rest],
    ['says the last word again', ({ anchor, delivered, rest }) => `${anchor} ${/\S+$/.exec(delivered)?.[0]}${rest}`],
    ['leaves the anchor out', ({ rest }) => rest],
    ['repeats half of it', ({ anchor, rest }) => anchor.slice(12) + rest],
    ['puts it in quotes', ({ anchor, rest }) => `"${anchor}${rest}`],
    ['changes one letter', ({ anchor, rest }) => `${anchor.slice(0, 9)}~${anchor.slice(10)}${rest}`],
    ['says a part of it only', ({ anchor }) => anchor.slice(0, -1)],
    ['apologises', () => 'Sorry about that! Where were we?'],
    ['says what it does first', ({ anchor, rest }) => `Sure, here is the rest: ${anchor}${rest}`],
    ['puts it in a block of code', ({ anchor, rest }) => `\`\`\`\n${anchor}${rest}\n\`\`\``],
    ['puts it in its tags', ({ anchor, rest }) => `<anchor>${anchor}</anchor>${rest}`],
    ['ends it with its tag', ({ anchor, rest }) => `${anchor}</anchor>${rest}`],
    ['begins it with a line', ({ anchor, rest }) => `\n${anchor}${rest}`],
    ['puts more space between its words', ({ anchor, rest }) => anchor.replaceAll(' ', '  ') + rest],
    ['puts it in capitals', ({ anchor, rest }) => anchor.toUpperCase() + rest],
    ['says it all from the start', ({ delivered, rest }) => delivered + rest],
    ['begins a character too early', ({ delivered, anchor, rest }) => delivered.slice(-anchor.length - 1) + rest],
    ['begins a character too late', ({ anchor, rest }) => anchor.slice(1) + rest],
    ['leaves out the end of it', ({ anchor, rest }) => anchor.slice(0, -1) + rest],
    ['says the last character again', ({ anchor, rest }) => anchor + anchor.slice(-1) + rest],
    ['says the last half of a word again', ({ anchor, rest }) => anchor + anchor.slice(-3) + rest],
    ['repeats it without a space', ({ anchor, rest }) => anchor + anchor + rest],
    ['stops behind it', ({ anchor }) => anchor],
    ['stops behind it, and a line', ({ anchor }) => `${anchor}\n`],
    [
      'says that nothing is missing, and goes on',
      ({ anchor, rest, nothingMissing }) => `${nothingMissing}${anchor}${rest}`,
    ],
    [
      'goes on a little, and says that nothing is missing',
      ({ anchor, nothingMissing }) => `${anchor} So${nothingMissing}`,
    ],
  ];
  /** These are right where the text is such that they change nothing. */
  const sometimes: typeof ways = [
    ['writes its accents apart', ({ anchor, rest }) => anchor.normalize('NFD') + rest],
    ['leaves out what is no letter of ours', ({ anchor, rest }) => anchor.replace(/[^ -~]/g, '') + rest],
    [
      'says the word for it behind the rest',
      ({ anchor, rest, nothingMissing }) => anchor + rest + (rest === '' ? '' : nothingMissing),
    ],
    ['trims it', ({ anchor, rest }) => anchor.trim() + rest],
  ];

  const first = {
    fault: undefined,
    script: ({ turns }: IncomingRequest) => (turns.length === 1 ? cut(17) : 'http-503'),
  } as const;

  it.each(ways)('%s: nothing of it is handed out, and the stream ends in the error', async (_, continues) => {
    const { llm, b } = pair(17, { continues }, goOn, first);
    const { text, error, chunks } = await kept(readAll(await kept(llm.complete(hello))));
    expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text }, cause: { code: 'connection' } });
    expect([reference.startsWith(text), chunks.some(({ type }) => type === 'resume')]).toEqual([true, false]);
    expect(error).toMatchObject({
      attempts: expect.arrayContaining([expect.objectContaining({ provider: 'b', reason: 'resume' })]),
    });
    // It is asked once, let go of, and nothing of it is held against it.
    expect(requestsAt(b)).toBe(1);
    expect(llm.health()[1]).toMatchObject({ inFlight: 0, failureRatio: 0 });
  });

  it.each(ways)('%s: the answer begins again, where the caller chose that', async (_, continues) => {
    const { llm } = pair(17, { continues }, { mode: 'continue', otherwise: 'restart' }, first);
    const stream = await kept(llm.complete(hello));
    const { chunks, error } = await kept(readAll(stream));
    expect([keptOf(chunks), error]).toEqual([reference, undefined]);
    expect(chunks.filter(({ type }) => type === 'restart').length).toBe(1);
    expect(await kept(stream.completion)).toMatchObject({ resumed: false, text: reference });
  });

  it('1,000 cuts, each with another bad answer: nothing is ever glued', {
    tags: ['load'],
    timeout: 240_000,
  }, async () => {
    const random = randomFrom(5);
    const tally = { error: 0, restarted: 0 };
    const all = [...ways, ...sometimes];
    for (let number = 0; number < 1_000; number += 1) {
      const wanted = answerTo(String(number));
      const at = 1 + Math.floor(random() * 60);
      const continues = all[Math.floor(random() * all.length)]?.[1];
      const otherwise = random() < 0.5 ? 'restart' : 'error';
      const { llm } = pair(
        at,
        { continues, tokenMs: 0 },
        { mode: 'continue', otherwise },
        // Who refuses a key is left alone; who is busy would be asked again for a minute.
        { tokenMs: 0, script: ({ turns }) => (turns.length === 1 ? cut(at) : 'unauthorized'), fault: undefined },
      );
      const { chunks, error } = await kept(readAll(await kept(llm.complete({ prompt: String(number), stream: true }))));
      await finish(llm);
      const text = keptOf(chunks);
      if (error === undefined) {
        tally.restarted += 1;
        // There was nothing more to say, or it began again.
        expect([number, text]).toEqual([number, wanted]);
      } else {
        tally.error += 1;
        expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text } });
        expect([number, wanted.startsWith(text)]).toEqual([number, true]);
      }
    }
    console.log(`1,000 bad continuations: ${JSON.stringify(tally)}, 0 glued`);
    expect(tally.error).toBeGreaterThan(300);
    expect(tally.restarted).toBeGreaterThan(300);
  });

  it('is not asked for the rest again for ten minutes, while the others are', async () => {
    const c = simulated({ name: 'c', tokenMs: 5 });
    const a = simulated({ name: 'a', tokenMs: 5, script: ({ turns }) => (turns.length === 1 ? cut(17) : 'http-503') });
    const b = simulated({ name: 'b', tokenMs: 5, continues: 'ignores' });
    const llm = transport({ providers: [a, b, c], resume: goOn, hedge: false, circuitBreaker: false });
    const once = async () => (await kept(readAll(await kept(llm.complete(hello))))).text;
    expect([await once(), requestsAt(b), requestsAt(c)]).toEqual([reference, 1, 1]);
    expect([await once(), requestsAt(b), requestsAt(c)]).toEqual([reference, 1, 2]);
    await advance(600_001);
    expect([await once(), requestsAt(b), requestsAt(c)]).toEqual([reference, 2, 3]);
  });
});

describe('what the rest is asked for with', () => {
  /** The request that `b` was sent for the rest. */
  const asked = async (request: CompletionRequest, afterTokens = 30): Promise<CompletionRequest> => {
    const answer = () => reference;
    const { llm, b } = pair(afterTokens, { answer }, goOn, { answer });
    await kept(readAll(await kept(llm.complete({ ...request, stream: true }))));
    return given(b.requests[0]).body as CompletionRequest;
  };

  it('all that the request had: system, images, tools, settings; the request itself stays as it is', async () => {
    const request: CompletionRequest = {
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image', image: 'https://a.test/b.png' },
          ],
        },
      ],
      tools: [{ name: 'look', inputSchema: { jsonSchema: { type: 'object' } } }],
      stopSequences: ['END'],
      temperature: 0.2,
      providerOptions: { openai: { user: 'me' } },
    };
    const before = JSON.stringify(request);
    const { messages = [], ...others } = await asked(request);
    expect(messages.slice(0, 2)).toEqual(request.messages);
    expect(messages.slice(2)).toMatchObject([{ role: 'assistant' }, { role: 'user' }]);
    const { messages: _, ...own } = request;
    expect(others).toEqual({ ...own, stream: true });
    expect(JSON.stringify(request)).toBe(before);
  });

  it('a turn of the model that the request itself began, as one turn', async () => {
    const { messages = [] } = await asked({
      messages: [
        { role: 'user', content: 'Tell me a story.' },
        { role: 'assistant', content: 'Once upon a time: ' },
      ],
    });
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(messages[1]?.content).toMatch(/^Once upon a time: 1:/);
  });

  it('what is left of a limit of tokens, and the anchor beside it', async () => {
    expect(await asked(hello)).not.toHaveProperty('maxOutputTokens');
    const { maxOutputTokens: much = 0, messages = [] } = await asked({ ...hello, maxOutputTokens: 1_000 });
    const delivered = String(messages.at(-2)?.content);
    expect(much).toBe(1_000 - Math.ceil(delivered.length / 4) + 24);
    // Never more than was allowed, nor so little that nobody takes it.
    expect((await asked({ ...hello, maxOutputTokens: 35 })).maxOutputTokens).toBe(25);
    expect((await asked({ ...hello, maxOutputTokens: 35 }, 17)).maxOutputTokens).toBeLessThanOrEqual(35);
  });

  it('an answer that reaches its limit in the rest is told to', async () => {
    const { llm } = pair(30);
    const stream = await kept(llm.complete({ ...hello, maxOutputTokens: 58 }));
    const { text } = await kept(readAll(stream));
    expect(await kept(stream.completion)).toMatchObject({ text, finishReason: 'length', resumed: true });
    expect([reference.startsWith(text), text.length < reference.length]).toEqual([true, true]);
  });
});

describe('an answer that was gone on with', () => {
  it('is accounted for as what it is: two attempts, the first estimated', async () => {
    const price = { input: 1, output: 2 };
    const { llm } = pair(17, { traits: { price } }, goOn, { traits: { price } });
    const stream = await kept(llm.complete(hello));
    await kept(readAll(stream));
    const { attempts, cost, usage } = await kept(stream.completion);
    expect(attempts).toMatchObject([
      { reason: 'first', usageEstimated: true, mayBeBilled: true },
      { reason: 'resume', usageEstimated: false, usage },
    ]);
    expect(cost).toBeCloseTo(given(attempts[0]?.cost) + given(attempts[1]?.cost), 12);
    expect(given(attempts[0]?.usage).outputTokens).toBeGreaterThan(0);
  });

  it('ends at once when the call is cancelled, when its time is over, and when its reader leaves', async () => {
    for (const how of ['cancel', 'deadline', 'leave'] as const) {
      const { llm, b } = pair(17, { firstTokenMs: 5_000 });
      const controller = new AbortController();
      const options = { signal: controller.signal, ...(how === 'deadline' && { timeoutMs: 2_000 }) };
      const stream = await kept(llm.complete(hello, options));
      const iterator = stream[Symbol.asyncIterator]();
      let text = '';
      const reading = (async () => {
        for await (const chunk of { [Symbol.asyncIterator]: () => iterator })
          if (chunk.type === 'text') text += chunk.text;
      })();
      const ended = reading.catch((error: unknown) => error);
      await advance(1_000);
      expect(b.inFlight).toBe(1);
      if (how === 'cancel') controller.abort();
      if (how === 'leave') await iterator.return?.();
      const error = await kept(ended);
      await advance(0);
      expect([how, b.inFlight]).toEqual([how, 0]);
      if (how === 'leave') continue;
      const code = how === 'cancel' ? 'cancelled' : 'deadline_exceeded';
      expect(error).toMatchObject({ code, partial: { text } });
      expect([reference.startsWith(text), text !== '']).toEqual([true, true]);
    }
  });

  it('is paid for: with an empty purse nobody is asked', async () => {
    const a = simulated({ name: 'a', fault: cut(17) });
    const llm = transport({
      providers: [a],
      resume: { ...goOn, maxResumes: 1_000 },
      circuitBreaker: false,
      rateLimit: false,
    });
    const counts: number[] = [];
    for (let call = 0; call < 4; call += 1) {
      const before = requestsAt(a);
      const { error } = await kept(readAll(await kept(llm.complete({ prompt: `call ${call}`, stream: true }))));
      if (error !== undefined) expect(error).toMatchObject({ code: 'stream_interrupted' });
      counts.push(requestsAt(a) - before);
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(101);
  });

  it('ends in the error of its break where nobody can be asked', async () => {
    const down: Fault = { kind: 'status', status: 503 };
    const a = simulated({ name: 'a', tokenMs: 5, script: [cut(17)], fault: undefined });
    const b = simulated({ name: 'b', fault: down });
    const llm = transport({ providers: [a, b], resume: goOn, hedge: false, retry: { retries: 0 } });
    const stream = await kept(llm.complete(hello));
    a.setFault(down);
    const { text, error } = await kept(readAll(stream));
    expect(error).toMatchObject({ code: 'stream_interrupted', cause: { code: 'connection' }, partial: { text } });
  });

  it('of a schema is never put together, also where its reader would judge it', async () => {
    const answer = () => JSON.stringify({ story: reference });
    const { llm, b } = pair(17, { answer }, goOn, { answer });
    const { error } = await kept(
      readAll(await kept(llm.complete({ ...hello, schema: { jsonSchema: { type: 'object' } } }))),
    );
    expect([error, requestsAt(b)]).toMatchObject([{ code: 'stream_interrupted' }, 0]);
  });
});

describe('what no model can go on with', () => {
  const cases: readonly (readonly [string, Answer, number, Partial<CompletionRequest>])[] = [
    ['too little text', { text: reference }, 1, {}],
    ['reasoning before it', { reasoning: 'I think that', text: reference }, 20, {}],
    ['an open tool call', { text: reference, toolCalls: [{ name: 'one', input: { a: 'a long input' } }] }, 62, {}],
    [
      'a shape that it must have',
      { text: JSON.stringify({ a: reference }) },
      20,
      { schema: { jsonSchema: { type: 'object' } } },
    ],
  ];

  it.each(cases)('%s: the error, and nothing is asked', async (_, answer, afterTokens, more) => {
    const { llm, b } = pair(afterTokens, { answer: () => answer }, goOn, { answer: () => answer });
    const { error, text } = await kept(readAll(await kept(llm.complete({ ...hello, ...more, stream: true }))));
    expect(error).toMatchObject({ code: 'stream_interrupted', partial: { text } });
    expect([requestsAt(b), text !== '']).toEqual([0, true]);
  });

  it.each(cases)('%s: from the beginning, where the caller chose that', async (_, answer, afterTokens, more) => {
    const resume = { mode: 'continue', otherwise: 'restart' } as const;
    const { llm } = pair(afterTokens, { answer: () => answer }, resume, { answer: () => answer });
    const { chunks, error } = await kept(readAll(await kept(llm.complete({ ...hello, ...more, stream: true }))));
    expect([keptOf(chunks), error]).toEqual([answer.text, undefined]);
  });

  it('completed tool calls are kept in the error', async () => {
    const answer = (): Answer => ({ text: reference, toolCalls: [{ name: 'one', input: { a: 1 } }] });
    const healthy = simulated({ name: 'a', answer });
    const stream = healthy.stream?.bind(healthy);
    const a = {
      ...healthy,
      async *stream(...args: Parameters<NonNullable<typeof stream>>): AsyncGenerator<Chunk> {
        for await (const chunk of (stream as NonNullable<typeof stream>)(...args)) {
          if (chunk.type === 'finish') throw new Error('gone');
          yield chunk;
        }
      },
    };
    const b = simulated({ name: 'b', answer });
    const llm = transport({ providers: [a, b], resume: goOn, hedge: false });
    const { error } = await kept(readAll(await kept(llm.complete(hello))));
    expect(error).toMatchObject({ partial: { text: reference, toolCalls: [{ name: 'one', input: { a: 1 } }] } });
    expect(requestsAt(b)).toBe(0);
  });
});
