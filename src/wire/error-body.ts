/** What a provider's error says, whatever its shape. */
export interface ErrorFacts {
  /** The provider's sentence; empty when there is none, or only a web page. */
  readonly message: string;
  /** All its sentences, also those of a provider behind a gateway, at most 8,000 characters: for recognising, not for quoting. */
  readonly text: string;
  /** Every code, type, status word and reason in the body, lower-case letters and digits only: `ratelimitexceeded`. */
  readonly codes: readonly string[];
  /** A code in the body that is an HTTP status: OpenRouter `502`, Azure `"401"`. */
  readonly status: number | undefined;
  /** The parameter that is complained about. */
  readonly param: string | undefined;
  /** The id of the request, where the body has it. */
  readonly requestId: string | undefined;
  /** OpenRouter says so beside a 403. */
  readonly flagged: boolean;
  /** Google's and OpenRouter's quota names, as they are: `…PerModelPerDay`. */
  readonly quotas: readonly string[];
  /** Rate-limit headers that a gateway has put into the body. */
  readonly headers: unknown;
  /** The body, parsed where it was the text of an object. */
  readonly body: unknown;
  /** True when the body says anything of an error at all. */
  readonly known: boolean;
}

/** A code as it is compared: `RateLimitReached`, `rate_limit_reached` and `rate-limit-reached` are one. */
export function normalisedCode(code: string): string {
  return code.toLowerCase().replace(/[^a-z0-9]/g, '');
}

const codeFields = [
  'code',
  'type',
  'status',
  'reason',
  'error_code',
  'errorCode',
  'error_type',
  '__type',
  'name',
  'title',
];
const messageFields = ['message', 'detail', 'error_description', 'msg', 'error', 'title', 'raw'];
const innerFields = ['error', 'detail', 'details', 'innererror', 'errors', 'metadata', 'violations', 'fault'];

/**
 * Reads the body of an error: an object, its JSON text, or any text. Knows `error` as an object or a string, `detail`, arrays,
 * numeric codes and codes that are strings of digits, and looks into `details`, `innererror` and `metadata`.
 */
export function readErrorBody(body: unknown): ErrorFacts {
  const parsed = typeof body === 'string' ? (parsedText(body) ?? body) : body;
  const found: Found = { message: '', texts: [], codes: new Set(), quotas: [], flagged: false };
  if (typeof parsed === 'string') {
    noteText(parsed.trim(), found);
  } else visit(parsed, found, 0);
  return {
    message: found.message,
    text: found.texts.join('\n').slice(0, 8_000),
    codes: [...found.codes],
    status: found.status,
    param: found.param,
    requestId: found.requestId,
    flagged: found.flagged,
    quotas: found.quotas,
    headers: found.headers,
    body: parsed,
    known: found.message !== '' || found.codes.size > 0 || found.status !== undefined,
  };
}

/** True for a web page or XML, which no model's API answers with. */
export function isMarkup(text: string): boolean {
  return /^\s*</.test(text);
}

interface Found {
  message: string;
  readonly texts: string[];
  readonly codes: Set<string>;
  readonly quotas: string[];
  flagged: boolean;
  status?: number;
  param?: string;
  requestId?: string;
  headers?: unknown;
}

const deepest = 8;

function visit(value: unknown, found: Found, depth: number): void {
  if (depth > deepest) return;
  if (typeof value === 'string') {
    const parsed = parsedText(value);
    if (parsed !== undefined) visit(parsed, found, depth + 1);
    else noteText(value, found);
    return;
  }
  if (Array.isArray(value)) {
    for (const item of value.slice(0, 20)) visit(item, found, depth + 1);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name of codeFields) noteCode(fields[name], found);
  if (found.param === undefined && typeof fields.param === 'string') found.param = fields.param;
  const requestId = fields.request_id ?? fields.requestId;
  if (found.requestId === undefined && typeof requestId === 'string') found.requestId = requestId;
  for (const quota of [fields.quotaId, fields.quotaMetric]) if (typeof quota === 'string') found.quotas.push(quota);
  if ('flagged_input' in fields || (Array.isArray(fields.reasons) && 'provider_name' in fields)) found.flagged = true;
  if (typeof fields.headers === 'object' && fields.headers !== null) found.headers = fields.headers;
  // The first sentence is what the provider wanted to be read; those further in help to recognise what it means.
  for (const name of messageFields) if (typeof fields[name] === 'string') visit(fields[name], found, depth + 1);
  for (const name of innerFields)
    if (typeof fields[name] === 'object' && fields[name] !== null) visit(fields[name], found, depth + 1);
}

function noteText(text: string, found: Found): void {
  // An SDK gives a proxy's web page as its error's message.
  if (text === '' || isMarkup(text)) return;
  if (found.message === '') found.message = text;
  found.texts.push(text);
}

function noteCode(code: unknown, found: Found): void {
  const digits = typeof code === 'number' ? String(code) : typeof code === 'string' ? code.trim() : '';
  if (digits === '') return;
  if (/^[45]\d\d$/.test(digits)) found.status ??= Number(digits);
  // A code is a word; a sentence under the same name (xAI, Replicate) is read by the tables of texts.
  else if (digits.length <= 80) found.codes.add(normalisedCode(digits));
}

function parsedText(text: string): object | undefined {
  const start = text.search(/\S/);
  if (start === -1 || (text[start] !== '{' && text[start] !== '[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
