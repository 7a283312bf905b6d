/** docs/bench.md: the part that is measured is written anew, the rest stays as people have written it. */

import { cpus, totalmem } from 'node:os';
import { markdownOf, type Sheet } from './sheet.ts';

const begin = '<!-- bench: written by `npm run bench` -->';
const end = '<!-- bench: end -->';

/** The machine in words: cores, model, memory, Node. */
export function machine(): string {
  const cores = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'an unknown CPU'}, ${gigabytes} GiB, Node ${process.version}, ${process.platform}`;
}

/** The page with the measured part changed for `sheets`. @throws Error when the page has no place for it. */
export function pageWith(page: string, sheets: readonly Sheet[], where: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the page has no '${begin}' … '${end}'`);
  const measured = [
    begin,
    '',
    `Measured on ${where}.`,
    '',
    ...sheets.flatMap((sheet) => [...markdownOf(sheet), '']),
    '![The same as bars](bench.svg)',
    '',
  ];
  return page.slice(0, from) + measured.join('\n') + page.slice(to);
}
