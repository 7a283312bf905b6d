/** Keys and prompts that must never be seen again once they were handed over. */

export interface Canary {
  readonly name: string;
  /** What the client is given. */
  readonly key: string;
  /** How the client is given it. @default as its API key */
  readonly by?: 'apiKey' | 'api-key header' | 'basic' | 'userinfo' | 'query' | 'aws';
  /** The part of it that is secret. @default the key without its prefix */
  readonly core?: string;
  /** Nobody could tell by its looks that it is a key. */
  readonly plain?: boolean;
}

const random = 'Zq7Kp2Xv9Lm4Tr8Wy3Nb6Hd1Fs5Gc0Ja';
const hex = '9f8e7d6c5b4a39281706f5e4d3c2b1a0';
const jwt = [
  { alg: 'HS256', typ: 'JWT' },
  { sub: 'canary-4711', scope: 'models:read' },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .join('.');

/** Credentials in the formats that providers, clouds and gateways hand out. */
export const keys: readonly Canary[] = [
  { name: 'OpenAI', key: `sk-${random}${random.slice(0, 16)}` },
  { name: 'OpenAI project', key: `sk-proj-${random}_${random.slice(3, 20)}-T3BlbkFJ${random.slice(5, 25)}` },
  { name: 'OpenAI service account', key: `sk-svcacct-${random}-${random.slice(9)}` },
  { name: 'Anthropic', key: `sk-ant-api03-${random}-${random.slice(7)}_AA` },
  { name: 'OpenRouter', key: `sk-or-v1-${hex}${hex}` },
  { name: 'Google', key: `AIzaSy${random}Q` },
  { name: 'Google OAuth', key: `ya29.a0${random}-${random.slice(2, 22)}` },
  { name: 'Groq', key: `gsk_${random}${random.slice(0, 20)}` },
  { name: 'xAI', key: `xai-${random}${random.slice(0, 20)}` },
  { name: 'Hugging Face', key: `hf_${random}` },
  { name: 'Replicate', key: `r8_${random}` },
  { name: 'Perplexity', key: `pplx-${random}${random.slice(0, 16)}` },
  { name: 'NVIDIA', key: `nvapi-${random}-${random.slice(4, 24)}` },
  { name: 'Fireworks', key: `fw_${random.slice(0, 24)}` },
  { name: 'Cerebras', key: `csk-${random}` },
  { name: 'Mistral, 32 letters and digits', key: random.slice(0, 32) },
  { name: 'Together, 64 hex', key: `${hex}${hex.split('').reverse().join('')}` },
  { name: 'Azure, 32 hex', key: hex, by: 'api-key header' },
  { name: 'Cohere, 40 letters', key: 'QwErTyUiOpAsDfGhJkLzXcVbNmPoIuYtReWqLkJh' },
  { name: 'plain 40 characters', key: `${random}x9y8z7w6` },
  { name: 'UUID', key: '7c9e6679-7425-40de-944b-e07fc1f90ae7' },
  { name: 'JWT', key: `${jwt}.${random}-_${random.slice(1, 12)}` },
  { name: 'AWS', key: `AKIAZ7Q4M2X9K1P5T3W8 wJalrXUtnFEMI/K7MDENG+bPxRfiCYCANARYKEY`, by: 'aws' },
  { name: 'Basic header', key: `service:${random.slice(0, 20)}`, by: 'basic', core: random.slice(0, 20) },
  { name: 'in the address, before the host', key: random.slice(4, 28), by: 'userinfo' },
  { name: 'in the query', key: `q-${random.slice(2, 30)}`, by: 'query' },
  {
    name: 'with characters that are escaped in addresses',
    key: `k+/=${random.slice(0, 24)}&%?${random.slice(3, 12)}`,
    plain: true,
  },
];

/** What to look for: the key's secret part, as it is and as it is commonly encoded. */
export function tracesOf({ key, core }: Canary): string[] {
  const secrets = core === undefined ? key.split(' ').map(withoutPrefix) : [core];
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    // Whatever stands before it: base64 of a text is one of three.
    ...['', ' ', '  '].map((before) =>
      Buffer.from(before + secret)
        .toString('base64')
        .slice(4, -4),
    ),
  ]);
  return forms.filter((form) => form.length >= piece);
}

