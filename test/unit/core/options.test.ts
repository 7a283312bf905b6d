import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { OptionsError, TransportError } from '../../../src/core/errors.ts';
import { checkCallOptions, checkRequest, checkTransportOptions, checkWrapOptions } from '../../../src/core/options.ts';
import { aProvider } from './support.ts';

/** What a check says is wrong: the path and what was expected there. */
function complaint(check: () => void): { path: string; message: string } | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    return { path: error.path, message: error.message };
  }
}

const providers = [aProvider()];

describe('the options of a transport', () => {
  it('may be left out, undefined, false, zero and infinite', () => {
    for (const options of [
      {},
      { retry: undefined, timeout: undefined, use: undefined },
      { retry: false, resume: false, timeout: false, circuitBreaker: false, rateLimit: false },
      { validate: false, transaction: false, hedge: false },
      { transaction: { replayMs: 0, maxEntries: Number.POSITIVE_INFINITY, store: new Map() } },
      { retry: { retries: 0, maxWaitMs: 0 }, timeout: { firstContentMs: 0 }, rateLimit: { maxQueued: 0 } },
      {
        retry: { retries: Number.POSITIVE_INFINITY, maxWaitMs: Number.POSITIVE_INFINITY },
        timeout: { idleMs: Number.POSITIVE_INFINITY, responseMs: Number.POSITIVE_INFINITY },
        rateLimit: { maxQueued: Number.POSITIVE_INFINITY },
      },
      { resume: { mode: 'error' }, route: () => undefined, use: [() => () => {}], useEach: [() => () => {}] },
    ]) {
      expect(complaint(() => checkTransportOptions({ providers, ...options } as never))).toBeUndefined();
    }
  });

  const capabilities = ['telepathy'];
  it.each([
    ['a typo', { rety: {} }, 'rety', 'is not an option'],
    ['a typo deeper down', { retry: { retires: 3 } }, 'retry.retires', 'is not an option'],
    ['a negative count', { retry: { retries: -1 } }, 'retry.retries', 'expected at least 0'],
    ['half a retry', { retry: { retries: 1.5 } }, 'retry.retries', 'expected a whole number, 0 or more'],
    ['a duration in words', { retry: { maxWaitMs: '1 min' } }, 'retry.maxWaitMs', 'expected milliseconds'],
    ['no number', { retry: { maxWaitMs: Number.NaN } }, 'retry.maxWaitMs', 'expected milliseconds'],
    ['a negative duration', { timeout: { idleMs: -1 } }, 'timeout.idleMs', 'expected a number that is not negative'],
    ['a word that is none', { retry: { contentFiltered: 'again' } }, 'retry.contentFiltered', '"never" or "elsewhere"'],
    ['a mode that is none', { resume: { mode: 'restart?' } }, 'resume.mode', 'expected "error"'],
    ['a continuation of a continuation', { resume: { otherwise: 'continue' } }, 'resume.otherwise', '"restart"'],
    ['half a resume', { resume: { maxResumes: 0.5 } }, 'resume.maxResumes', 'expected a whole number, 0 or more'],
    ['a question in words', { validate: { maxReasks: 'twice' } }, 'validate.maxReasks', 'expected a whole number'],
    ['a replay for ever', { transaction: { replayMs: Number.POSITIVE_INFINITY } }, 'transaction.replayMs', 'below Inf'],
    ['a replay before', { transaction: { replayMs: -1 } }, 'transaction.replayMs', 'a number that is not negative'],
    [
      'no wait at all',
      { transaction: { storeTimeoutMs: Number.NaN } },
      'transaction.storeTimeoutMs',
      'expected a number',
    ],
    ['half an answer', { transaction: { maxEntries: 0.5 } }, 'transaction.maxEntries', 'expected a whole number'],
    ['less than nothing', { transaction: { maxCharacters: -1 } }, 'transaction.maxCharacters', 'expected at least 0'],
    ['a store by its address', { transaction: { store: 'redis://' } }, 'transaction.store', 'such as a Keyv'],
    ['half a store', { transaction: { store: { get() {}, set() {} } } }, 'transaction.store.delete', 'a function'],
    ['a key by its name', { transaction: { by: 'tenant' } }, 'transaction.by', "contextKey('tenant', 'anonymous')"],
    ['a typo in a layer', { transaction: { ttlMs: 5 } }, 'transaction.ttlMs', 'is not an option'],
    ['a price for a list', { priceOf: 3 }, 'priceOf', 'expected a function ({ model, usage, … }) => US dollars'],
    ['a share above one', { circuitBreaker: { failureRatio: 1.5 } }, 'circuitBreaker.failureRatio', '1'],
    ['a share in words', { circuitBreaker: { failureRatio: 'half' } }, 'circuitBreaker.failureRatio', 'a share'],
    ['an empty window', { circuitBreaker: { windowMs: 0 } }, 'circuitBreaker.windowMs', 'more than 0'],
    ['true for a layer', { retry: true }, 'retry', 'an object of options, or false'],
    ['null for a layer', { retry: null }, 'retry', 'an object of options, or false'],
    ['no function for a strategy', { route: 'priority' }, 'route', 'expected a strategy'],
    ['a call instead of a function', { use: [{}] }, 'use[0]', 'expected a middleware'],
    ['no array of middleware', { useEach: () => {} }, 'useEach', 'expected array'],
    ['no providers', { providers: [] }, 'providers', 'expected at least one provider'],
    ['one provider without an array', { providers: aProvider() }, 'providers', 'expected an array'],
    ['nothing for a provider', { providers: [undefined] }, 'providers[0]', 'expected a provider'],
    ['an SDK for a provider', { providers: [{ chat: {} }] }, 'providers[0].name', 'expected a name'],
    ['a provider without a name', { providers: [aProvider({ name: '' })] }, 'providers[0].name', 'expected'],
    [
      'a provider that cannot complete',
      { providers: [{ ...aProvider(), complete: undefined }] },
      'providers[0].complete',
      'expected a function complete(request, context)',
    ],
    [
      'two of the same name',
      { providers: [aProvider(), aProvider({ name: 'two' }), aProvider()] },
      'providers[2].name',
      "'one' is providers[0]'s",
    ],
    [
      'a limit of zero',
      { providers: [aProvider({ limits: { requestsPerMinute: 0 } })] },
      'providers[0].limits.requestsPerMinute',
      'expected more than 0',
    ],
    [
      'half a slot',
      { providers: [aProvider({ limits: { concurrency: 0.5 } })] },
      'providers[0].limits.concurrency',
      'expected a whole number above 0',
    ],
    [
      'a limit that is none',
      { providers: [aProvider({ limits: { rpm: 5 } as never })] },
      'providers[0].limits.rpm',
      'is not an option',
    ],
    [
      'a capability that is none',
      { providers: [aProvider({ traits: { capabilities: capabilities as never } })] },
      'providers[0].traits.capabilities[0]',
      'expected "streaming"',
    ],
    [
      'half a price',
      { providers: [aProvider({ traits: { price: { input: 1 } as never } })] },
      'providers[0].traits.price.output',
      'expected a number',
    ],
  ])('are refused with the path for %s', (_, options, path, expected) => {
    const found = complaint(() => checkTransportOptions({ providers, ...(options as object) } as never));
    expect(found?.path).toBe(path);
    expect(found?.message).toContain(expected);
    expect(found?.message.startsWith(`${path}: `)).toBe(true);
  });

  it('are refused as a whole when they are none', () => {
    for (const options of [undefined, null, 7, 'x', aProvider]) {
      expect(complaint(() => checkTransportOptions(options as never))).toMatchObject({ path: '' });
    }
  });

  it('may have providers that are class instances, with members of their own', () => {
    class Own {
      readonly name = 'own';
      readonly domain = 'own';
      readonly kind = 'own';
      readonly model = '';
      readonly extra = {};
      complete(): void {}
    }
    expect(complaint(() => checkTransportOptions({ providers: [new Own()] } as never))).toBeUndefined();
  });

  it('are refused in our words, whatever the application has told its own zod', () => {
    const secret = 'the canary sings in the mine';
    z.config({ customError: ({ input }) => `invalid: ${JSON.stringify(input)}` });
    try {
      const retry = { contentFiltered: secret };
      expect(complaint(() => checkTransportOptions({ providers, retry } as never))?.message).toBe(
        'retry.contentFiltered: expected "never" or "elsewhere"',
      );
      expect(() => checkRequest({ prompt: [secret] } as never)).toThrow(/^The request prompt: expected string$/);
    } finally {
      z.config({ customError: undefined });
    }
  });

  it('never repeat a value, which may be a secret', () => {
    const secret = 'sk-canary0123456789';
    for (const options of [{ retry: secret }, { retry: { retries: secret } }, { route: secret }, { use: secret }]) {
      expect(complaint(() => checkTransportOptions({ providers, ...options } as never))?.message).not.toContain(secret);
    }
  });
});

