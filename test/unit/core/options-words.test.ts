import { describe, expect, it } from 'vitest';
import { OptionsError, TransportError } from '../../../src/core/errors.ts';
import {
  checkCall,
  checkCallOptions,
  checkFetchOptions,
  checkNamedCalls,
  checkRequest,
  checkTransportOptions,
  checkWrapOptions,
} from '../../../src/core/options.ts';
import { aProvider } from './support.ts';

/** What a check says is wrong; nothing, when it says nothing. */
function said(check: () => void): string {
  try {
    check();
    return '';
  } catch (error) {
    if (!(error instanceof OptionsError) && !TransportError.is(error)) throw error;
    return error.message;
  }
}

const transport = (options: object) => said(() => checkTransportOptions({ providers: [aProvider()], ...options }));
const request = (fields: object) => said(() => checkRequest({ prompt: 'Hi', ...fields }));

describe('every word that is an option', () => {
  it.each(['streaming', 'tools', 'schema', 'images', 'files', 'reasoning'])('passes: capability %s', (capability) => {
    expect(transport({ providers: [aProvider({ traits: { capabilities: [capability as never] } })] })).toBe('');
    expect(request({ require: { capabilities: [capability] } })).toBe('');
  });

  it.each(['auto', 'none', 'required'])('passes: tool choice %s', (toolChoice) => {
    expect(request({ toolChoice })).toBe('');
  });

  it.each(['none', 'low', 'medium', 'high'])('passes: reasoning %s', (reasoning) => {
    expect(request({ reasoning })).toBe('');
  });

  it.each([
    ['reasoning', { reasoning: 'deep' }, 'expected "none" or "low" or "medium" or "high"'],
    ['require.capabilities[0]', { require: { capabilities: ['flight'] } }, 'expected "streaming" or "tools" or'],
  ])('is said where another is given: %s', (path, fields, expected) => {
    expect(request(fields)).toContain(`The request ${path}: ${expected}`);
  });
});

describe('an option with parts', () => {
  it.each<[string, object]>([
    ['a hedge', { hedge: { afterMs: 500 } }],
    ['no hedge', { hedge: false }],
    ['a price', { providers: [aProvider({ traits: { price: { input: 1, output: 2, cachedInput: 0 } } })] }],
    ['a prompt cache', { providers: [aProvider({ traits: { promptCache: { ttlMs: 1, minTokens: 2 } } })] }],
  ])('passes when they are right: %s', (_, options) => {
    expect(transport(options)).toBe('');
  });

  it.each<[string, object, string]>([
    [
      'a hedge with a word for a time',
      { hedge: { afterMs: 'soon' } },
      'hedge.afterMs: expected milliseconds, 0 or more (Infinity: no limit)',
    ],
    ['a hedge with a typo', { hedge: { afterMs: 5, after: 5 } }, 'hedge.after: is not an option'],
    [
      'half a prompt cache',
      { providers: [aProvider({ traits: { promptCache: { ttlMs: 1 } as never } })] },
      'providers[0].traits.promptCache.minTokens: expected a number',
    ],
    [
      'too large a share',
      { circuitBreaker: { failureRatio: 2 } },
      'circuitBreaker.failureRatio: expected a share between 0 and 1',
    ],
    [
      'too small a share',
      { circuitBreaker: { failureRatio: -1 } },
      'circuitBreaker.failureRatio: expected a share between 0 and 1',
    ],
    ['a window of no time', { circuitBreaker: { windowMs: 0 } }, 'circuitBreaker.windowMs: expected more than 0'],
    ['a layer that is a number', { retry: 7 }, 'retry: expected an object of options, or false'],
    ['an odd multiple', { rateLimit: { maxQueued: 0.5 } }, 'rateLimit.maxQueued: expected a whole number, 0 or more'],
  ])('is refused with what was expected: %s', (_, options, expected) => {
    expect(transport(options)).toContain(expected);
  });
});

describe('the functions given to wrap()', () => {
  const call = () => Promise.resolve();
  const named = (...calls: unknown[]) => said(() => checkNamedCalls(calls as never));

  it('pass when they are right', () => {
    expect(named({ name: 'a', call })).toBe('');
    expect(named({ name: 'a', domain: 'x', limits: { concurrency: 1 }, traits: { weight: 0 }, call })).toBe('');
  });

  it.each<[string, unknown[], string]>([
    ['none', [], 'calls: expected a function, or an array of at least one { name, call }'],
    ['something else', [7], 'calls[0]: expected { name, call }'],
    ['no function', [{ name: 'a', call: 7 }], 'calls[0].call: expected a function (input, info) => Promise'],
    ['no name', [{ call }], 'calls[0].name: expected a name'],
    [
      'two of a name',
      [
        { name: 'a', call },
        { name: 'a', call },
      ],
      "calls[1].name: expected a name of its own; 'a' is",
    ],
    ['a typo', [{ name: 'a', call, limit: 1 }], 'calls[0].limit: is not an option'],
  ])('are refused with what was expected: %s', (_, calls, expected) => {
    expect(named(...calls)).toContain(expected);
  });

  it('are refused as a whole when they are no array', () => {
    expect(said(() => checkNamedCalls('a' as never))).toBe(
      'calls: expected a function, or an array of at least one { name, call }',
    );
  });

  it('have options, whose functions are functions', () => {
    expect(said(() => checkWrapOptions({ describe: 7 }))).toBe(
      'describe: expected a function (result) => what is known of it',
    );
    expect(said(() => checkWrapOptions({ classify: 7 }))).toBe(
      'classify: expected a function (error) => TransportError | undefined',
    );
  });
});

