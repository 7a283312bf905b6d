import { failed, TransportError } from '../../core/errors.ts';
import { raceAbort } from '../../core/signals.ts';
import type { Completion, CompletionRequest, Outcome, Schema } from '../../core/types.ts';

export type Wanted = NonNullable<CompletionRequest['schema']>;

/** How an answer was judged. `complaint`: what was wrong with it, in words for the model; without one, asking again cannot help. */
export type Verdict =
  | { readonly ok: true; readonly completion: Completion }
  | { readonly ok: false; readonly error: TransportError; readonly complaint: string | undefined };

/** Complaints that a model is told, and characters of each. */
const mostIssues = 10;
const longestIssue = 200;

/** Holds an answer against a schema. A schema may be asynchronous, and never come to an end: then the signal ends it. */
export async function judge(outcome: Outcome, wanted: Wanted, signal: AbortSignal): Promise<Verdict> {
  if (!outcome.ok) return { ok: false, error: outcome.error, complaint: undefined };
  // A model that asks for a tool has not answered yet.
  if (outcome.completion.toolCalls.length > 0) return outcome;
  try {
    return await raceAbort(judged(outcome.completion, wanted), signal);
  } catch (error) {
    return { ok: false, error: failed(error), complaint: undefined };
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
  const result = (await schema['~standard'].validate(value)) as { value?: unknown; issues?: readonly Issue[] };
  if (result.issues === undefined) return { ok: true, completion: { ...completion, object: result.value } };
  const [first] = result.issues;
  const where = first === undefined ? '' : pathOf(first);
  return {
    ok: false,
    error: refusal('schema_mismatch', completion, `does not match the schema${where}`),
    complaint: ['It does not match the schema.', ...result.issues.slice(0, mostIssues).map(told)].join('\n'),
  };
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

function pathOf({ path = [] }: Issue): string {
  const keys = path.map((key) => String(typeof key === 'object' && key !== null && 'key' in key ? key.key : key));
  return keys.length === 0 ? '' : ` at ${keys.join('.')}`;
}

function told(issue: Issue): string {
  const { message } = issue;
  const says = typeof message === 'string' ? message.slice(0, longestIssue) : '';
  return `-${pathOf(issue) || ' as a whole'}${says === '' ? '' : `: ${says}`}`;
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
