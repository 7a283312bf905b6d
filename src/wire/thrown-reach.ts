import type { Reach } from '../core/reach.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** Codes of Node and of undici for a connection that was never there: no address, nobody there, no agreement on how to speak. */
const unmade =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|UND_ERR_(?:CONNECT_TIMEOUT|PRX_TLS)|(?:CERT|UNABLE_TO)_\w+|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|HOSTNAME_MISMATCH|ERR_TLS_(?:CERT_ALTNAME_INVALID|HANDSHAKE_TIMEOUT))$/;

/** Codes that a connection can be lost with, too: they tell by what was tried. */
const unmadeIfConnecting = /^E(?:TIMEDOUT|(?:NET|HOST)(?:UNREACH|DOWN)|ADDRNOTAVAIL|CONN(?:RESET|ABORTED))$/;

/** What OpenSSL says of a handshake that came to nothing: in a code, or in the message of an `EPROTO`. */
const handshake =
  /wrong.version|http.request|(?:unsupported|alert).protocol|alert.handshake.failure|unrecognized.name|no.shared.cipher/i;

/** Codes for a body that was lost: what comes before it had come. */
const lostBody =
  /^(?:ERR_STREAM_PREMATURE_CLOSE|Z_(?:BUF|DATA)_ERROR|UND_ERR_(?:RES_CONTENT_LENGTH_MISMATCH|BODY_TIMEOUT))$/;

/** Causes that are looked through. */
const deepest = 6;

/**
 * How far the request had come that an error is of, where the error proves it; SDKs wrap what does. Of an error that stands for several
 * tries, none may have left.
 *
 * @param chain the error that says something, and its causes
 */
export function reachOfThrown(thrown: unknown, chain: readonly Fields[]): Reach | undefined {
  if (isUnmade(fieldsOf(thrown), deepest)) return 'unsent';
  return chain.some(isOfBody) ? 'accepted' : undefined;
}

function isUnmade(error: Fields, depth: number): boolean {
  const { code, syscall, message, errors } = error;
  // Of several tries, or of several addresses of one host, all of them.
  if (Array.isArray(errors) && errors.length > 0)
    return depth > 0 && errors.every((one) => isUnmade(fieldsOf(one), depth - 1));
  const cause = error.lastError ?? error.cause;
  if (typeof cause === 'object' && cause !== null) return depth > 0 && isUnmade(fieldsOf(cause), depth - 1);
  if (typeof code !== 'string') return false;
  if (unmade.test(code)) return true;
  const says = String(message);
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return handshake.test(code + says);
  const isConnecting = syscall === 'connect' || /\bconnect E|before secure TLS/.test(says);
  return isConnecting && unmadeIfConnecting.test(code);
}

/** Node's `fetch` says `terminated` of a body, and of nothing else. */
function isOfBody({ code, name, message }: Fields): boolean {
  if (typeof code === 'string' && lostBody.test(code)) return true;
  if (typeof message !== 'string') return false;
  return (name === 'TypeError' && message === 'terminated') || (name === 'SyntaxError' && /\bJSON\b/.test(message));
}
