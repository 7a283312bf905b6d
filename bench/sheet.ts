/** Tables of text: for the terminal, and for Markdown. Pure. */

export interface Sheet {
  readonly title: string;
  readonly note: string;
  /** Of the columns of figures; the first column is the label's and has no head. */
  readonly heads: readonly string[];
  readonly rows: readonly { readonly label: string; readonly cells: readonly string[] }[];
}

/** The lines of a table: labels to the left, figures to the right. */
export function textOf({ title, note, heads, rows }: Sheet): string[] {
  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  const line = (label: string, cells: readonly string[]): string =>
    `  ${label.padEnd(labelWidth)}${cells.map((cell, column) => `  ${cell.padStart(widths[column] ?? 0)}`).join('')}`;
  return [title, `  ${note}`, '', line('', heads), ...rows.map(({ label, cells }) => line(label, cells))];
}

/** The same in Markdown. */
export function markdownOf({ title, note, heads, rows }: Sheet): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `### ${title}`,
    '',
    `${note.charAt(0).toUpperCase()}${note.slice(1)}.`,
    '',
    line(['', ...heads]),
    `|---|${heads.map(() => '--:').join('|')}|`,
    ...rows.map(({ label, cells }) => line([label, ...cells])),
  ];
}

/** A figure with as many digits as mean something: `0.31`, `4.7`, `12`, `1,840`. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const digits = size < 1 ? 2 : size < 10 ? 1 : 0;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A median with its quartiles. */
export function spread({ low, median, high }: { low: number; median: number; high: number }): string {
  return `${figure(median)} (${figure(low)}–${figure(high)})`;
}

/** How many times as much. */
export function times(value: number): string {
  return `× ${value.toFixed(2)}`;
}
