import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  type CallOptions,
  type CompletionRequest,
  createTransport,
  OptionsError,
  type TransportError,
  type TransportOptions,
  wrap,
} from '../../src/index.ts';
import { callable } from '../../src/providers/callable.ts';
import { openai } from '../../src/providers/openai.ts';
import { simulated } from '../../src/testing/index.ts';

const secret = 'sk-proj-Zq7Kp2Xv9Lm4Tr8Wy3Nb6Hd1Fs5Gc0Ja';
const client = new OpenAI({ apiKey: secret, baseURL: 'http://127.0.0.1:9/v1' });

/** A wrong input, the path that its error must name, and a word of what was expected. */
type Wrong<T> = readonly [input: T, path: string, expected: RegExp];

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

function optionsErrorOf(act: () => unknown): OptionsError {
  const error = thrownBy(act);
  expect(error).toBeInstanceOf(OptionsError);
  expect((error as OptionsError).name).toBe('OptionsError');
  // Said once: the path, a colon, what was expected.
  expect((error as OptionsError).message).toMatch(/^[\w.[\]]+: |^expected /);
  return error as OptionsError;
}

describe('createTransport', () => {
  const good = simulated();
  const wrongs: Wrong<unknown>[] = [
    [undefined, '', /expected object/],
    [null, '', /expected object/],
    ['openai', '', /expected object/],
    [[], '', /expected object/],
    [{}, 'providers', /array of at least one provider/],
    [{ providers: undefined }, 'providers', /array of at least one provider/],
    [{ providers: good }, 'providers', /array of at least one provider/],
    [{ providers: [] }, 'providers', /at least one provider/],
    [{ providers: [undefined] }, 'providers[0]', /expected a provider/],
    [{ providers: [good, client] }, 'providers[1].name', /name/],
    [{ providers: [{ ...good, name: '' }] }, 'providers[0].name', /./],
    [{ providers: [{ ...good, name: 7 }] }, 'providers[0].name', /expected a name/],
    [{ providers: [{ ...good, domain: undefined }] }, 'providers[0].domain', /expected a name/],
    [{ providers: [{ ...good, complete: 'no' }] }, 'providers[0].complete', /function complete/],
    [{ providers: [{ ...good, stream: {} }] }, 'providers[0].stream', /function stream/],
    [{ providers: [good, simulated()] }, 'providers[1].name', /a name of its own; 'simulated' is providers\[0\]'s/],
    [{ providers: [good], retires: 3 }, 'retires', /is not an option/],
    [{ providers: [good], retry: { retires: 3 } }, 'retry.retires', /is not an option/],
    [{ providers: [good], retry: true }, 'retry', /object of options, or false/],
    [{ providers: [good], retry: 3 }, 'retry', /object of options, or false/],
    [{ providers: [good], retry: null }, 'retry', /object of options, or false/],
    [{ providers: [good], retry: { retries: -1 } }, 'retry.retries', /at least 0/],
    [{ providers: [good], retry: { retries: 1.5 } }, 'retry.retries', /whole number/],
    [{ providers: [good], retry: { retries: '3' } }, 'retry.retries', /whole number/],
    [{ providers: [good], retry: { retries: Number.NaN } }, 'retry.retries', /whole number/],
    [{ providers: [good], retry: { maxWaitMs: -1 } }, 'retry.maxWaitMs', /negative/],
    [{ providers: [good], retry: { maxWaitMs: '1s' } }, 'retry.maxWaitMs', /milliseconds/],
    [{ providers: [good], retry: { contentFiltered: 'again' } }, 'retry.contentFiltered', /"never" or "elsewhere"/],
    [{ providers: [good], resume: { mode: 'magic' } }, 'resume.mode', /"error"/],
    [{ providers: [good], timeout: { firstContentMs: -1 } }, 'timeout.firstContentMs', /negative/],
    [{ providers: [good], timeout: { idleMs: Number.NaN } }, 'timeout.idleMs', /milliseconds/],
    [{ providers: [good], timeout: { responseMs: null } }, 'timeout.responseMs', /milliseconds/],
    [{ providers: [good], timeout: { abandonedMs: {} } }, 'timeout.abandonedMs', /milliseconds/],
    [{ providers: [good], timeout: { connectMs: 1 } }, 'timeout.connectMs', /is not an option/],
    [{ providers: [good], circuitBreaker: { failureRatio: 1.1 } }, 'circuitBreaker.failureRatio', /at most 1|between/],
    [
      { providers: [good], circuitBreaker: { failureRatio: -0.1 } },
      'circuitBreaker.failureRatio',
      /at least 0|between/,
    ],
    [{ providers: [good], circuitBreaker: { minAttempts: 0.5 } }, 'circuitBreaker.minAttempts', /whole number/],
    [{ providers: [good], circuitBreaker: { windowMs: 0 } }, 'circuitBreaker.windowMs', /./],
    [{ providers: [good], circuitBreaker: { openMs: -5 } }, 'circuitBreaker.openMs', /./],
    [{ providers: [good], rateLimit: { maxQueued: -1 } }, 'rateLimit.maxQueued', /at least 0/],
    [{ providers: [good], rateLimit: [] }, 'rateLimit', /object of options, or false/],
    [{ providers: [good], use: {} }, 'use', /array/],
    [{ providers: [good], use: ['log'] }, 'use[0]', /a middleware/],
    [{ providers: [good], useEach: [undefined] }, 'useEach[0]', /a middleware/],
    [{ providers: [good], route: 'priority' }, 'route', /a strategy/],
    ...[-1, 0, '500', Number.NaN, null].map((requestsPerMinute): Wrong<unknown> => {
      const limits = { requestsPerMinute } as never;
      return [{ providers: [simulated({ limits })] }, 'providers[0].limits.requestsPerMinute', /above 0|more than 0/];
    }),
    [
      { providers: [simulated({ limits: { concurrency: 0 } })] },
      'providers[0].limits.concurrency',
      /whole number|more than 0/,
    ],
    [{ providers: [simulated({ limits: { concurrency: 2.5 } })] }, 'providers[0].limits.concurrency', /whole number/],
    [{ providers: [simulated({ limits: { rpm: 5 } as never })] }, 'providers[0].limits.rpm', /is not an option/],
    [{ providers: [simulated({ limits: 5 as never })] }, 'providers[0].limits', /object/],
    [{ providers: [simulated({ traits: { price: { input: 1 } } as never })] }, 'providers[0].traits.price.output', /./],
    [
      { providers: [simulated({ traits: { price: { input: -1, output: 1 } } })] },
      'providers[0].traits.price.input',
      /negative/,
    ],
    [
      { providers: [simulated({ traits: { capabilities: ['magic'] } as never })] },
      'providers[0].traits.capabilities[0]',
      /"tools"/,
    ],
    [{ providers: [simulated({ traits: { tags: 'eu' } as never })] }, 'providers[0].traits.tags', /array/],
    [{ providers: [simulated({ traits: { contextWindow: 0 } })] }, 'providers[0].traits.contextWindow', /more than 0/],
  ];

  it.each(wrongs.map(([input, path, expected]) => ({ input, path, expected })))(
    'says what is wrong at "$path" and what was expected: $expected',
    ({ input, path, expected }) => {
      const error = optionsErrorOf(() => createTransport(input as TransportOptions));
      expect(error.path).toBe(path);
      expect(error.message).toMatch(expected);
      expect(error.message).not.toContain(secret);
      expect(error.message.length).toBeLessThan(300);
    },
  );

  it('takes undefined for the default, Infinity for no limit and false for no layer', async () => {
    const limits = {
      requestsPerMinute: Number.POSITIVE_INFINITY,
      tokensPerMinute: undefined,
      concurrency: Number.POSITIVE_INFINITY,
    };
    const off = { retry: false, resume: false, timeout: false, circuitBreaker: false, rateLimit: false } as const;
    const nothing = {
      retry: undefined,
      timeout: { idleMs: Number.POSITIVE_INFINITY, firstContentMs: undefined },
      use: undefined,
    };
    for (const layers of [off, nothing]) {
      const llm = createTransport({ providers: [simulated({ limits })], ...layers });
      expect((await llm.complete({ prompt: 'Hi' })).text).not.toBe('');
      await llm.close();
    }
  });
});

describe('adapters', () => {
  const complete = () => 'Hi';
  const wrongs: readonly (readonly [string, () => unknown, string])[] = [
    ['openai: no options', () => openai(undefined as never), 'openai'],
    ['openai: no client', () => openai({ model: 'm' } as never), 'openai.client'],
    ['openai: the class for the client', () => openai({ client: OpenAI, model: 'm' } as never), 'openai.client'],
    ['openai: a key for the client', () => openai({ client: secret, model: 'm' } as never), 'openai.client'],
    ['openai: no model', () => openai({ client } as never), 'openai.model'],
    ['openai: an empty model', () => openai({ client, model: '' }), 'openai.model'],
    ['openai: a typo', () => openai({ client, model: 'm', nmae: 'x' } as never), 'openai.nmae'],
    ['openai: an empty name', () => openai({ client, model: 'm', name: '' }), 'openai.name'],
    ['openai: a domain that is none', () => openai({ client, model: 'm', domain: 7 } as never), 'openai.domain'],
    ['openai: limits that are none', () => openai({ client, model: 'm', limits: 500 } as never), 'openai.limits'],
    ['openai: traits that are none', () => openai({ client, model: 'm', traits: [] } as never), 'openai.traits'],
    [
      'openai: streaming that is none',
      () => openai({ client, model: 'm', streaming: 'no' } as never),
      'openai.streaming',
    ],
    ['callable: no options', () => callable(null as never), 'callable'],
    ['callable: no name', () => callable({ complete } as never), 'callable.name'],
    ['callable: no function', () => callable({ name: 'mine' }), 'callable.complete'],
    ['callable: a text for a function', () => callable({ name: 'mine', complete: 'Hi' } as never), 'callable.complete'],
    ['callable: a list for a stream', () => callable({ name: 'mine', stream: ['Hi'] } as never), 'callable.stream'],
    ['callable: a typo', () => callable({ name: 'mine', complete, limit: {} } as never), 'callable.limit'],
  ];

  it.each(wrongs)('%s', (_, act, path) => {
    const error = optionsErrorOf(act);
    expect(error.path).toBe(path);
    expect(error.message).not.toContain(secret);
  });

  it('with a negative limit', () => {
    const provider = openai({ client, model: 'm', limits: { requestsPerMinute: -1 } });
    expect(optionsErrorOf(() => createTransport({ providers: [provider] })).path).toBe(
      'providers[0].limits.requestsPerMinute',
    );
  });
});

describe('wrap', () => {
  const call = async (input: unknown) => input;
  const wrongs: readonly (readonly [string, () => unknown, string])[] = [
    ['nothing', () => wrap(undefined as never), 'calls'],
    ['no functions', () => wrap([]), 'calls'],
    ['a function without a name', () => wrap([{ call } as never]), 'calls[0].name'],
    ['a name without a function', () => wrap([{ name: 'a' } as never]), 'calls[0].call'],
    [
      'two of one name',
      () =>
        wrap([
          { name: 'a', call },
          { name: 'a', call },
        ]),
      'calls[1].name',
    ],
    ['a function in a list', () => wrap([call] as never), 'calls[0]'],
    ['an unknown option', () => wrap(call, { retires: 1 } as never), 'retires'],
    ['providers', () => wrap(call, { providers: [simulated()] } as never), 'providers'],
    ['a layer that is none', () => wrap(call, { timeout: 5 } as never), 'timeout'],
    ['a negative number', () => wrap(call, { retry: { retries: -1 } }), 'retry.retries'],
    ['describe that is none', () => wrap(call, { describe: {} } as never), 'describe'],
    ['classify that is none', () => wrap(call, { classify: 'x' } as never), 'classify'],
    [
      'a negative limit',
      () => wrap([{ name: 'a', call, limits: { requestsPerMinute: -1 } }]),
      'calls[0].limits.requestsPerMinute',
    ],
    ['an unknown limit', () => wrap([{ name: 'a', call, limits: { rpm: 1 } as never }]), 'calls[0].limits.rpm'],
    ['an unknown trait', () => wrap([{ name: 'a', call, traits: { prise: 1 } as never }]), 'calls[0].traits.prise'],
    ['a domain that is none', () => wrap([{ name: 'a', call, domain: 7 as never }]), 'calls[0].domain'],
    ['an unknown field', () => wrap([{ name: 'a', call, limit: {} } as never]), 'calls[0].limit'],
  ];

  it.each(wrongs)('refuses %s', (_, act, path) => {
    expect(optionsErrorOf(act).path).toBe(path);
  });

  it('refuses wrong call options before the function is run', async () => {
    let runs = 0;
    const ask = wrap(async () => {
      runs += 1;
    });
    const error = await ask('x', { timeoutMs: -1 }).catch((error: unknown) => error as TransportError);
    expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringContaining('timeoutMs') });
    expect(runs).toBe(0);
    await ask.transport.close();
  });
});