describe('other options', () => {
  it('of wrap() are the layers of a transport, and two functions', () => {
    expect(
      complaint(() => checkWrapOptions({ retry: false, describe: () => ({}), classify: () => {} })),
    ).toBeUndefined();
    expect(complaint(() => checkWrapOptions({ providers }))).toMatchObject({ path: 'providers' });
    expect(complaint(() => checkWrapOptions({ classify: 7 }))).toMatchObject({ path: 'classify' });
  });
});

describe('a request', () => {
  const tool = { name: 'look', inputSchema: z.object({}) };
  const user = { role: 'user', content: 'Hi' };

  it('passes when it is right', () => {
    for (const request of [
      { prompt: '' },
      { prompt: 'Hi', stream: true, maxOutputTokens: 5, reasoning: 'low', metadata: { a: 1, b: 'x', c: true } },
      { messages: [user, { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'n', input: null }] }] },
      { messages: [{ role: 'user', content: [{ type: 'image', image: new Uint8Array(2), mediaType: 'image/png' }] }] },
      { prompt: 'x', tools: [tool], toolChoice: { tool: 'look' }, schema: { jsonSchema: {} } },
      { prompt: 'x', schema: z.string(), require: { tags: ['eu'], capabilities: ['tools'] } },
      { prompt: 'x', providerOptions: { openai: { service_tier: 'flex' } }, model: undefined },
    ]) {
      expect(() => checkRequest(request as never)).not.toThrow();
    }
  });

  it.each([
    ['both prompt and messages', { prompt: 'x', messages: [user] }, 'The request: expected exactly one of'],
    ['neither', {}, 'The request: expected exactly one of prompt and messages'],
    ['a typo', { prompt: 'x', max_tokens: 5 }, 'The request max_tokens: is not an option'],
    ['no messages', { messages: [] }, 'The request messages: expected at least one message'],
    [
      'a role that is none',
      { messages: [{ role: 'bot', content: 'x' }] },
      "messages[0].role: expected a message with role 'system'",
    ],
    [
      'pictures from the system',
      { messages: [{ role: 'system', content: [] }] },
      'messages[0].content: expected string',
    ],
    ['a part that is none', { messages: [{ role: 'user', content: [{ type: 'video' }] }] }, 'messages[0].content[0]'],
    [
      'a file without a type',
      { messages: [{ role: 'user', content: [{ type: 'file', data: 'https://x' }] }] },
      'content[0].mediaType',
    ],
    ['zero tokens', { prompt: 'x', maxOutputTokens: 0 }, 'The request maxOutputTokens: expected more than 0'],
    ['a schema that is none', { prompt: 'x', schema: { type: 'object' } }, 'schema: expected a Standard Schema'],
    ['a tool without a schema', { prompt: 'x', tools: [{ name: 'look' }] }, 'tools[0].inputSchema'],
    ['a choice that is none', { prompt: 'x', toolChoice: 'any' }, "toolChoice: expected 'auto', 'none', 'required'"],
    ['metadata that is no plain value', { prompt: 'x', metadata: { a: {} } }, 'The request metadata.a'],
    ['nothing', undefined, 'The request: expected object'],
    ['a text', 'Hi', 'The request: expected object'],
  ])('is refused as invalid_request for %s', (_, request, message) => {
    let error: unknown;
    try {
      checkRequest(request as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(TransportError.is(error) && error.code).toBe('invalid_request');
    expect((error as Error).message).toContain(message);
  });

  it('is refused without its own words', () => {
    const secret = 'the canary sings in the mine';
    for (const request of [{ prompt: secret, messages: secret }, { messages: [{ role: secret, content: secret }] }]) {
      expect(() => checkRequest(request as never)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('canary') }),
      );
    }
  });
});

