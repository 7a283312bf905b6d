/** Prints a table: a first column of labels, then columns of figures. */

import { paint, type Style } from './text.ts';

export interface Row {
  readonly label: string;
  readonly cells: readonly string[];
  /** One for each cell. */
  readonly styles?: readonly Style[];
  /** A row that explains the one above it. @default false */
  readonly detail?: boolean;
}

const labelWidth = 38;
const cellWidth = 20;

/** The lines of a table under a title; `'rule'` is a line across. */
export function tableLines(title: string, heads: readonly string[], rows: readonly (Row | 'rule')[]): string[] {
  const rule = paint('dim', '─'.repeat(labelWidth + heads.length * cellWidth));
  const head = title.padEnd(labelWidth) + heads.map((text) => paint('bold', text.padStart(cellWidth))).join('');
  return [head, rule, ...rows.map((row) => (row === 'rule' ? rule : line(row))), rule].map((text) => `  ${text}`);
}

function line({ label, cells, styles = [], detail = false }: Row): string {
  const name = (detail ? `    ${label}` : label).padEnd(labelWidth);
  const figures = cells.map((cell, index) => {
    const aligned = cell.padStart(cellWidth);
    const last = index === cells.length - 1;
    return paint(styles[index] ?? (detail ? 'dim' : 'none'), last ? aligned.trimEnd() : aligned);
  });
  return (detail ? paint('dim', name) : name) + figures.join('');
}
