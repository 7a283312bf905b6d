import { onAbort, reasonOf } from '../core/signals.ts';
import type { ByteReader } from './bytes.ts';
import { isMarkup } from './error-body.ts';
import type { Failures } from './failures.ts';

/**
 * The JSON object in the body of a successful answer.
 * @throws TransportError `empty_response` when there is nothing, `truncated` when the JSON stops in the middle, else `bad_response`
 */
function parseAnswer(text: string, failures: Failures): Readonly<Record<string, unknown>> {
  const parsed = parseJson(text, failures);
  const value = Array.isArray(parsed) && parsed.length === 1 ? parsed[0] : parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw failures.of('bad_response', 'answered with JSON that is not an object');
  return value as Readonly<Record<string, unknown>>;
}

/**
 * The JSON object in the body of a successful answer that comes in one piece.
 * @throws TransportError what `readText` and `parseAnswer` throw
 */
export async function readAnswer(
  bytes: ByteReader,
  signal: AbortSignal,
  failures: Failures,
): Promise<Readonly<Record<string, unknown>>> {
  return parseAnswer(await readText(bytes, signal, failures), failures);
}

/** The rest of a body as text. @throws TransportError the signal's reason, at once; or what broke the connection */
export async function readText(bytes: ByteReader, signal: AbortSignal, failures: Failures): Promise<string> {
  const stop = onAbort(signal, () => bytes.cancel());
  try {
    const text = await bytes.text();
    // A body that was let go of looks like one that has ended.
    if (signal.aborted) throw reasonOf(signal);
    return text;
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : failures.thrown(error);
  } finally {
    stop();
  }
}

/**
 * The JSON in the body of a successful answer, whatever it is.
 * @throws TransportError `empty_response` when there is nothing, `truncated` when the JSON stops in the middle, else `bad_response`
 */
export function parseJson(text: string, failures: Failures): unknown {
  if (text.trim() === '') throw failures.of('empty_response', 'answered with an empty body');
  if (isMarkup(text)) throw failures.of('bad_response', 'answered with a web page instead of JSON');
  try {
    return JSON.parse(text);
  } catch {
    throw isCutOff(text)
      ? failures.of('truncated', 'ended its answer in the middle of the JSON')
      : failures.of('bad_response', 'answered with something that is not JSON');
  }
}

/** True when JSON stops inside a string, an object or an array. */
export function isCutOff(text: string): boolean {
  const start = text.search(/\S/);
  if (text[start] !== '{' && text[start] !== '[') return false;
  const open: string[] = [];
  let inString = false;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{') open.push('}');
    else if (char === '[') open.push(']');
    else if ((char === '}' || char === ']') && open.pop() !== char) return false;
  }
  return inString || open.length > 0;
}
