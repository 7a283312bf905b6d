/**
 * Keeps the pages true: copies regions of the examples, which run in the tests, into README.md and docs, fills the tables of options,
 * events and answers from the source, and makes `docs/errors.md` of the error table. `npm run docs` writes; the tests check that there is
 * nothing to write. `docs/fault-matrix.md` and `docs/clients.md` take real calls to make: `npm run docs:matrix` writes them, and their own
 * tests check them.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage } from './generate/errors.ts';
import { withExamples } from './generate/examples.ts';
import { root } from './generate/source.ts';
import { withTables } from './generate/tables.ts';

const errors = join('docs', 'errors.md');

/** Pages whose text is not what it should be, with what it should be. */
export function stalePages(): Map<string, string> {
  const stale = new Map<string, string>();
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file));
  for (const page of new Set(['README.md', errors, ...pages])) {
    const text = existsSync(join(root, page)) ? readFileSync(join(root, page), 'utf8') : '';
    const fresh = page === errors ? errorsPage() : withTables(withExamples(text), page);
    if (fresh !== text) stale.set(page, fresh);
  }
  return stale;
}

if (import.meta.main) {
  for (const [page, text] of stalePages()) {
    writeFileSync(join(root, page), text);
    console.log(`wrote ${page}`);
  }
}