function withoutPrefix(key: string): string {
  return key.replace(/^(?:sk-(?:proj-|svcacct-|ant-api03-|or-v1-)?|[a-z]{2,5}\d?[_-](?=[A-Z])|AIzaSy)/, '');
}

/** So much of a secret in one piece is a leak. */
const piece = 12;

/** The pieces of secrets that stand in a text. */
export function leaksIn(text: string, traces: readonly string[]): string[] {
  const leaks: string[] = [];
  for (const trace of traces) {
    const length = Math.min(piece, trace.length);
    // Every third place finds what is two characters longer, three times as fast.
    for (let at = 0; at + length <= trace.length; at += 3) {
      const part = trace.slice(at, at + length);
      if (!text.includes(part)) continue;
      leaks.push(part);
      break;
    }
  }
  return leaks;
}

/** Words that nobody else would write. */
const words = ['Quokka7Zanzibar', 'Nebelhorn_Kiwi42', 'Xylophon-Tapir-99', 'Marzipan=Okapi=5', 'Wombat.Lagune.31'];

export interface Prompt {
  readonly name: string;
  readonly text: string;
}

const filler = (count: number) =>
  Array.from({ length: count }, (_, index) => `${words[index % words.length]} paid ${index * 37} to no. ${index}`).join(
    ', ',
  );

export const prompts: readonly Prompt[] = [
  { name: 'of one word', text: 'Quokka7Zanzibar' },
  { name: 'of one sentence', text: 'The code is Quokka7Zanzibar.' },
  { name: 'long', text: `Summarise: ${filler(60)}.` },
  { name: 'very long', text: `Summarise: ${filler(1_500)}.` },
  { name: 'of many short lines', text: 'Dear Ann,\nPIN\nQuokka7Zanzibar\n\n  Xylophon-Tapir-99\n\tbye\n' },
  { name: 'of many lines', text: `Letter:\n${words.map((word) => `the secret of today is ${word}`).join('\r\n')}\n` },
  {
    name: 'with quotes',
    text: `She said "Quokka7Zanzibar" and 'Nebelhorn_Kiwi42' \\ left <b>&amp; "Wombat.Lagune.31"</b>`,
  },
  {
    name: 'of JSON',
    text: JSON.stringify({ name: 'Quokka7Zanzibar', rows: words.map((word) => ({ word, n: 1 })) }, null, 2),
  },
  { name: 'beyond ASCII', text: 'Grüße an Zoë 🦜: «Quokka7Zanzibar», dann Ärger über Nebelhorn_Kiwi42 – 完了です' },
];

/** The words that stand whole in a text: of a prompt, nothing in particular is secret in half a word. */
export function wordsIn(text: string): string[] {
  return words.filter((word) => text.includes(word));
}

/** How a careless server repeats a prompt. */
export const quotes: readonly { readonly name: string; readonly quote: (text: string) => string }[] = [
  { name: 'as it is', quote: (text) => text },
  { name: 'as JSON', quote: (text) => JSON.stringify(text) },
  { name: 'as JSON inside JSON', quote: (text) => JSON.stringify(JSON.stringify([{ role: 'user', content: text }])) },
  { name: 'as JSON in ASCII', quote: ascii },
  { name: 'on one line', quote: (text) => text.replace(/\s+/g, ' ') },
  {
    name: 'as Python has it',
    quote: (text) => `'${ascii(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`,
  },
  { name: 'in part', quote: (text) => `…${text.slice(Math.floor(text.length / 5), Math.ceil(text.length * 0.9))}…` },
  { name: 'its beginning', quote: (text) => `${text.slice(0, 90)}…` },
  {
    name: 'as HTML',
    quote: (text) =>
      text
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('>', '&gt;')
        .replaceAll('"', '&quot;')
        .replaceAll("'", '&#39;'),
  },
  { name: 'in an address', quote: (text) => `https://example.com/?q=${encodeURIComponent(text)}` },
];

function ascii(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
