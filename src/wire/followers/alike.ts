/** After so many events in a row unlike the one before, no more are compared. */
const mostUnlike = 8;

/**
 * Knows events that differ in their text alone from one before, which was found to be nothing but a text: then so are they. Most of an
 * answer is such events, and to compare two of them costs a quarter of parsing one.
 */
export class Alike {
  #before = '';
  #behind = '';
  #unlike = 0;

  /** The text of an event that is like the one before; `undefined` for any other, and where the text is empty or escaped. */
  textIn(event: string): string | undefined {
    const from = this.#before.length;
    if (from === 0 || event.slice(0, from) !== this.#before) return undefined;
    // In JSON a quote inside a text is escaped.
    const to = event.indexOf('"', from);
    if (to <= from || event.slice(to) !== this.#behind) return undefined;
    const text = event.slice(from, to);
    if (text.includes('\\')) return undefined;
    this.#unlike = 0;
    return text;
  }

  /** This event, from its first line to its end, is nothing but this text. */
  learn(event: string, text: string): void {
    if (this.#unlike === mostUnlike) return;
    this.#unlike += 1;
    this.forget();
    const quoted = `"${text}"`;
    const at = event.indexOf(quoted);
    // Where the same stands there twice, which of them is the text cannot be told.
    if (this.#unlike === mostUnlike || at === -1 || event.includes(quoted, at + 1)) return;
    this.#before = event.slice(0, at + 1);
    this.#behind = event.slice(at + 1 + text.length);
  }

  /** What has come since may have changed what such an event means. */
  forget(): void {
    this.#before = '';
  }
}
