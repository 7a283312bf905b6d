import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { errorTable } from '../../../src/core/error-table.ts';
import {
  failed,
  isStreamingRefused,
  OptionsError,
  scrubbed,
  streamingRefused,
  summarise,
  TransportError,
  withFields,
} from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/types.ts';
import { attempt } from './support.ts';

const key = 'sk-proj-CANARY0123456789abcdef';
const prompt = 'the canary sings at the bottom of the mine, where nobody is meant to hear it';

/** As OpenAI's SDK throws one: with headers, body and request on it. */
function sdkError(): Error {
  const error = new RangeError(`401 Incorrect API key provided: ${key}`);
  return Object.assign(error, {
    name: 'AuthenticationError',
    status: 401,
    code: 'invalid_api_key',
    requestID: 'req_7',
    headers: { authorization: `Bearer ${key}` },
    error: { message: `Incorrect API key provided: ${key}` },
    requestBodyValues: { messages: [{ content: prompt }] },
    cause: Object.assign(new Error(`connect with ${key}`), { socket: { key }, code: 'ECONNRESET' }),
  });
}

/** What throws whatever is asked of it. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Everything that the usual ways of printing show of a value. */
function printed(value: unknown): string {
  const clone = structuredClone(value) as Error;
  return [
    inspect(value, { depth: 8 }),
    inspect(value, { depth: 8, showHidden: true }),
    JSON.stringify(value),
    JSON.stringify({ ...(value as object) }),
    inspect(clone, { depth: 8 }),
  ].join('\n');
}

