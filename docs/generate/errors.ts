/** `docs/errors.md`, made of the error table. */
import { errorTable } from '../../src/core/error-table.ts';

/** The whole page. */
export function errorsPage(): string {
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
