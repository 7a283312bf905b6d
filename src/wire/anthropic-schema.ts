import type { JsonSchema } from '../core/types.ts';

type Node = Readonly<Record<string, unknown>>;

const kept = new Set(['enum', 'const', 'title', 'description', 'required', 'default']);
const formats = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid']);
/** Say nothing that the model should know. */
const silent = new Set(['$schema', '$id', '$comment', 'examples', 'additionalProperties', 'propertyNames']);

/**
 * The schema as Anthropic's structured outputs take it (https://platform.claude.com/docs/en/build-with-claude/structured-outputs):
 * every object closed, and what the grammar cannot hold (ranges, lengths, patterns) said in the description instead; the answer is
 * held against the caller's own schema afterwards.
 *
 * @returns `undefined` when it cannot be said that way: a root that is no object, open maps, tuples, recursion, anything untyped
 */
export function formatSchema(schema: JsonSchema): JsonSchema | undefined {
  if (schema.type !== 'object' || isRecursive(schema)) return undefined;
  return limited(schema) as JsonSchema | undefined;
}

function limited(value: unknown): Node | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const node = value as Node;
  const copy: Record<string, unknown> = {};
  const said: string[] = [];
  for (const [keyword, part] of Object.entries(node)) {
    if (keyword === 'type' || silent.has(keyword)) continue;
    const inner = innerOf(keyword, part);
    if (inner === null) return undefined;
    if (inner !== undefined)
      copy[keyword === 'oneOf' ? 'anyOf' : keyword === 'definitions' ? '$defs' : keyword] = inner;
    // Definitions have one name only here.
    else if (keyword === '$ref') copy.$ref = String(part).replace('#/definitions/', '#/$defs/');
    else if (kept.has(keyword) || (keyword === 'format' && formats.has(part as string))) copy[keyword] = part;
    else if (keyword === 'minItems' && (part === 0 || part === 1)) copy[keyword] = part;
    else said.push(`${keyword}: ${JSON.stringify(part)}`);
  }
  if (node.type !== undefined) copy.type = node.type;
  if (!['type', '$ref', 'enum', 'const', 'anyOf', 'allOf'].some((keyword) => keyword in copy)) return undefined;
  if (node.type === 'object') {
    const named = Object.keys((node.properties ?? {}) as object).length > 0;
    const open = node.additionalProperties !== undefined && node.additionalProperties !== false;
    // Closing a map would leave nothing to answer with.
    if (!named && (open || node.patternProperties !== undefined)) return undefined;
    copy.additionalProperties = false;
  }
  if (said.length > 0) copy.description = [node.description, `(${said.join(', ')})`].filter(Boolean).join(' ');
  return copy;
}

/** What a keyword holds, limited; `undefined` when it holds no schemas, `null` when one of them cannot be said. */
function innerOf(keyword: string, part: unknown): unknown {
  if (keyword === 'properties' || keyword === '$defs' || keyword === 'definitions') {
    const inner = Object.entries((part ?? {}) as object).map(([name, schema]) => [name, limited(schema)] as const);
    return inner.some(([, schema]) => schema === undefined) ? null : Object.fromEntries(inner);
  }
  if (keyword === 'anyOf' || keyword === 'oneOf' || keyword === 'allOf') {
    const inner = (Array.isArray(part) ? (part as unknown[]) : []).map(limited);
    return inner.length === 0 || inner.includes(undefined) ? null : inner;
  }
  if (keyword === 'items') return limited(part) ?? null;
  if (keyword === 'prefixItems' || keyword === 'not' || keyword === 'if') return null;
  return undefined;
}

/** True when a reference leads back to where it stands, or out of the schema. */
function isRecursive(schema: JsonSchema): boolean {
  const defs = { ...(schema.definitions as object), ...(schema.$defs as object) } as Record<string, unknown>;
  const leadsBack = (value: unknown, above: readonly string[]): boolean => {
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(value).some(([keyword, part]) => {
      if (keyword !== '$ref' || typeof part !== 'string') return leadsBack(part, above);
      const name = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(part)?.[1];
      return name === undefined || above.includes(name) || leadsBack(defs[name], [...above, name]);
    });
  };
  const { $defs: _defs, definitions: _definitions, ...root } = schema;
  return leadsBack(root, []);
}
