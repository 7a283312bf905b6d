import { TransportError } from '../../core/errors.ts';
import type { FilePart, ImagePart, TextPart } from '../../core/types.ts';

type Fields = Readonly<Record<string, unknown>>;
type Part = TextPart | ImagePart | FilePart;

/** The content of a message: a text, or blocks. */
export type Content = string | readonly unknown[];

/** The text in a content; blocks of other kinds are left out. */
export function textOf(content: Content): string {
  if (typeof content === 'string') return content;
  return content
    .map((block) => {
      if (typeof block === 'string') return block;
      const { type, text } = fieldsOf(block);
      return (type === 'text' || type === 'text-plain') && typeof text === 'string' ? text : '';
    })
    .join('');
}

/**
 * The blocks of a content as parts of a message: LangChain's standard blocks of either version, and those of OpenAI and Anthropic.
 * @throws TransportError `invalid_request` for a block that no message of the transport can hold
 */
export function partsOf(content: Content): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return content.map((block) => (typeof block === 'string' ? { type: 'text', text: block } : partOf(fieldsOf(block))));
}

/** The blocks that are no text. */
export function filesOf(content: Content): Part[] {
  return typeof content === 'string' ? [] : partsOf(content).filter(({ type }) => type !== 'text');
}

function partOf(block: Fields): Part {
  const { type, text } = block;
  if (typeof text === 'string' && (type === 'text' || type === 'text-plain' || block.source_type === 'text'))
    return { type: 'text', text };
  const media = mediaOf(block);
  if (media === undefined)
    throw new TransportError(
      'invalid_request',
      `a message has a block of the type '${String(type)}', which has no place`,
    );
  const { source, mediaType } = media;
  if (type === 'image' || type === 'image_url')
    return { type: 'image', image: source, ...(mediaType !== undefined && { mediaType }) };
  const filename = nameOf(block);
  return {
    type: 'file',
    data: source,
    mediaType: mediaType ?? defaults[String(type)] ?? 'application/octet-stream',
    ...(filename !== undefined && { filename }),
  };
}

const defaults: Readonly<Record<string, string>> = {
  audio: 'audio/wav',
  video: 'video/mp4',
  document: 'application/pdf',
  file: 'application/pdf',
};

interface Media {
  readonly source: string | Uint8Array;
  readonly mediaType: string | undefined;
}

/** Where a block of pictures, sound or documents has what it holds, in each dialect. */
function mediaOf(block: Fields): Media | undefined {
  const { type } = block;
  if (type === 'image_url') {
    const { image_url: image } = block;
    return address(typeof image === 'string' ? image : fieldsOf(image).url, undefined);
  }
  if (type === 'input_audio') {
    const { data, format } = fieldsOf(block.input_audio);
    return typeof format === 'string' ? inline(data, `audio/${format}`) : undefined;
  }
  if (type === 'file' && block.file !== undefined) return address(fieldsOf(block.file).file_data, undefined);
  if (type === 'document' || block.source !== undefined) {
    const source = fieldsOf(block.source);
    return source.type === 'url' ? address(source.url, undefined) : inline(source.data, source.media_type);
  }
  if (!standard.has(type)) return undefined;
  const mediaType = block.mimeType ?? block.mime_type;
  return block.url === undefined ? inline(block.data, mediaType) : address(block.url, mediaType);
}

const standard: ReadonlySet<unknown> = new Set(['image', 'audio', 'video', 'file']);

function address(url: unknown, mediaType: unknown): Media | undefined {
  return typeof url === 'string' ? { source: url, mediaType: optional(mediaType) } : undefined;
}

function inline(data: unknown, mediaType: unknown): Media | undefined {
  const type = optional(mediaType);
  if (data instanceof Uint8Array) return { source: data, mediaType: type };
  if (typeof data !== 'string') return undefined;
  const source = data.startsWith('data:') ? data : `data:${type ?? 'application/octet-stream'};base64,${data}`;
  return { source, mediaType: type };
}

function nameOf(block: Fields): string | undefined {
  const { filename, name, title } = fieldsOf(block.metadata);
  return optional(fieldsOf(block.file).filename ?? filename ?? name ?? title);
}

function optional(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The fields of an object; of anything else, none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
