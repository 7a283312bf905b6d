import { failed, TransportError, withFields } from '../../core/errors.ts';
import { jsonSchemaOf } from '../../core/request.ts';
import { raceAbort } from '../../core/signals.ts';
import type { Completion, CompletionRequest, Outcome, Schema } from '../../core/types.ts';

export type Wanted = NonNullable<CompletionRequest['schema']>;

/** How an answer was judged. */
export type Verdict = { readonly ok: true; readonly completion: Completion } | Misfit;

/** Why an answer cannot be used. */
export interface Misfit {
  readonly ok: false;
  readonly error: TransportError;
  /** What was wrong with it, in words for the model; without any, asking again cannot help. */
  readonly complaint: string | undefined;
}

/** Complaints that a model is told, and characters of each, and of the place. */
const mostIssues = 10;
const longestIssue = 200;
/** Keys of a place that an error tells. */
const mostKeys = 20;
/** Parts of a schema that are looked through for its words. */
const mostParts = 10_000;

/** Holds an answer against a schema. A schema may be asynchronous, and never come to an end: then the signal ends it. */
export async function judge(outcome: Outcome, wanted: Wanted, signal: AbortSignal): Promise<Verdict> {
  if (!outcome.ok) return { ok: false, error: outcome.error, complaint: undefined };
  // A model that asks for a tool has not answered yet.
  if (outcome.completion.toolCalls.length > 0) return outcome;
  try {
    return await raceAbort(judged(outcome.completion, wanted), signal);
  } catch (error) {
    // What was said is paid for, whatever became of judging it.
    const { provider, text, toolCalls, reasoning } = outcome.completion;
    const told = withFields(failed(error), { provider, partial: { text, toolCalls, reasoning } });
    return { ok: false, error: told, complaint: undefined };
  }
}

async function judged(completion: Completion, wanted: Wanted): Promise<Verdict> {
  let value: unknown;
  try {
    value = JSON.parse(completion.text);
  } catch {
    return noJson(completion);
  }
  const schema = '~standard' in wanted ? (wanted as Schema<unknown>) : wanted.schema;
  if (schema === undefined) return { ok: true, completion: { ...completion, object: value } };
  const result = await validated(schema, value);
  if (result.issues === undefined) return { ok: true, completion: { ...completion, object: result.value } };
  const [first] = result.issues;
  const where = first === undefined ? '' : at(keysOf(first).slice(0, mostKeys).map(wordsOf(wanted)));
  return {
    ok: false,
    error: refusal('schema_mismatch', completion, `does not match the schema${where}`),
    complaint: ['It does not match the schema.', ...result.issues.slice(0, mostIssues).map(told)].join('\n'),
  };
}

/** @throws TransportError `middleware` when the schema throws: it is the application's own */
async function validated(
  schema: Schema<unknown>,
  value: unknown,
): Promise<{ value?: unknown; issues?: readonly Issue[] }> {
  try {
    return (await schema['~standard'].validate(value)) as { value?: unknown; issues?: readonly Issue[] };
  } catch (cause) {
    throw new TransportError('middleware', 'The schema threw while it was held against the answer', { cause });
  }
}

function noJson(completion: Completion): Verdict {
  // The same limit would cut it again.
  if (completion.finishReason === 'length') {
    const says = 'reached its limit of tokens before its JSON was whole';
    const fields = { retry: 'never', blame: 'caller' } as const;
    return { ok: false, error: refusal('truncated', completion, says, fields), complaint: undefined };
  }
  if (isUnfinished(completion.text)) {
    const error = refusal('truncated', completion, 'ends before its JSON is whole');
    return { ok: false, error, complaint: 'It breaks off before its JSON is whole.' };
  }
  return { ok: false, error: refusal('schema_mismatch', completion, 'is not JSON'), complaint: 'It is not JSON.' };
}

function refusal(
  code: 'schema_mismatch' | 'truncated',
  { provider, text, toolCalls, reasoning }: Completion,
  says: string,
  fields: { readonly retry?: 'never'; readonly blame?: 'caller' } = {},
): TransportError {
  const partial = { text, toolCalls, reasoning };
  return new TransportError(code, `The answer of ${provider} ${says}`, { ...fields, provider, partial });
}

/** As a Standard Schema tells it. */
interface Issue {
  readonly message?: unknown;
  readonly path?: readonly unknown[];
}

function keysOf({ path }: Issue): readonly string[] {
  if (!Array.isArray(path)) return [];
  // A place that is as long as its value is told no further than a complaint is.
  return path
    .slice(0, longestIssue)
    .map((key) => String(typeof key === 'object' && key !== null && 'key' in key ? key.key : key));
}

function at(keys: readonly string[]): string {
  return keys.length === 0 ? '' : ` at ${keys.join('.')}`;
}

function told(issue: Issue): string {
  const { message } = issue;
  const says = typeof message === 'string' ? message.slice(0, longestIssue) : '';
  const where = at(keysOf(issue)).slice(0, longestIssue) || ' as a whole';
  return `-${where}${says === '' ? '' : `: ${says}`}`;
}

/** Keys as an error may tell them: places in a list, and the schema's own words. What else is a key was made up by the model. */
function wordsOf(wanted: Wanted): (key: string) => string {
  const words = new Set<string>();
  const parts: unknown[] = [described(wanted)];
  for (let part = 0; part < Math.min(parts.length, mostParts); part += 1) {
    const schema = parts[part];
    if (typeof schema !== 'object' || schema === null) continue;
    if ('properties' in schema) for (const word of Object.keys(schema.properties ?? {})) words.add(word);
    for (const inner of Object.values(schema)) parts.push(inner);
  }
  return (key) => (words.has(key) || /^\d{1,9}$/.test(key) ? key : '*');
}

function described(wanted: Wanted): unknown {
  try {
    return jsonSchemaOf(wanted);
  } catch {
    // Nobody had to be shown it.
    return undefined;
  }
}

/** Whether a text is the beginning of a JSON value: with a string or a bracket that is never closed. */
function isUnfinished(text: string): boolean {
  const json = text.trim();
  if (!/^[[{"]/.test(json)) return false;
  let depth = 0;
  let isString = false;
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (isString) {
      if (character === '\\') at += 1;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth <= 0 && !isString) return false;
  }
  return true;
}