describe('complete', () => {
  const schema = z.object({ city: z.string() });
  const user = { role: 'user', content: 'Hi' };
  const wrongs: Wrong<unknown>[] = [
    [undefined, '', /expected object/],
    [null, '', /expected object/],
    ['Hi', '', /expected object/],
    [{}, '', /exactly one of prompt and messages/],
    [{ prompt: undefined }, '', /exactly one of prompt and messages/],
    [{ prompt: 'Hi', messages: [user] }, '', /exactly one of prompt and messages/],
    [{ prompt: 7 }, 'prompt', /string/],
    [{ prompt: ['Hi'] }, 'prompt', /string/],
    [{ messages: [] }, 'messages', /at least one message/],
    [{ messages: user }, 'messages', /array/],
    [{ messages: ['Hi'] }, 'messages[0]', /message/],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', /string or an array of parts/],
    [{ messages: [{ content: 'Hi' }] }, 'messages[0].role', /'system', 'user', 'assistant' or 'tool'/],
    [
      { messages: [user, { role: 'robot', content: 'Hi' }] },
      'messages[1].role',
      /'system', 'user', 'assistant' or 'tool'/,
    ],
    [{ messages: [{ ...user, name: 'Ann' }] }, 'messages[0].name', /is not an option/],
    [{ messages: [{ role: 'system', content: [{ type: 'text', text: 'Hi' }] }] }, 'messages[0].content', /string/],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text', /string/],
    [
      { messages: [{ role: 'user', content: [{ type: 'video', url: 'x' }] }] },
      'messages[0].content[0].type',
      /'text', 'image' or 'file'/,
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'image', image: 7 }] }] },
      'messages[0].content[0].image',
      /URL or bytes/,
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'file', data: 'x' }] }] },
      'messages[0].content[0].mediaType',
      /string/,
    ],
    [{ messages: [{ role: 'tool', content: 'Hi' }] }, 'messages[0].toolCallId', /string/],
    [
      { messages: [{ role: 'assistant', content: '', toolCalls: [{ name: 'a', input: {} }] }] },
      'messages[0].toolCalls[0].id',
      /string/,
    ],
    [{ prompt: 'Hi', stream: 'yes' }, 'stream', /boolean/],
    [{ prompt: 'Hi', streaming: true }, 'streaming', /is not an option/],
    [{ prompt: 'Hi', model: 7 }, 'model', /string/],
    [{ prompt: 'Hi', maxOutputTokens: 0 }, 'maxOutputTokens', /./],
    [{ prompt: 'Hi', maxOutputTokens: -5 }, 'maxOutputTokens', /./],
    [{ prompt: 'Hi', maxOutputTokens: 1.5 }, 'maxOutputTokens', /int/],
    [{ prompt: 'Hi', max_tokens: 5 }, 'max_tokens', /is not an option/],
    [{ prompt: 'Hi', temperature: 'hot' }, 'temperature', /number/],
    [{ prompt: 'Hi', temperature: Number.NaN }, 'temperature', /number/],
    [{ prompt: 'Hi', topP: '1' }, 'topP', /number/],
    [{ prompt: 'Hi', seed: 0.5 }, 'seed', /int/],
    [{ prompt: 'Hi', stopSequences: 'END' }, 'stopSequences', /array/],
    [{ prompt: 'Hi', reasoning: 'maximum' }, 'reasoning', /"none" or "low"/],
    [{ prompt: 'Hi', tools: {} }, 'tools', /array/],
    [{ prompt: 'Hi', tools: [{ inputSchema: schema }] }, 'tools[0].name', /name/],
    [{ prompt: 'Hi', tools: [{ name: 'look' }] }, 'tools[0].inputSchema', /Standard Schema/],
    [{ prompt: 'Hi', tools: [{ name: 'look', parameters: {} }] }, 'tools[0]', /./],
    [{ prompt: 'Hi', toolChoice: 'always' }, 'toolChoice', /'auto', 'none', 'required'/],
    [{ prompt: 'Hi', toolChoice: { tool: 7 } }, 'toolChoice.tool', /string/],
    [{ prompt: 'Hi', schema: { type: 'object' } }, 'schema', /Standard Schema/],
    [{ prompt: 'Hi', schema: 'object' }, 'schema', /Standard Schema/],
    [{ prompt: 'Hi', require: { tags: 'eu' } }, 'require.tags', /array/],
    [{ prompt: 'Hi', require: { capabilities: ['magic'] } }, 'require.capabilities[0]', /"tools"/],
    [{ prompt: 'Hi', require: { price: 1 } }, 'require.price', /is not an option/],
    [{ prompt: 'Hi', metadata: { user: {} } }, 'metadata.user', /./],
    [{ prompt: 'Hi', providerOptions: { openai: 7 } }, 'providerOptions.openai', /./],
  ];

  it.each(wrongs.map(([input, path, expected]) => ({ input, path, expected })))(
    'rejects what is wrong at "$path" before anything is sent, saying what was expected: $expected',
    async ({ input, path, expected }) => {
      const provider = simulated();
      const llm = createTransport({ providers: [provider] });
      const error = await llm.complete(input as CompletionRequest & { stream: false }).then(
        () => undefined,
        (error: unknown) => error as TransportError,
      );
      expect(error).toMatchObject({ name: 'TransportError', code: 'invalid_request', retry: 'never', blame: 'caller' });
      const where = path === '' ? 'The request: ' : `The request ${path}`;
      expect(error?.message).toContain(where);
      expect(error?.message).toMatch(expected);
      expect(provider.requests).toHaveLength(0);
      await llm.close();
    },
  );

  const wrongOptions: Wrong<unknown>[] = [
    [null, '', /object/],
    ['fast', '', /object/],
    [new AbortController().signal, '', /./],
    [{ timeoutMs: -1 }, 'timeoutMs', /negative/],
    [{ timeoutMs: '30s' }, 'timeoutMs', /milliseconds/],
    [{ timeoutMs: Number.NaN }, 'timeoutMs', /milliseconds/],
    [{ timeout: 5 }, 'timeout', /is not an option/],
    [{ signal: new AbortController() }, 'signal', /AbortSignal/],
    [{ transactionId: '' }, 'transactionId', /./],
    [{ transactionId: 7 }, 'transactionId', /name|string/],
    [{ priority: 'urgent' }, 'priority', /"interactive" or "default" or "batch"/],
    [{ values: { tenant: 'acme' } }, 'values', /array/],
    [{ values: ['acme'] }, 'values[0]', /./],
  ];

  it.each(wrongOptions.map(([input, path, expected]) => ({ input, path, expected })))(
    'rejects a wrong call option at "$path" before anything is sent, saying what was expected: $expected',
    async ({ input, path, expected }) => {
      const provider = simulated();
      const llm = createTransport({ providers: [provider] });
      const error = await llm.complete({ prompt: 'Hi' }, input as CallOptions).catch((error: unknown) => error);
      expect(error).toMatchObject({ name: 'TransportError', code: 'invalid_request' });
      const { message } = error as TransportError;
      if (path !== '') expect(message).toContain(`The call option ${path}`);
      expect(message).toMatch(expected);
      expect(provider.requests).toHaveLength(0);
      await llm.close();
    },
  );

  it('rejects a tool whose schema cannot be described before anything is sent', async () => {
    const provider = openai({ client, model: 'm' });
    const llm = createTransport({ providers: [provider] });
    const undescribed = {
      '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) },
    } as const;
    for (const request of [{ schema: undescribed }, { tools: [{ name: 'look', inputSchema: undescribed }] }]) {
      const error = await llm.complete({ prompt: 'Hi', ...request }).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(/schema|inputSchema/i) });
    }
    await llm.close();
  });
});

describe('the rest of a transport', () => {
  const llm = createTransport({ providers: [simulated()] });

  it('does not reset a provider that it does not have', () => {
    expect(optionsErrorOf(() => llm.reset('nobody')).message).toMatch(/name of a provider of this transport/);
  });

  it.each([
    ['on', () => llm.on('retry', undefined as never), 'listener'],
    ['on', () => llm.on('atempt:end' as never, () => {}), 'type'],
    ['on', () => llm.on('constructor' as never, () => {}), 'type'],
    ['on', () => llm.on(undefined as never, () => {}), 'type'],
    ['close', () => llm.close({ timeoutMs: -1 }), 'timeoutMs'],
    ['close', () => llm.close({ timeoutMs: '5s' } as never), 'timeoutMs'],
  ])('says what is wrong: %s', async (_, act, path) => {
    const error = await Promise.resolve()
      .then((): unknown => act())
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(error).toBeInstanceOf(OptionsError);
    expect((error as OptionsError).path).toBe(path);
  });
});
