import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import { finishOf, isSettled, modelOf, readResponse, responseUsage } from './openai-responses-answer.ts';
import { hasOther, type ItemReader, type SdkDialect, textIn } from './sdk-items.ts';

const known = ['message', 'reasoning', 'function_call'];

/** OpenAI's Responses, as its SDK hands them out. */
export const responsesDialect: SdkDialect = {
  whole(result, failures) {
    if (result.object !== 'response') return undefined;
    // It has been asked for in the background, and will be looked for by its id.
    if (result.background === true && !isSettled(result)) return {};
    const { text, ...answer } = readResponse(result, '', failures);
    return hasOther(result.output, known) && text === '' ? answer : { text, ...answer };
  },
  reader: ({ type }) => (typeof type === 'string' && type.startsWith('response.') ? readItem() : undefined),
};

function readItem(): ItemReader {
  let tools = false;
  return (event, { failures, partial }) => {
    const delta = typeof event.delta === 'string' ? event.delta : '';
    switch (event.type) {
      case 'response.output_text.delta':
        return { text: delta };
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return { reasoning: delta };
      case 'response.refusal.delta':
        return { refused: delta !== '' };
      case 'response.output_item.added': {
        const { type } = fieldsOf(event.item);
        tools ||= type === 'function_call' || type === 'custom_tool_call';
        // Searching, running code, drawing: the provider is at work, and what it does is part of the answer.
        return { other: type !== 'message' && type !== 'reasoning' };
      }
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed': {
        const response: Fields = { ...fieldsOf(event.response), status: event.type.slice('response.'.length) };
        const finish = finishOf(response, failures, partial());
        return {
          finish: finish === 'stop' && tools ? 'tool_calls' : finish,
          other: hasOther(response.output, ['message', 'reasoning']) || saysIn(response.output),
          usage: responseUsage(response.usage),
          model: modelOf(response, ''),
        };
      }
      default:
        return { other: atWork.test(String(event.type)) };
    }
  };
}

const atWork = /^response\.\w+_call(?:_\w+)?\./;

/** A message with a text, of which nothing may have come before. */
function saysIn(output: unknown): boolean {
  if (!Array.isArray(output)) return false;
  return output
    .map(fieldsOf)
    .some(({ type, content }) => type === 'message' && textIn(content, 'output_text', 'text') !== '');
}