describe('the error table', () => {
  // The rows of the design, each of them a decision: code, retry, blame.
  const rows: [ErrorCode, string, string][] = [
    ['overloaded', 'again', 'provider'],
    ['server_error', 'again', 'provider'],
    ['connection', 'again', 'provider'],
    ['timeout', 'again', 'provider'],
    ['bad_response', 'again', 'provider'],
    ['empty_response', 'again', 'provider'],
    ['truncated', 'again', 'provider'],
    ['rate_limited', 'again', 'caller'],
    ['quota_exhausted', 'elsewhere', 'caller'],
    ['authentication', 'elsewhere', 'caller'],
    ['permission', 'elsewhere', 'caller'],
    ['unsupported', 'elsewhere', 'caller'],
    ['context_length_exceeded', 'elsewhere', 'caller'],
    ['circuit_open', 'elsewhere', 'transport'],
    ['queue_full', 'elsewhere', 'transport'],
    ['invalid_request', 'never', 'caller'],
    ['content_filtered', 'never', 'caller'],
    ['schema_mismatch', 'again', 'caller'],
    ['stream_interrupted', 'never', 'provider'],
    ['budget_exceeded', 'never', 'caller'],
    ['deadline_exceeded', 'never', 'caller'],
    ['cancelled', 'never', 'caller'],
    ['no_provider', 'never', 'transport'],
    ['closed', 'never', 'transport'],
    ['middleware', 'never', 'transport'],
    ['internal', 'never', 'transport'],
  ];

  it('has a row for every code and no other', () => {
    expect(Object.keys(errorTable).sort()).toEqual(rows.map(([code]) => code).sort());
  });

  it.each(rows)('judges %s: %s, %s', (code, retry, blame) => {
    const error = new TransportError(code, 'x');
    expect([error.retry, error.blame]).toEqual([retry, blame]);
  });

  it('says what each code means, in a sentence', () => {
    for (const { meaning } of Object.values(errorTable)) expect(meaning).toMatch(/^[`\w].*\.$/);
  });
});

describe('a TransportError', () => {
  it('has what it is given, and a judgement of its own if it is given one', () => {
    const partial = { text: 'He', toolCalls: [], reasoning: undefined };
    const attempts = [attempt()];
    const judgements = { retry: 'elsewhere', blame: 'caller' } as const;
    const facts = { provider: 'one', status: 503, providerRequestId: 'r', retryAfterMs: 5, transactionId: 't' };
    const fields = { ...judgements, ...facts, attempts, partial };
    const error = new TransportError('overloaded', 'busy', fields);
    expect(error).toMatchObject({ name: 'TransportError', code: 'overloaded', message: 'busy', ...fields });
    expect(error).toBeInstanceOf(Error);
    expect(error.stack).toContain('errors.test');
  });

  it('has an empty ledger unless it is given one', () => {
    expect(new TransportError('closed', 'x').attempts).toEqual([]);
  });

  it('is recognised across copies of the package, and nothing else is', () => {
    class Copy extends Error {}
    Object.defineProperty(Copy.prototype, Symbol.for('llm-transport.TransportError'), { value: true });
    expect(TransportError.is(new Copy('from another copy'))).toBe(true);
    expect(TransportError.is(new TransportError('closed', 'x'))).toBe(true);
    for (const other of [new Error('x'), { code: 'closed' }, null, undefined, 'closed', revoked()]) {
      expect(TransportError.is(other)).toBe(false);
    }
  });

  it('prints as JSON what is declared and known, and its cause', () => {
    const error = new TransportError('overloaded', 'busy', { provider: 'one', cause: new TypeError('why') });
    Object.assign(error, { secret: key });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      ...{ name: 'TransportError', message: 'busy', code: 'overloaded', retry: 'again', blame: 'provider' },
      ...{ provider: 'one', attempts: [], cause: { name: 'TypeError', message: 'why' } },
    });
  });

  it('has no fields in JSON that nothing is known of', () => {
    const error = new TransportError('closed', 'x');
    expect(error.toJSON()).toStrictEqual({
      ...{ name: 'TransportError', message: 'x', code: 'closed', retry: 'never', blame: 'transport', attempts: [] },
    });
  });

  it('prints to a console what is declared and known, its stack and its cause', () => {
    const cause = new TransportError('connection', 'reset by peer');
    const error = new TransportError('no_provider', 'nobody', { provider: 'one', cause });
    Object.assign(error, { secret: key });
    const shown = inspect(error, { depth: 8 });
    expect(shown).toMatch(/^TransportError: nobody\n {4}at /);
    expect(shown).toContain("code: 'no_provider'");
    expect(shown).toContain('reset by peer');
    expect(shown).not.toContain('attempts');
    expect(shown).not.toContain('undefined');
    expect(shown).not.toContain(key);
  });

  it('prints its ledger to a console when there is one', () => {
    const error = new TransportError('timeout', 'x', { attempts: [attempt({ provider: 'slow' })] });
    expect(inspect(error)).toContain("provider: 'slow'");
  });

  it('prints to a console without a stack too', () => {
    const error = new TransportError('closed', 'no more');
    Object.defineProperty(error, 'stack', { value: undefined });
    expect(inspect(error)).toMatch(/^TransportError: no more /);
  });

  it('can be given a name of its own, as every error can', () => {
    for (const error of [new TransportError('closed', 'x'), new OptionsError('a', 'x')])
      expect(Object.assign(error, { name: 'Mine' }).name).toBe('Mine');
  });

  it('survives structuredClone', () => {
    const error = new TransportError('overloaded', 'busy', { attempts: [attempt()], cause: sdkError() });
    expect(structuredClone(error)).toMatchObject({ message: 'busy' });
  });
});

describe('what is kept of a cause', () => {
  it('is a TransportError as it is', () => {
    const cause = new TransportError('connection', 'reset');
    expect(new TransportError('no_provider', 'x', { cause }).cause).toBe(cause);
  });

  it('is a summary of any other error, without headers, bodies and keys', () => {
    const error = new TransportError('authentication', 'no', { cause: sdkError() });
    expect(error.cause).toEqual({
      ...{ name: 'AuthenticationError', code: 'invalid_api_key', status: 401, requestId: 'req_7' },
      message: expect.stringContaining('401 Incorrect API key provided: [redacted]'),
      cause: { name: 'Error', message: expect.any(String), code: 'ECONNRESET' },
    });
    const shown = printed(error);
    expect(shown).not.toContain('CANARY');
    expect(shown).not.toContain('canary');
  });

  it('is not enumerable, as the language has it', () => {
    const error = new TransportError('internal', 'x', { cause: new Error('y') });
    expect(Object.getOwnPropertyDescriptor(error, 'cause')).toMatchObject({ enumerable: false, configurable: true });
    expect(Object.keys(new TransportError('internal', 'x', { cause: new Error('y') }))).not.toContain('cause');
    expect('cause' in new TransportError('internal', 'x')).toBe(false);
  });

  it.each([
    ['a string', 'it broke', { name: 'string', message: 'it broke' }],
    ['a number', 7, { name: 'number', message: '7' }],
    ['null', null, { name: 'object', message: 'null' }],
    ['a plain object', { message: 'it broke', body: key }, { name: 'object', message: 'it broke' }],
    [
      'an object without a prototype',
      Object.assign(Object.create(null), { message: 'm' }),
      { name: 'object', message: 'm' },
    ],
    ['an error class of its own', new (class OwnError extends Error {})('m'), { name: 'OwnError', message: 'm' }],
    ['an error with a numeric code', Object.assign(new Error('m'), { code: 7 }), { name: 'Error', message: 'm' }],
    ['a symbol', Symbol('s'), { name: 'symbol', message: 'Symbol(s)' }],
    ['an error with an empty code', Object.assign(new Error('m'), { code: '' }), { name: 'Error', message: 'm' }],
    ['an object of a class that is no error', new (class Thrown {})(), { name: 'Thrown', message: '' }],
    ['an error whose name is no text', Object.assign(new Error('m'), { name: 7 }), { name: 'object', message: 'm' }],
    ['what throws when it is looked at', revoked(), { name: 'object', message: '' }],
  ])('is a summary of %s', (_, cause, summary) => {
    expect(summarise(cause)).toStrictEqual(summary);
  });

  it('ends at some depth, also when errors go round in a circle', () => {
    const circle: Error & { cause?: unknown } = new Error('round');
    circle.cause = circle;
    expect(JSON.stringify(summarise(circle)).match(/round/g)).toHaveLength(4);
  });

  it('is scrubbed anew when more becomes known of what must not be in it', () => {
    const summary = summarise(Object.assign(new Error(`bad: ${prompt}`), { cause: new Error(prompt) }));
    const again = summarise(summary, { texts: [prompt] });
    expect(summary).toMatchObject({ message: expect.stringContaining('canary') });
    expect(JSON.stringify(again)).not.toContain('canary');
    expect(summarise(summary)).toBe(summary);
  });

  it('keeps the rest of what is known when it is scrubbed anew', () => {
    const theirs = Object.assign(new Error(prompt), { code: 'E_CODE', status: 400, requestId: 'req_1' });
    expect(summarise(summarise(theirs), { texts: [prompt] })).toStrictEqual({
      ...{ name: 'Error', message: '[prompt]', code: 'E_CODE', status: 400, requestId: 'req_1' },
    });
  });

  it('is the very same when there is nothing to scrub from it', () => {
    const summary = summarise(Object.assign(new Error('busy'), { code: 'E_CODE', cause: new Error('reset') }));
    expect(summarise(summary, { texts: [prompt] })).toBe(summary);
  });
});

describe('scrubbing an error', () => {
  const known = { texts: [prompt] };

  it("takes the caller's words out of its message alone", () => {
    const cause = new TransportError('connection', 'reset');
    const error = new TransportError('bad_response', `saw: ${prompt}`, { status: 400, cause });
    const clean = scrubbed(error, known);
    expect(clean).toMatchObject({ code: 'bad_response', status: 400, message: 'saw: [prompt]' });
    expect(clean.cause).toBe(cause);
    expect(clean.stack).not.toContain('canary');
  });

  it('takes them out of its cause alone', () => {
    const error = new TransportError('bad_response', 'odd', { cause: new Error(prompt) });
    expect(scrubbed(error, known)).toMatchObject({ message: 'odd', cause: { message: '[prompt]' } });
  });

  it('is the very same error when there is nothing to take out', () => {
    const error = new TransportError('overloaded', 'busy', { cause: new Error('reset') });
    expect(scrubbed(error, known)).toBe(error);
  });

  it('takes them out of every cause of its causes that is kept, however many there are', () => {
    let error = new TransportError('connection', prompt);
    for (let depth = 0; depth < 9; depth += 1) error = new TransportError('middleware', prompt, { cause: error });
    const clean = scrubbed(error, known);
    const shown = inspect(clean, { depth: 30 });
    expect(shown).not.toContain('canary');
    const messages: string[] = [];
    for (let one: unknown = clean; TransportError.is(one); one = one.cause) messages.push(one.message);
    expect(messages).toEqual(Array(4).fill('[prompt]'));
  });

  it('looks for them once, also in a copy that says more', () => {
    let looks = 0;
    const counting = {
      get texts() {
        looks += 1;
        return [prompt];
      },
    };
    const clean = scrubbed(new TransportError('overloaded', 'busy'), counting);
    expect(looks).toBe(1);
    expect(scrubbed(clean, counting)).toBe(clean);
    const more = withFields(clean, { provider: 'one' });
    expect(scrubbed(more, counting)).toBe(more);
    expect(looks).toBe(1);
  });

  it('looks again where a copy has another message or another cause', () => {
    const clean = scrubbed(new TransportError('overloaded', 'busy'), known);
    expect(scrubbed(withFields(clean, { message: prompt }), known).message).toBe('[prompt]');
    const caused = withFields(clean, { cause: new Error(prompt) });
    expect(scrubbed(caused, known).cause).toMatchObject({ message: '[prompt]' });
  });

  it('looks for the first time in a copy of what was never scrubbed', () => {
    const copy = withFields(new TransportError('overloaded', prompt), { provider: 'one' });
    expect(scrubbed(copy, known).message).toBe('[prompt]');
  });
});

describe('withFields', () => {
  it('keeps the stack, the judgement, the cause and everything that is not replaced', () => {
    const cause = new TransportError('connection', 'reset');
    const error = new TransportError('overloaded', 'busy', { retry: 'elsewhere', blame: 'caller', status: 503, cause });
    const more = withFields(error, { provider: 'one' });
    expect(more).toMatchObject({ retry: 'elsewhere', blame: 'caller', status: 503, provider: 'one', message: 'busy' });
    expect(more.cause).toBe(cause);
    expect(more.stack).toBe(error.stack);
    expect(error.provider).toBeUndefined();
  });

  it('replaces the message in the stack too, whatever characters it has', () => {
    const error = new TransportError('overloaded', 'busy with secrets');
    const more = withFields(error, { message: "$& $1 $' [redacted]" });
    expect(more.message).toBe("$& $1 $' [redacted]");
    expect(more.stack).toContain("TransportError: $& $1 $' [redacted]\n");
    expect(more.stack).not.toContain('secrets');
  });

  it('leaves a stack that can be written, as those do who track errors', () => {
    const more = withFields(new TransportError('overloaded', 'busy'), { provider: 'one' });
    more.stack = 'theirs';
    expect(more.stack).toBe('theirs');
    expect(Object.getOwnPropertyDescriptor(more, 'stack')).toMatchObject({ configurable: true, enumerable: false });
  });

  it('does without a stack where there is none', () => {
    const error = new TransportError('overloaded', 'busy');
    Object.defineProperty(error, 'stack', { value: undefined });
    const more = withFields(error, { message: 'very busy' });
    expect(more).toMatchObject({ message: 'very busy', stack: undefined });
  });

  it('keeps the mark of a refusal to stream', () => {
    const refusal = streamingRefused('not this model');
    expect(isStreamingRefused(withFields(refusal, { provider: 'one' }))).toBe(true);
    expect(isStreamingRefused(withFields(new TransportError('unsupported', 'x'), {}))).toBe(false);
  });
});

describe('other makers of errors', () => {
  it('streamingRefused is an unsupported feature, with a mark', () => {
    const refusal = streamingRefused('not this model', { status: 400 });
    expect(refusal).toMatchObject({ code: 'unsupported', status: 400 });
    expect(isStreamingRefused(refusal)).toBe(true);
    for (const other of [new TransportError('unsupported', 'x'), null, 'x'])
      expect(isStreamingRefused(other)).toBe(false);
  });

  it('failed makes a bug of whatever is no TransportError', () => {
    const error = new TransportError('closed', 'x');
    expect(failed(error)).toBe(error);
    expect(failed(new TypeError('x'))).toMatchObject({ code: 'internal', cause: { name: 'TypeError' } });
    expect(failed(undefined)).toMatchObject({ code: 'internal', message: 'An unknown error was thrown' });
  });

  it('OptionsError names the path, and what was expected there', () => {
    expect(new OptionsError('retry.retries', 'expected a number')).toMatchObject({
      name: 'OptionsError',
      path: 'retry.retries',
      message: 'retry.retries: expected a number',
    });
    expect(new OptionsError('', 'expected an object').message).toBe('expected an object');
  });
});
