/** Finds a caller's own words in what somebody else has written, whichever way they are quoted there, and takes them out. */

const run = 16;

/** `message` without any stretch of 16 characters or more that stands in one of `texts` too, however it is quoted. */
export function withoutTexts(message: string, texts: readonly string[]): string {
  let clean = message;
  let rest: Squeezed | undefined;
  for (const text of texts) {
    const trimmed = text.trim();
    if (trimmed.length < 4) continue;
    if (trimmed.length < run) {
      for (const form of shortForms(trimmed)) clean = clean.replaceAll(form, '[prompt]');
      continue;
    }
    if (clean.length < squeezedRun) continue;
    const before = clean;
    // Quoted in JSON, line breaks and quotes are escaped.
    for (const form of new Set([trimmed, quotedJson(trimmed)])) clean = withoutRuns(clean, form);
    if (rest === undefined || clean !== before) rest = squeezed(clean);
    const less = withoutSqueezed(clean, rest, trimmed);
    if (less !== clean) rest = squeezed(less);
    clean = less;
  }
  return clean;
}

/** Which hashes are looked for; used by one search at a time, because a new one would cost more than the search. */
const filter = new Uint8Array(0x10000);

/** A short text as others quote it. */
function shortForms(text: string): ReadonlySet<string> {
  const json = quotedJson(text);
  const ascii = json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const html = text.replace(/[&<>"']/g, (char) => entities.get(char) ?? char);
  const forms = [text, text.replace(/\s+/g, ' '), json, ascii, quotedJson(json), html];
  return new Set([...forms, encodeURIComponent(text.replace(/\p{Surrogate}/gu, ''))]);
}

const entities: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);

function quotedJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/**
 * Takes out every stretch of `message`, of `run` characters or more, that `text` has too. Linear in the prompt, however long it is
 * and however much it repeats itself: few of its runs pass the filter, and each run of the message is found once.
 */
function withoutRuns(message: string, text: string): string {
  const places = new Map<string, number[]>();
  filter.fill(0);
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
  return withoutCut(message, cut);
}

/** Letters and digits in one piece, of which a prompt is known whatever stands between them. */
const squeezedRun = 12;

/** A message's letters and digits, and where each begins and ends in it. */
interface Squeezed {
  readonly text: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** What JSON, Python, HTML and addresses write for another character, or that character. */
const written = /(?:%[0-9a-f]{2})+|\\+u[0-9a-f]{4}|\\+[a-z"'/]?|&(?:[a-z]{2,6}|#\d{1,5}|#x[0-9a-f]{1,4});|[\s\S]/gi;

function squeezed(message: string): Squeezed {
  let text = '';
  const starts: number[] = [];
  const ends: number[] = [];
  for (const { 0: token, index } of message.matchAll(written)) {
    for (const char of meant(token)) {
      if (!isLetter(char.charCodeAt(0))) continue;
      text += char;
      for (let unit = 0; unit < char.length; unit += 1) {
        starts.push(index);
        ends.push(index + token.length);
      }
    }
  }
  return { text, starts, ends };
}

function meant(token: string): string {
  if (token.length === 1) return token;
  if (token[0] === '\\') {
    const code = /u([0-9a-f]{4})$/i.exec(token)?.[1];
    return code === undefined ? ' ' : String.fromCharCode(Number.parseInt(code, 16));
  }
  if (token[0] !== '%') return ' ';
  try {
    return decodeURIComponent(token);
  } catch {
    return ' ';
  }
}

/** ASCII letters and digits, and whatever is written in other scripts, without their spaces and signs. */
function isLetter(code: number): boolean {
  if (code < 0x80) return (code > 0x2f && code < 0x3a) || (code > 0x40 && code < 0x5b) || (code > 0x60 && code < 0x7b);
  return code > 0xbf && !(code >= 0x2000 && code <= 0x206f) && !(code >= 0x3000 && code <= 0x303f);
}

/** Takes out what `text` has too but for what stands between its letters: white space and quotes, and however they are escaped. */
function withoutSqueezed(message: string, { text: letters, starts, ends }: Squeezed, text: string): string {
  const places = new Map<number, number[]>();
  for (let at = 0; at + squeezedRun <= letters.length; at += 1) {
    const hash = hashOf(letters, at);
    const known = places.get(hash);
    if (known === undefined) places.set(hash, [at]);
    else known.push(at);
  }
  if (places.size === 0) return message;
  filter.fill(0);
  for (const hash of places.keys()) filter[hash & 0xffff] = 1;

  const cut = new Uint8Array(message.length);
  const last = new Uint16Array(squeezedRun);
  let hash = 0;
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (!isLetter(code)) continue;
    const slot = count % squeezedRun;
    hash = (Math.imul(hash, base) + code - Math.imul(last[slot] as number, power)) | 0;
    last[slot] = code;
    count += 1;
    if (count < squeezedRun || filter[hash & 0xffff] === 0) continue;
    const found = places.get(hash);
    if (found === undefined) continue;
    // Two texts of one hash: then something is taken out that need not have been.
    for (const start of found) cut.fill(1, starts[start], ends[start + squeezedRun - 1]);
    places.delete(hash);
  }
  return withoutCut(message, cut);
}

const base = 0x01000193;
const power = Array.from({ length: squeezedRun }).reduce<number>((product) => Math.imul(product, base), 1);

function hashOf(text: string, from: number): number {
  let hash = 0;
  for (let at = from; at < from + squeezedRun; at += 1) hash = (Math.imul(hash, base) + text.charCodeAt(at)) | 0;
  return hash;
}

function withoutCut(message: string, cut: Uint8Array): string {
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
