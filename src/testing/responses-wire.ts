/** OpenAI's Responses on the wire: requests read, and what is wrong with them; the answers are in `responses-answer.ts`. */

import type { JsonSchema } from '../core/types.ts';
import { limitHeaders, openaiError, openaiHeaders } from './openai-wire.ts';
import { errorIn, eventOf, ResponsesAnswer } from './responses-answer.ts';
import { type Fields, fieldsOf, type HttpCall, listOf, numberOf, stringOf, type Wire } from './wire.ts';

/** OpenAI's Responses. */
export const responsesWire: Wire = {
  name: 'openai-responses',
  contentTypes: { json: 'application/json', stream: 'text/event-stream; charset=utf-8' },
  heartbeat: ': keep-alive\n\n',
  read: readRequest,
  complaint,
  headers: openaiHeaders,
  limitHeaders,
  answer: (facts) => new ResponsesAnswer(facts),
  error: openaiError,
  errorEvent: (body) => eventOf('error', { ...errorIn(body), sequence_number: 0 }),
};

/** A Responses body as the simulated model sees it. */
function readRequest({ body, headers }: HttpCall): ReturnType<Wire['read']> {
  const items = itemsOf(body);
  const texts = [stringOf(body.instructions), ...items.map(textOf)];
  return {
    wire: 'openai-responses',
    stream: body.stream === true,
    model: stringOf(body.model),
    prompt: (body.instructions === undefined ? texts.slice(1) : texts).join('\n'),
    turns: items.map((item) => ({ role: stringOf(item.role), text: textOf(item) })),
    headers,
    body,
    tools: listOf(body.tools)
      .filter(({ type }) => type === 'function')
      .map(({ name, parameters }) => ({ name: stringOf(name), schema: fieldsOf(parameters) })),
    toolChoice: typeof body.tool_choice === 'object' ? stringOf(fieldsOf(body.tool_choice).name) : choiceOf(body),
    afterToolResult: items.at(-1)?.type === 'function_call_output',
    schema: fieldsOf(fieldsOf(body.text).format).schema as JsonSchema | undefined,
    maxOutputTokens: numberOf(body.max_output_tokens),
  };
}

function choiceOf({ tool_choice: choice }: Fields): string {
  return typeof choice === 'string' ? choice : 'auto';
}

function itemsOf({ input }: Fields): Fields[] {
  return typeof input === 'string' ? [{ role: 'user', content: input }] : listOf(input);
}

function textOf({ type, content, output }: Fields): string {
  if (type === 'function_call_output') return stringOf(output);
  if (typeof content === 'string') return content;
  return listOf(content)
    .map(({ text }) => stringOf(text))
    .join('');
}

/** Fields that Chat Completions has and Responses has not. */
const foreign = [
  'messages',
  'stop',
  'seed',
  'n',
  'max_tokens',
  'max_completion_tokens',
  'response_format',
  'reasoning_effort',
];

function complaint(body: Fields): string | undefined {
  const unknown = foreign.find((name) => name in body);
  if (unknown !== undefined) return `Unknown parameter: '${unknown}'.`;
  if (body.background === true && body.store === false) return "Background mode requires 'store' to be true.";
  const items = itemsOf(body);
  const idsOf = (type: string): unknown[] => items.filter((item) => item.type === type).map(({ call_id: id }) => id);
  const [calls, outputs] = [idsOf('function_call'), idsOf('function_call_output')];
  const unanswered = calls.find((id) => !outputs.includes(id));
  if (unanswered !== undefined) return `No tool output found for function call ${unanswered}.`;
  const uncalled = outputs.find((id) => !calls.includes(id));
  if (uncalled !== undefined && body.previous_response_id === undefined)
    return `No tool call found for function call output with call_id ${uncalled}.`;
  return undefined;
}
