/**
 * Keeps the pages true: copies regions of the examples, which run in the tests, into README.md and docs, and makes
 * `docs/errors.md` of the error table. `npm run docs` writes; the tests check that there is nothing to write. `docs/fault-matrix.md`
 * takes real calls to make: `npm run docs:matrix` writes it, and its own test checks it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorTable } from '../src/core/error-table.ts';

const root = join(import.meta.dirname, '..');
const block = /<!-- example: (\S+?)#(\S+) -->\n```ts\n[\s\S]*?```/g;

/** Pages whose text is not what it should be, with what it should be. */
export function stalePages(): Map<string, string> {
  const stale = new Map<string, string>();
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file));
  for (const page of ['README.md', ...pages]) {
    const text = readFileSync(join(root, page), 'utf8');
    const fresh = text.replace(block, (_all, file: string, region: string) => {
      return `<!-- example: ${file}#${region} -->\n\`\`\`ts\n${regionOf(file, region)}\n\`\`\``;
    });
    if (fresh !== text) stale.set(page, fresh);
  }
  const errors = join('docs', 'errors.md');
  const fresh = errorsPage();
  if (readOr(errors) !== fresh) stale.set(errors, fresh);
  return stale;
}

function regionOf(file: string, region: string): string {
  const text = readFileSync(join(root, file), 'utf8');
  const match = new RegExp(`// #region ${region}\\n([\\s\\S]*?)\\n// #endregion`).exec(text);
  if (match?.[1] === undefined) throw new Error(`${file} has no region ${region}`);
  return match[1];
}

function errorsPage(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { retry, blame, meaning }]) => `| \`${code}\` | ${retry} | ${blame} | ${meaning} |`,
  );
  return `# Errors

\`complete()\` rejects with a \`TransportError\` and nothing else. Wrong options throw an \`OptionsError\` when a transport or a
provider is made; its \`path\` says where.

Policies read two judgements, never a status code. \`retry\`: can another attempt help? \`never\`, only \`elsewhere\` (another
provider is asked at once, at no cost), or \`again\` (also here). \`blame\`: who is at fault? Only \`provider\` counts against a circuit. A
single error may be judged otherwise than its code: with \`x-should-retry: false\` an overload is \`elsewhere\`.

| code | retry | blame | meaning |
|---|---|---|---|
${rows.join('\n')}

Every error of a call carries \`attempts\` (the ledger), \`transactionId\` (unless the call was malformed, and refused before it began), and,
as far as they are known, \`provider\`, \`status\`, \`providerRequestId\`, \`retryAfterMs\` and \`partial\` (what had arrived of the answer).
\`cause\` is a summary: an SDK's own error object holds keys and prompts, and is never kept.

This page is made from \`src/core/error-table.ts\` by \`npm run docs\`.
`;
}

function readOr(file: string): string {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    return '';
  }
}

if (import.meta.main) {
  for (const [page, text] of stalePages()) {
    writeFileSync(join(root, page), text);
    console.log(`wrote ${page}`);
  }
}
