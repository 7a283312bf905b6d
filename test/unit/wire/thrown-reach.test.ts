import { describe, expect, it } from 'vitest';
import { TransportError, withFields } from '../../../src/core/errors.ts';
import { reachOf, withReach } from '../../../src/core/reach.ts';
import { classifyThrown } from '../../../src/wire/classify-thrown.ts';

const reachOfThrown = (thrown: unknown) => {
  const error = classifyThrown(thrown);
  return error === undefined ? undefined : reachOf(error);
};
const coded = (code: string, fields: object = {}) => Object.assign(new Error(`it says ${code}`), { code, ...fields });
const failed = (cause: unknown) => new TypeError('fetch failed', { cause });
const several = (...errors: readonly unknown[]) => Object.assign(new AggregateError(errors), { code: 'ECONNREFUSED' });
const connecting = { syscall: 'connect' };

describe('how far a request had come, by what was thrown', () => {
  it.each<[string, unknown]>([
    ['nobody listens', failed(coded('ECONNREFUSED'))],
    ['nobody listens at any address', failed(several(coded('ECONNREFUSED'), coded('ENETUNREACH', connecting)))],
    ['the name is nobody’s', failed(coded('ENOTFOUND'))],
    ['the name server is away', failed(coded('EAI_AGAIN'))],
    ['there is no way', failed(coded('EHOSTUNREACH', connecting))],
    [
      'there is no way, as node-fetch says it',
      coded('ENETUNREACH', { message: 'reason: connect ENETUNREACH 10.0.0.1' }),
    ],
    ['nobody has answered the knock', failed(coded('ETIMEDOUT', connecting))],
    ['the connection takes too long', failed(coded('UND_ERR_CONNECT_TIMEOUT'))],
    ['the certificate is not believed', failed(coded('DEPTH_ZERO_SELF_SIGNED_CERT'))],
    ['the certificate is another’s', failed(coded('ERR_TLS_CERT_ALTNAME_INVALID'))],
    ['TLS is not spoken there', failed(coded('ERR_SSL_WRONG_VERSION_NUMBER'))],
    [
      'TLS is not spoken there, as node:https says it',
      coded('EPROTO', { message: 'SSL routines:wrong version number' }),
    ],
    ['TLS is refused', failed(coded('ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE'))],
    [
      'TLS is broken off',
      failed(coded('ECONNRESET', { message: 'disconnected before secure TLS connection was established' })),
    ],
    [
      'each of several tries',
      { errors: [failed(coded('ECONNREFUSED')), failed(coded('ENOTFOUND'))], lastError: failed(coded('ENOTFOUND')) },
    ],
  ])('it never left when %s', (_, thrown) => {
    expect(reachOfThrown(thrown)).toBe('unsent');
    expect(reachOfThrown({ name: 'APIConnectionError', cause: thrown })).toBe('unsent');
  });

  it.each<[string, unknown]>([
    ['a reset', failed(coded('ECONNRESET', { syscall: 'read' }))],
    ['a connection that was closed', failed(coded('UND_ERR_SOCKET', { message: 'other side closed' }))],
    ['a broken pipe', coded('EPIPE')],
    ['a silence on an open connection', failed(coded('ETIMEDOUT', { syscall: 'read' }))],
    ['a way that was lost', failed(coded('EHOSTUNREACH', { syscall: 'read' }))],
    ['headers that did not come', failed(coded('UND_ERR_HEADERS_TIMEOUT'))],
    ['a record of TLS that is broken', failed(coded('ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'))],
    ['a protocol error of something else', coded('EPROTO', { message: 'protocol error' })],
    ['a time-out of the SDK', Object.assign(new Error('Request timed out.'), { name: 'APIConnectionTimeoutError' })],
    ['an abort', new DOMException('This operation was aborted', 'AbortError')],
    ['an address that was tried beside one that broke', failed(several(coded('ECONNRESET'), coded('ECONNREFUSED')))],
    [
      'a last try after one that had left',
      {
        errors: [failed(coded('ECONNRESET')), failed(coded('ECONNREFUSED'))],
        lastError: failed(coded('ECONNREFUSED')),
      },
    ],
    ['an error of the provider', Object.assign(new Error('429'), { status: 429, cause: new SyntaxError('JSON') })],
    ['a head that is no HTTP', failed(coded('HPE_INVALID_CONSTANT'))],
    [
      'an error that is its own cause',
      Object.assign(new Error('round'), {
        get cause() {
          return this;
        },
      }),
    ],
    ['a text', 'ECONNREFUSED'],
  ])('nobody knows of %s', (_, thrown) => expect(reachOfThrown(thrown)).toBeUndefined());

  it.each<[string, unknown]>([
    ['a body that broke', new TypeError('terminated', { cause: coded('UND_ERR_SOCKET') })],
    ['a body that fell silent', new TypeError('terminated', { cause: coded('UND_ERR_BODY_TIMEOUT') })],
    ['a body that ended early', coded('ERR_STREAM_PREMATURE_CLOSE')],
    ['a packed body that is cut', coded('Z_BUF_ERROR')],
    ['JSON that stops', new SyntaxError('Unexpected end of JSON input')],
    ['a good status', Object.assign(new Error('Failed to process'), { statusCode: 200, cause: new Error('what') })],
  ])('its answer had begun: %s', (_, thrown) => {
    expect(reachOfThrown(thrown)).toBe('accepted');
  });

  it('never left without credentials', () => {
    const thrown = Object.assign(new Error('OpenAI API key is missing.'), { name: 'AI_LoadAPIKeyError' });
    expect(reachOfThrown(thrown)).toBe('unsent');
  });

  it('goes along with the error when more is known of it', () => {
    const error = withReach(new TransportError('connection', 'no'), 'unsent');
    expect(reachOf(withFields(error, { provider: 'one' }))).toBe('unsent');
    expect(reachOf(withFields(new TransportError('connection', 'no'), { provider: 'one' }))).toBeUndefined();
    expect(JSON.stringify(error)).not.toContain('unsent');
  });
});
