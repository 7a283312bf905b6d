import { TransportError } from '../core/errors.ts';
import type { FilePart, ImagePart } from '../core/types.ts';

/**
 * A picture or document as a part of Gemini's: data inline, an address (https, gs://, of the Files API) as `fileData`.
 * @throws TransportError `invalid_request` for a data URL that is none
 */
export function mediaPart(part: ImagePart | FilePart): object {
  const source = part.type === 'image' ? part.image : part.data;
  const { mediaType } = part;
  if (typeof source !== 'string')
    return inline(Buffer.from(source.buffer, source.byteOffset, source.byteLength), mediaType);
  if (source.startsWith('data:')) return fromDataUrl(source, mediaType);
  const mimeType = mediaType ?? typeByName(source);
  return { fileData: { fileUri: source, ...(mimeType !== undefined && { mimeType }) } };
}

function inline(bytes: Buffer, mediaType: string | undefined): object {
  return { inlineData: { mimeType: mediaType ?? 'image/png', data: bytes.toString('base64') } };
}

function fromDataUrl(url: string, mediaType: string | undefined): object {
  const comma = url.indexOf(',');
  const [type = '', ...parameters] = url.slice('data:'.length, Math.max(comma, 0)).split(';');
  const mimeType = mediaType ?? (type === '' ? 'text/plain' : type);
  if (comma === -1) throw new TransportError('invalid_request', 'a data URL in the messages has no comma');
  const data = url.slice(comma + 1);
  if (parameters.some((parameter) => parameter.trim().toLowerCase() === 'base64'))
    return { inlineData: { mimeType, data } };
  try {
    return inline(Buffer.from(decodeURIComponent(data)), mimeType);
  } catch {
    throw new TransportError('invalid_request', 'a data URL in the messages is neither base64 nor percent-encoded');
  }
}

const types: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  heif: 'image/heif',
};

/** Vertex AI wants to be told the type of an address; where the name does not tell, Gemini looks for itself. */
function typeByName(address: string): string | undefined {
  const extension = /\.([a-z]+)(?:[?#]|$)/i.exec(address.slice(address.lastIndexOf('/') + 1))?.[1];
  return extension === undefined ? undefined : types[extension.toLowerCase()];
}
