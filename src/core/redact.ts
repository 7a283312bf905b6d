import { withoutTexts } from './quotes.ts';

/**
 * Takes credentials and the caller's own words out of text that a provider or a library has written. Providers repeat keys in
 * 401s and prompts in 400s; error messages end up in logs.
 */

const hidden = '[redacted]';
const longest = 500;

/** Phrases after which a credential stands. */
const introduced =
  /\b((?:api|access|secret|subscription|auth|account|private)?[-_ ]?(?:key|token|secret|password|passwd|signature|credential)s?(?:\s+(?:provided|is|was|used|given))?|x-api-key|authorization|cookie|sig)(["'`\]]*\s*(?:[:=]|is)\s*["'`[(]?\s*)(?!(?:bearer |basic |token )?\[?redacted\])((?:bearer|basic|token)\s+)?([^\s"'`,;)\]}]{4,})/gi;

/** Credentials by their own look. */
const shapes: readonly RegExp[] = [
  /\b(?:bearer|basic)\s+[\w.~+/=-]{6,}/gi,
  /\b(?:sk|pk|rk|gsk|xai|hf|r8|pplx|nvapi|fw|tgp|ghp|gho|ghs|glpat|xox[abp]|key|csk|tvly|jina|voyage|co|api)[-_][\w.-]{6,}/gi,
  /\b(?:AIza|AKIA|ASIA|ya29\.|eyJ)[\w.+/=-]{8,}/g,
  /:\/\/[^\s/@:]*:[^\s/@]+@/g,
  // A run without separators that mixes letters and digits is no word of a sentence.
  /(?<![\w])(?=[A-Za-z+/]*\d)(?=[\d+/]*[A-Za-z])[A-Za-z0-9+/]{20,}={0,2}/g,
  // Nor is one of letters alone that keeps changing its case.
  /(?<!\w)(?=[A-Za-z]{28})[A-Z]*(?:[a-z]+[A-Z]+){6,}[A-Za-z]*/g,
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
    for (const form of [secret, encodeURIComponent(secret)]) clean = clean.replaceAll(form, hidden);
    clean = withoutBase64(clean, secret);
  }
  clean = withoutTexts(clean, known.texts ?? []);
  clean = clean.replace(introduced, (_all, phrase: string, gap: string) => `${phrase}${gap}${hidden}`);
  for (const shape of shapes) clean = clean.replace(shape, hidden);
  return clean.length > longest ? `${clean.slice(0, longest)}…` : clean;
}

const base64Run = /[\w+/-]{4,}={0,2}/g;

/** Without the runs of base64 that a secret is in. What stands before it shifts it by none, one or two bytes: three forms to look for. */
function withoutBase64(text: string, secret: string): string {
  const bytes = Buffer.from(secret);
  const forms = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    // Of the first and the last sign some bits are the neighbours'.
    return encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
  });
  return text.replace(base64Run, (run) => {
    const plain = run.replaceAll('-', '+').replaceAll('_', '/');
    return forms.some((form) => plain.includes(form)) ? hidden : run;
  });
}

/** Fields that hold a name, which errors should keep: "the model … does not exist". */
const names: ReadonlySet<string> = new Set(['model', 'role', 'type']);

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
      for (const [key, inner] of Object.entries(part)) if (!names.has(key)) walk(inner);
    }
  };
  try {
    walk(value);
  } catch {
    // A getter that throws, or deeper than the stack: what was found until then is known.
  }
  return texts;
}
