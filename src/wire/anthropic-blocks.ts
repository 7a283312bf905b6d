import { TransportError } from '../core/errors.ts';
import type { FilePart, ImagePart, TextPart } from '../core/types.ts';

/** A content block of the Messages API. */
export type Block = Readonly<Record<string, unknown>>;

/**
 * A part of a user message as a content block: pictures and PDF by address or as data, files of text as text.
 * @throws TransportError `unsupported` for what the API has no block for: other media, or a text file by address
 */
export function blockOf(part: TextPart | ImagePart | FilePart): Block {
  if (part.type === 'text') return { type: 'text', text: part.text };
  if (part.type === 'image') return imageBlock(part.image, part.mediaType);
  const type = mediaTypeOf(part.data, part.mediaType);
  if (type.startsWith('image/')) return imageBlock(part.data, part.mediaType);
  const title = part.filename === undefined ? {} : { title: part.filename };
  if (type === 'application/pdf') return { type: 'document', source: source(part.data, type), ...title };
  if (!isText(type)) throw unsupported(`takes no files of the type ${type}`);
  if (isAddress(part.data)) throw unsupported('takes files of text as data, not as addresses');
  const data = Buffer.from(base64Of(part.data), 'base64').toString('utf8');
  return { type: 'document', source: { type: 'text', media_type: 'text/plain', data }, ...title };
}

const pictures = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

function imageBlock(image: string | Uint8Array, given: string | undefined): Block {
  const type = mediaTypeOf(image, given ?? 'image/png');
  if (!isAddress(image) && !pictures.has(type)) throw unsupported(`takes no pictures of the type ${type}`);
  return { type: 'image', source: source(image, type) };
}

function source(data: string | Uint8Array, type: string): Block {
  return isAddress(data) ? { type: 'url', url: data } : { type: 'base64', media_type: type, data: base64Of(data) };
}

function isAddress(data: string | Uint8Array): data is string {
  return typeof data === 'string' && !data.startsWith('data:');
}

/** What a data URL says of itself, else what was given beside it. */
function mediaTypeOf(data: string | Uint8Array, given: string): string {
  const own = typeof data === 'string' ? /^data:([^;,]+)/.exec(data)?.[1] : undefined;
  const type = (own ?? given).split(';')[0]?.trim().toLowerCase() ?? '';
  return type === 'image/jpg' ? 'image/jpeg' : type;
}

function isText(type: string): boolean {
  return (
    type.startsWith('text/') ||
    /^application\/(?:(?:[\w.-]+\+)?(?:json|xml|yaml)|javascript|x-yaml|toml|sql)$/.test(type)
  );
}

/** Of bytes, or of a data URL, which may be written out instead (RFC 2397). */
function base64Of(data: string | Uint8Array): string {
  if (typeof data !== 'string') return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  const comma = data.indexOf(',');
  const body = data.slice(comma + 1);
  if (/;\s*base64$/i.test(data.slice(0, comma))) return body;
  return Buffer.from(unescaped(body)).toString('base64');
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unsupported(says: string): TransportError {
  return new TransportError('unsupported', `Anthropic's Messages API ${says}`);
}
