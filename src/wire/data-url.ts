/** What a data URL holds: base64 as text, anything else as bytes; `undefined` for what is none. */
export interface DataUrl {
  readonly mediaType: string | undefined;
  readonly data: string | Uint8Array;
}

/** Reads a data URL. `undefined` for anything else, and for one that is broken. */
export function readDataUrl(address: string): DataUrl | undefined {
  const comma = address.indexOf(',');
  if (!address.startsWith('data:') || comma === -1) return undefined;
  const [type = '', ...parameters] = address.slice('data:'.length, comma).split(';');
  const mediaType = type === '' ? undefined : type;
  const data = address.slice(comma + 1);
  if (parameters.some((parameter) => parameter.trim().toLowerCase() === 'base64')) return { mediaType, data };
  try {
    return { mediaType, data: new TextEncoder().encode(decodeURIComponent(data)) };
  } catch {
    return undefined;
  }
}
