import type { Reach } from '../core/reach.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Codes of Node and of undici for a connection that was never there: no address, nobody there, no agreement on how to speak. */
const unmade =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|UND_ERR_(?:CONNECT_TIMEOUT|PRX_TLS)|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT\w*|UNABLE_TO_\w+|HOSTNAME_MISMATCH|ERR_TLS_(?:CERT_ALTNAME_INVALID|HANDSHAKE_TIMEOUT))$/;

/** Codes that a connection can be lost with, too: they tell by what was tried. */
const unmadeIfConnecting =
  /^(?:ETIMEDOUT|ENETUNREACH|ENETDOWN|EHOSTUNREACH|EHOSTDOWN|EADDRNOTAVAIL|ECONNRESET|ECONNABORTED)$/;

/** What OpenSSL says of a handshake that came to nothing: in a code, or in the message of an `EPROTO`. */
const handshake =
  /wrong.version.number|http.request|unsupported.protocol|no.protocols.available|alert.protocol.version|alert.handshake.failure|unrecognized.name|no.shared.cipher/i;

/** Codes for a body that was lost: what comes before it had come. */
const lostBody =
  /^(?:ERR_STREAM_PREMATURE_CLOSE|Z_(?:BUF|DATA)_ERROR|UND_ERR_(?:RES_CONTENT_LENGTH_MISMATCH|BODY_TIMEOUT))$/;

/** Causes that are looked through. */
const deepest = 6;

/**
 * How far the request had come that an error is of, where the error proves it; SDKs wrap what does. Of an error that stands for several
 * tries, none may have left.
 */
export function reachOfThrown(thrown: unknown): Reach | undefined {
  if (isUnmade(thrown, deepest)) return 'unsent';
  return isOfAnswer(thrown, deepest) ? 'accepted' : undefined;
}

function isUnmade(thrown: unknown, depth: number): boolean {
  const error = fieldsOf(thrown);
  const within = causesOf(error);
  if (within.length > 0) return depth > 0 && within.every((one) => isUnmade(one, depth - 1));
  const { code, syscall, message } = error;
  if (typeof code !== 'string') return false;
  const says = typeof message === 'string' ? message : '';
  if (unmade.test(code)) return true;
  if (code.startsWith('ERR_SSL_')) return handshake.test(code);
  if (code === 'EPROTO') return handshake.test(says);
  if (!unmadeIfConnecting.test(code)) return false;
  return syscall === 'connect' || /\bconnect E[A-Z]+|before secure TLS connection was established/.test(says);
}

function isOfAnswer(thrown: unknown, depth: number): boolean {
  const error = fieldsOf(thrown);
  const { code, name, message, status = error.statusCode } = error;
  if (typeof status === 'number') return status >= 200 && status < 300;
  if (typeof code === 'string' && lostBody.test(code)) return true;
  if (typeof message === 'string') {
    // Node's `fetch` says so of a body, and of nothing else.
    if (name === 'TypeError' && message === 'terminated') return true;
    if (name === 'SyntaxError' && /\bJSON\b/.test(message)) return true;
  }
  return depth > 0 && isOfAnswer(causesOf(error).at(-1), depth - 1);
}

/** The errors behind one: of several tries, or of several addresses of one host, all of them. */
function causesOf({ errors, lastError, cause }: Fields): readonly unknown[] {
  if (Array.isArray(errors) && errors.length > 0) return errors as readonly unknown[];
  const inner = lastError ?? cause;
  return typeof inner === 'object' && inner !== null ? [inner] : [];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
