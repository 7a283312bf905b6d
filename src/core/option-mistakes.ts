/** How a mistake in an option is told: where it is, and what was expected there. */

import type * as z from 'zod/mini';

/** The part of a zod schema that is used here. */
export interface Checkable extends z.core.$ZodType {
  safeParse(
    value: unknown,
    params: { error: () => string },
  ): { success: true } | { success: false; error: { issues: readonly z.core.$ZodIssue[] } };
}

/** Where names belong that are none here, and what is said of one of them. */
export type Elsewhere = readonly [there: Checkable, say: (name: string) => string];

/** Where something is wrong and what was expected there, `undefined` when nothing is. The value itself is not repeated. */
export function wrong(
  schema: Checkable,
  value: unknown,
  elsewhere?: Elsewhere,
): { readonly path: string; readonly expected: string } | undefined {
  // The application's own zod may have a language, and an error map that repeats values; here neither is asked.
  const result = schema.safeParse(value, { error: () => 'Invalid input' });
  if (result.success) return undefined;
  const found = deepest(schema, result.error.issues);
  const [there, say] = elsewhere ?? [];
  // A name with nothing before it is one that the schema does not have, or whose value is wrong: it has that one itself.
  if (there === undefined || say === undefined || namesAt(schema, []).includes(found.path)) return found;
  return namesAt(there, []).includes(found.path) ? { path: found.path, expected: say(found.path) } : found;
}

/** What is said of a name that nobody knows: those that there are, since it is mostly one of them that was meant. */
export function unknownOption(known: readonly string[]): string {
  return known.length === 0 ? 'is not an option' : `is not an option (there are ${known.join(', ')})`;
}

function deepest(
  schema: Checkable,
  issues: readonly z.core.$ZodIssue[],
  base: readonly PropertyKey[] = [],
): { path: string; expected: string } {
  const [issue] = issues;
  if (issue === undefined) return { path: pathOf(base), expected: 'is not valid' };
  const path = [...base, ...issue.path];
  if (issue.code === 'invalid_union') {
    // Of the alternatives, the one that got furthest is the one that was meant.
    const best = [...issue.errors].filter((errors) => errors.length > 0).sort((a, b) => depthOf(b) - depthOf(a))[0];
    if (best !== undefined && depthOf(best) > 0) return deepest(schema, best, path);
  }
  if (issue.code === 'unrecognized_keys')
    return { path: pathOf([...path, issue.keys[0] ?? '']), expected: unknownOption(namesAt(schema, path)) };
  return { path: pathOf(path), expected: expectation(issue) };
}

/** The names that there are at a path; none where there are several alternatives, and each has its own. */
function namesAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'optional') return namesAt(def.innerType, path);
  if (def.type === 'union') {
    const named = def.options.map((option) => namesAt(option, path)).filter(({ length }) => length > 0);
    return named.length === 1 ? (named[0] ?? []) : [];
  }
  const [at, ...rest] = path;
  if (def.type === 'array') return at === undefined ? [] : namesAt(def.element, rest);
  if (def.type !== 'object') return [];
  if (at === undefined) return Object.keys(def.shape);
  const inner = def.shape[String(at)];
  return inner === undefined ? [] : namesAt(inner, rest);
}

function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  const [issue] = issues;
  return issue === undefined ? 0 : issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0);
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.message !== '' && issue.message !== 'Invalid input') return issue.message;
  if (issue.code === 'invalid_type') return `expected ${issue.expected}`;
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  if (issue.code === 'too_small')
    return `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
  if (issue.code === 'too_big') return `expected at most ${issue.maximum}`;
  return 'is not valid';
}

function pathOf(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) text += typeof key === 'number' ? `[${key}]` : `${text === '' ? '' : '.'}${String(key)}`;
  return text;
}
