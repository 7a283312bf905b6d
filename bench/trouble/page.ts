/** What was measured, as tables; and docs/trouble.md, whose measured part is written anew. Pure. */

import { figure, markdownOf, type Sheet, times } from '../sheet.ts';
import type { Figures } from './figures.ts';
import type { ClientResult } from './run.ts';
import type { Trouble } from './trouble.ts';

interface Column {
  readonly head: string;
  readonly cell: (figures: Figures) => string;
}

const percent = (value: number): string => `${(100 * value).toFixed(value > 0 && value < 0.0995 ? 1 : 0)} %`;
const multiple = (value: number): string => (value < 10 ? times(value) : `× ${figure(value)}`);

const answered: Column = { head: 'answered', cell: (of) => percent(of.answered) };
const requests: Column = { head: 'requests a call', cell: (of) => of.requestsPerCall.toFixed(2) };
const usual: readonly Column[] = [
  { head: '429s', cell: (of) => percent(of.refused) },
  { head: 'p50', cell: (of) => (of.answered > 0 ? multiple(of.p50) : '–') },
  { head: 'p99', cell: (of) => (of.answered > 0 ? multiple(of.p99) : '–') },
  { head: 'wrong', cell: (of) => String(of.wrong) },
];
const toBad: Column = { head: 'sent to it', cell: (of) => percent(of.toBad) };
const used: Column = { head: 'of capacity', cell: (of) => percent(of.used) };
const interactive: readonly Column[] = [
  { head: 'interactive: answered', cell: (of) => percent(of.interactiveAnswered) },
  { head: 'p99', cell: (of) => (of.interactiveAnswered > 0 ? multiple(of.interactiveP99) : '–') },
];

/** A row's table: a line for each client. */
export function sheetOf(trouble: Trouble, results: readonly ClientResult[]): Sheet {
  const { title, note, servers } = trouble;
  const columns = [
    answered,
    requests,
    ...(servers.length > 1 ? [toBad] : []),
    ...(servers.some(({ places }) => places !== undefined) ? [used] : []),
    ...usual,
    ...(trouble.interactive === undefined ? [] : interactive),
  ];
  return {
    title,
    note,
    heads: columns.map(({ head }) => head),
    rows: results.map(({ label, figures }) => ({ label, cells: columns.map(({ cell }) => cell(figures)) })),
  };
}

const begin = '<!-- trouble: written by `npm run bench:trouble` -->';
const end = '<!-- trouble: end -->';

/** The page with the measured part changed for `sheets`. @throws Error when the page has no place for it. */
export function pageWith(page: string, sheets: readonly Sheet[], where: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the page has no '${begin}' … '${end}'`);
  const measured = [begin, '', `Measured on ${where}.`, '', ...sheets.flatMap((sheet) => [...markdownOf(sheet), ''])];
  return page.slice(0, from) + measured.join('\n') + page.slice(to);
}
