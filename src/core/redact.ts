/**
 * Takes credentials and the caller's own words out of text that a provider or a library has written. Providers repeat keys in
 * 401s and prompts in 400s; error messages end up in logs.
 */

const hidden = '[redacted]';
const longest = 500;

/** Phrases after which a credential stands. */
const introduced =
  /\b((?:api|access|secret|subscription|auth|account|private)?[-_ ]?(?:key|token|secret|password|passwd|signature|credential)s?(?:\s+(?:provided|is|was|used|given))?|x-api-key|authorization|cookie|sig)(["'`\]]*\s*(?:[:=]|is)\s*["'`[(]?\s*)((?:bearer|basic|token)\s+)?([^\s"'`,;)\]}]{4,})/gi;

/** Credentials by their own look. */
const shapes: readonly RegExp[] = [
  /\b(?:bearer|basic)\s+[\w.~+/=-]{6,}/gi,
  /\b(?:sk|pk|rk|gsk|xai|hf|r8|pplx|nvapi|fw|tgp|ghp|gho|ghs|glpat|xox[abp]|key|csk|tvly|jina|voyage|co|api)[-_][\w.-]{6,}/gi,
  /\b(?:AIza|AKIA|ASIA|ya29\.|eyJ)[\w.+/=-]{8,}/g,
  /:\/\/[^\s/@:]*:[^\s/@]+@/g,
  // A run without separators that mixes letters and digits is no word of a sentence.
  /(?<![\w])(?=[A-Za-z+/]*\d)(?=[\d+/]*[A-Za-z])[A-Za-z0-9+/]{20,}={0,2}/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
];

export interface Known {
  /** Credentials in use: taken out exactly, also when encoded. */
  readonly secrets?: readonly string[];
  /** The caller's words: any run of 16 characters of theirs is taken out. */
  readonly texts?: readonly string[];
}

/** `text`, at most 500 characters of it, without credentials and without the caller's words. */
export function scrub(text: string, known: Known = {}): string {
  let clean = text.length > 4 * longest ? text.slice(0, 4 * longest) : text;
  for (const secret of known.secrets ?? []) {
    if (secret.length < 4) continue;
    for (const form of [secret, encodeURIComponent(secret), base64(secret), base64(`:${secret}`).slice(4, -4)]) {
      if (form.length >= 4) clean = clean.replaceAll(form, hidden);
    }
  }
  clean = withoutTexts(clean, known.texts ?? []);
  clean = clean.replace(introduced, (_all, phrase: string, gap: string) => `${phrase}${gap}${hidden}`);
  for (const shape of shapes) clean = clean.replace(shape, hidden);
  return clean.length > longest ? `${clean.slice(0, longest)}…` : clean;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

const run = 16;

function withoutTexts(message: string, texts: readonly string[]): string {
  let clean = message;
  for (const text of texts) {
    const trimmed = text.trim();
    if (trimmed.length < 4) continue;
    // Quoted in JSON, line breaks and quotes are escaped.
    for (const form of new Set([trimmed, JSON.stringify(trimmed).slice(1, -1)])) {
      clean = trimmed.length < run * 2 ? clean.replaceAll(form, '[prompt]') : withoutRuns(clean, form);
    }
  }
  return clean;
}

/**
 * Takes out every stretch of `message`, of `run` characters or more, that `text` has too. Linear in the prompt, however long it is
 * and however much it repeats itself: few of its runs pass the filter, and each run of the message is found once.
 */
function withoutRuns(message: string, text: string): string {
  const places = new Map<string, number[]>();
  const filter = new Uint8Array(0x10000);
  for (let at = 0; at + run <= message.length; at += 1) {
    const piece = message.slice(at, at + run);
    const known = places.get(piece);
    if (known !== undefined) known.push(at);
    else places.set(piece, [at]);
    filter[tailOf(message, at)] = 1;
  }
  const cut = new Uint8Array(message.length);
  let tail = 0;
  for (let end = 1; end <= text.length && places.size > 0; end += 1) {
    tail = withNext(tail, text.charCodeAt(end - 1));
    if (filter[tail] === 0 || end < run) continue;
    const piece = text.slice(end - run, end);
    for (const at of places.get(piece) ?? []) cut.fill(1, at, at + run);
    places.delete(piece);
  }
  let clean = '';
  for (let at = 0; at < message.length; at += 1) {
    if (cut[at] === 0) clean += message[at];
    else if (at === 0 || cut[at - 1] === 0) clean += '[prompt]';
  }
  return clean;
}

/** A number made of the last four characters that were given to it. */
function withNext(tail: number, code: number): number {
  return ((tail << 4) ^ code) & 0xffff;
}

function tailOf(message: string, at: number): number {
  let tail = 0;
  for (let next = at; next < at + run; next += 1) tail = withNext(tail, message.charCodeAt(next));
  return tail;
}

/** Every string of some length in a value, however deep: the caller's words, to be taken out of messages. */
export function textsOf(value: unknown, limit = 2_000): string[] {
  const texts: string[] = [];
  const seen = new Set<object>();
  const walk = (part: unknown): void => {
    if (texts.length >= limit) return;
    if (typeof part === 'string') {
      if (part.length >= 4) texts.push(part);
    } else if (typeof part === 'object' && part !== null && !seen.has(part) && !ArrayBuffer.isView(part)) {
      seen.add(part);
      for (const inner of Object.values(part)) walk(inner);
    }
  };
  walk(value);
  return texts;
}
