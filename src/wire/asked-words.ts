import { textsOf } from '../core/redact.ts';
import type { ImagePart, TextPart } from '../core/types.ts';

/** A picture or a document in base64 looks like this; no sentence does. */
const encoded = /^(?:data:|[\w+/-]{256})/;
const longestWord = 2_000;

/** What a client's request says, in whatever form it is written: as much as it takes to estimate its tokens. */
export function contentIn(request: unknown): (TextPart | ImagePart)[] {
  return textsOf(request).map((text) =>
    text.length > longestWord && encoded.test(text)
      ? { type: 'image' as const, image: 'data:,' }
      : { type: 'text' as const, text },
  );
}
