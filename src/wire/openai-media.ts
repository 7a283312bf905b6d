import type { ImagePart, Message } from '../core/types.ts';

/** A picture as OpenAI's APIs take it: an address, or its bytes as a data URL. */
export function imageUrl({ image, mediaType }: ImagePart): string {
  return typeof image === 'string' ? image : dataUrl(image, mediaType ?? 'image/png');
}

/** Bytes as a data URL. */
export function dataUrl(bytes: Uint8Array, mediaType: string): string {
  return `data:${mediaType};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`;
}

/** The API refuses a file without a name. */
export function defaultName(mediaType: string): string {
  return mediaType === 'application/pdf' ? 'file.pdf' : 'file';
}

/** The format of a recording that OpenAI's models can hear; `undefined` for any other file. */
export function audioOf(mediaType: string): 'wav' | 'mp3' | undefined {
  const kind = /^audio\/(?:x-)?(wav|mp3|mpeg)$/.exec(mediaType)?.[1];
  return kind === undefined ? undefined : kind === 'wav' ? 'wav' : 'mp3';
}

/** What a tool gave back. OpenAI's APIs have no field for one that failed: the model learns it from the text. */
export function toolOutput({ content, isError }: Message & { readonly role: 'tool' }): string {
  return isError === true && !/^\W*error/i.test(content) ? `Error: ${content}` : content;
}
