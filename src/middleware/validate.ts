import { failed, TransportError } from '../core/errors.ts';
import { replyFrom } from '../core/reply.ts';
import { raceAbort } from '../core/signals.ts';
import type { Completion, CompletionRequest, Context, Middleware, Outcome, Reply, Schema } from '../core/types.ts';

/**
 * Holds the answer against the request's schema: `completion.object` is the validated value, and an answer that does not fit is
 * `schema_mismatch`. The reader of a stream has the text before anything can be judged; there the whole, `stream.completion`, rejects.
 */
export function validate(): Middleware {
  return function validate(next) {
    const validated = async (request: CompletionRequest, context: Context, schema: Wanted): Promise<Reply> => {
      const reply = await next(request, context);
      const done = reply.done.then((outcome) => judged(outcome, schema, context.signal));
      if (request.stream === true) return { ...reply, done };
      const outcome = await done;
      if (outcome.ok) return replyFrom(outcome.completion);
      throw outcome.error;
    };
    return (request, context) =>
      request.schema === undefined ? next(request, context) : validated(request, context, request.schema);
  };
}

type Wanted = NonNullable<CompletionRequest['schema']>;

async function judged(
  outcome: Outcome,
  schema: NonNullable<CompletionRequest['schema']>,
  signal: AbortSignal,
): Promise<Outcome> {
  // A model that asks for a tool has not answered yet.
  if (!outcome.ok || outcome.completion.toolCalls.length > 0) return outcome;
  try {
    // A schema may be asynchronous, and never come to an end.
    const object = await raceAbort(objectOf(outcome.completion, schema), signal);
    return { ok: true, completion: { ...outcome.completion, object } };
  } catch (error) {
    return { ok: false, error: failed(error) };
  }
}

async function objectOf(completion: Completion, option: NonNullable<CompletionRequest['schema']>): Promise<unknown> {
  const mismatch = (what: string): TransportError =>
    new TransportError('schema_mismatch', `The answer of ${completion.provider} ${what}`, {
      provider: completion.provider,
      partial: { text: completion.text, toolCalls: completion.toolCalls, reasoning: completion.reasoning },
    });
  let value: unknown;
  try {
    value = JSON.parse(completion.text);
  } catch {
    throw mismatch('is not JSON');
  }
  const schema = '~standard' in option ? (option as Schema<unknown>) : option.schema;
  if (schema === undefined) return value;
  const result = (await schema['~standard'].validate(value)) as {
    value?: unknown;
    issues?: readonly { path?: readonly unknown[] }[];
  };
  if (result.issues === undefined) return result.value;
  const path = result.issues[0]?.path?.map((key) =>
    String(typeof key === 'object' && key !== null && 'key' in key ? key.key : key),
  );
  throw mismatch(`does not match the schema${path === undefined || path.length === 0 ? '' : ` at ${path.join('.')}`}`);
}