describe('the options of a call', () => {
  it('pass when they are right', () => {
    const signal = new AbortController().signal;
    for (const options of [
      {},
      { signal, timeoutMs: 0, transactionId: 't', priority: 'batch', values: [{ id: Symbol('x'), value: 1 }] },
      { timeoutMs: Number.POSITIVE_INFINITY },
      { resume: false },
      { resume: { mode: 'continue', otherwise: 'restart', maxResumes: Number.POSITIVE_INFINITY } },
    ]) {
      expect(() => checkCallOptions(options as never)).not.toThrow();
    }
  });

  it.each([
    [{ timeoutMs: -1 }, 'The call option timeoutMs: expected a number that is not negative'],
    [{ timeout: 5 }, 'The call option timeout: is not an option'],
    [{ signal: {} }, 'The call option signal: expected an AbortSignal'],
    [{ priority: 'urgent' }, 'The call option priority: expected "interactive" or "default" or "batch"'],
    [{ transactionId: '' }, 'The call option transactionId: expected a name'],
    [{ transactionId: 4711 }, 'The call option transactionId: expected a name'],
    [{ transactionId: null }, 'The call option transactionId: expected a name'],
    [{ resume: 'restart' }, 'The call option resume: expected an object of options, or false'],
    [{ resume: { mode: 'again' } }, 'The call option resume.mode: expected "error" or "restart" or "continue"'],
    [{ values: [{ id: 'tenant' }] }, 'The call option values[0].id'],
    [null, 'The call option: expected object'],
  ])('are refused as invalid_request: %j', (options, message) => {
    expect(() => checkCallOptions(options as never)).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(message) }),
    );
  });
});

describe('the defaults', () => {
  const source = (path: string): string => readFileSync(new URL(`../../../src/${path}`, import.meta.url), 'utf8');

  it('of the back-off are in the code as they are in their JSDoc', () => {
    const code = source('control/backoff.ts');
    for (const [, value, field] of code.matchAll(/@default ([^\n]+?) \*\/\n {2}readonly (\w+)\?/g))
      expect(code).toMatch(new RegExp(`\\b${field} = ${value}[,; ]`));
  });
});
