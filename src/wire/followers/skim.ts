/**
 * Reads one text out of an event without parsing it, which would cost more than all the rest of its way. `marker` is the text's name
 * with what follows it up to the text, without the first quote: `content":"`. In JSON a quote inside a text is escaped, so the marker can only be a name.
 * `undefined` when there is none, or nothing in it.
 */
export function textAfter(data: string, marker: string): string | undefined {
  const at = data.indexOf(marker);
  if (at === -1) return undefined;
  const from = at + marker.length;
  const to = data.indexOf('"', from);
  if (to <= from) return undefined;
  const text = data.slice(from, to);
  return text.includes('\\') ? escapedText(data, from) : text;
}

function escapedText(data: string, from: number): string | undefined {
  let to = from;
  while (to < data.length && data[to] !== '"') to += data[to] === '\\' ? 2 : 1;
  try {
    return JSON.parse(data.slice(from - 1, to + 1)) as string;
  } catch {
    return undefined;
  }
}