describe('a schema', () => {
  it('may be a function that describes itself, as some libraries make them', () => {
    const callable = Object.assign(() => {}, { '~standard': {} });
    expect(request({ schema: callable })).toBe('');
  });

  it.each([null, 'text', 7, () => {}, {}])('is none when it is %s', (schema) => {
    expect(request({ schema })).toBe(
      'The request schema: expected a Standard Schema (such as one of zod), or { jsonSchema }',
    );
  });
});

describe('a name that nobody knows', () => {
  it.each<[string, () => void, string]>([
    [
      'among the options of a layer',
      () => checkWrapOptions({ hedge: { after: 5 } }),
      'hedge.after: is not an option (there are afterMs)',
    ],
    [
      'in an array',
      () => checkNamedCalls([{ name: 'a', call: () => Promise.resolve(), limits: { rpm: 5 } }] as never),
      'calls[0].limits.rpm: is not an option (there are requestsPerMinute, tokensPerMinute, inputTokensPerMinute, outputTokensPerMinute, concurrency)',
    ],
    [
      'of a call',
      () => checkCallOptions({ timeout: 5 } as never),
      'The call option timeout: is not an option (there are signal, timeoutMs, transactionId, priority, resume, values)',
    ],
    [
      'where each alternative has names of its own',
      () => checkRequest({ messages: [{ role: 'user', content: 'x', name: 'Ann' }] } as never),
      'The request messages[0].name: is not an option',
    ],
  ])('is told with those that there are: %s', (_, check, expected) => {
    expect(said(check)).toBe(expected);
  });

  it('of createFetch() is told with its own, which are not those of a transport', () => {
    const message = said(() => checkFetchOptions({ providers: [] }));
    expect(message).toMatch(/^providers: is not an option \(there are .*targets, failures\)$/);
    expect(message).not.toMatch(/there are.*providers/);
  });
});

describe('what is meant where there are alternatives', () => {
  it('is the one that got furthest', () => {
    expect(request({ toolChoice: { tool: 7 } })).toBe('The request toolChoice.tool: expected string');
    expect(request({ toolChoice: { tool: 'look', too: 1 } })).toBe(
      'The request toolChoice.too: is not an option (there are tool)',
    );
    expect(request({ toolChoice: 7 })).toBe("The request toolChoice: expected 'auto', 'none', 'required' or { tool }");
    const content = [{ type: 'text', text: 'x' }, { type: 'image' }];
    expect(said(() => checkRequest({ messages: [{ role: 'user', content }] } as never))).toBe(
      'The request messages[0].content[1].image: expected a URL or bytes',
    );
  });

  it('is all of them where none got further', () => {
    expect(request({ metadata: { a: {} } })).toBe('The request metadata.a: expected a string, a number or a boolean');
    expect(request({ metadata: 'a' })).toBe(
      'The request metadata: expected an object of strings, numbers and booleans',
    );
  });
});

describe('a number that is none', () => {
  const price = (output: unknown) =>
    transport({ providers: [aProvider({ traits: { price: { input: 1, output } } as never })] });

  it.each([
    ['missing', undefined, 'expected a number'],
    ['a word', '5', 'expected a number'],
    ['endless', Number.POSITIVE_INFINITY, 'expected a number below Infinity'],
    ['negative', -1, 'expected a number that is not negative'],
  ])('is told what it should be: %s', (_, value, expected) => {
    expect(price(value)).toBe(`providers[0].traits.price.output: ${expected}`);
  });
});

describe('what stands in the wrong argument', () => {
  const call = (fields: object, options: object) => said(() => checkCall({ prompt: 'Hi', ...fields }, options));

  it.each(['signal', 'timeoutMs', 'transactionId', 'priority', 'resume', 'values'])(
    'is sent to the second: %s',
    (name) => {
      expect(call({ [name]: 5 }, {})).toBe(
        `The request ${name}: belongs in the second argument: complete(request, { ${name} })`,
      );
    },
  );

  it.each(['prompt', 'stream', 'schema', 'metadata'])('is sent to the first: %s', (name) => {
    expect(call({}, { [name]: 5 })).toBe(
      `The call option ${name}: belongs in the first argument: complete({ ${name}, … })`,
    );
  });

  it('is not looked for where a name inside is wrong, or its own value, or the input is no request', () => {
    expect(call({ require: { signal: 5 } }, {})).toBe(
      'The request require.signal: is not an option (there are tags, region, capabilities)',
    );
    expect(call({}, { signal: 5 })).toBe('The call option signal: expected an AbortSignal');
    expect(call({ stream: 5 }, {})).toBe('The request stream: expected boolean');
    expect(said(() => checkCallOptions({ stream: true } as never))).toMatch(
      /^The call option stream: is not an option/,
    );
  });
});

describe('a call that is refused before it begins', () => {
  const refused = (options: unknown, fields: object = { promt: 'Hi' }) => {
    try {
      checkCall({ prompt: 'Hi', ...fields }, options as never);
    } catch (error) {
      return error as TransportError;
    }
    throw new Error('was not refused');
  };

  it('has the id that it was given', () => {
    expect(refused({ transactionId: 'order-1' })).toMatchObject({ code: 'invalid_request', transactionId: 'order-1' });
    expect(refused({ transactionId: 'order-1', timeout: 5 }, {})).toMatchObject({ transactionId: 'order-1' });
  });

  it.each([undefined, {}, { transactionId: 7 }, null])('has none where it was given none: %j', (options) => {
    expect(refused(options).transactionId).toBeUndefined();
  });
});
