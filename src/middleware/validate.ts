import { TransportError } from '../core/errors.ts';
import { replyFrom } from '../core/reply.ts';
import type { Completion, CompletionRequest, Middleware, Schema } from '../core/types.ts';

/**
 * Holds a unary answer against the request's schema: `completion.object` is the validated value, and an answer that does not fit
 * rejects `schema_mismatch`. Streams pass as they are: their reader has the text before anything could be judged.
 */
export function validate(): Middleware {
  return function validate(next) {
    return async (request, context) => {
      const reply = await next(request, context);
      if (request.schema === undefined || request.stream === true) return reply;
      const outcome = await reply.done;
      if (!outcome.ok) throw outcome.error;
      if (outcome.completion.toolCalls.length > 0) return reply;
      return replyFrom({ ...outcome.completion, object: await objectOf(outcome.completion, request.schema) });
    };
  };
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
