import type { BindToolsInput } from '@langchain/core/language_models/chat_models';
import { convertToOpenAITool } from '@langchain/core/utils/function_calling';
import { TransportError } from '../../core/errors.ts';
import type { JsonSchema, Tool, ToolChoice } from '../../core/types.ts';
import { fieldsOf } from './content.ts';

/**
 * A tool in any form that LangChain takes: one of its own, or a function described as OpenAI or Anthropic have it.
 * @throws TransportError `invalid_request` for anything else, such as a tool that one vendor runs by itself
 */
export function toolFrom(input: BindToolsInput, index: number): Tool {
  const described = fieldsOf(convertToOpenAITool(input));
  const fields = fieldsOf(described.function ?? described);
  const { name, description } = fields;
  const schema = fields.parameters ?? fields.input_schema ?? fields.inputSchema ?? fields.schema;
  if (
    typeof name !== 'string' ||
    (described.type !== undefined && described.type !== 'function' && schema === undefined)
  )
    throw new TransportError(
      'invalid_request',
      `tools[${index}]: expected a tool of LangChain, or a function with a name`,
    );
  return {
    name,
    ...(typeof description === 'string' && { description }),
    inputSchema: { jsonSchema: (schema ?? { type: 'object', properties: {} }) as JsonSchema },
  };
}

/** `any` is LangChain's word for a tool that must be called; every other word is the name of one. */
export function toolChoiceFrom(choice: unknown): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined;
  if (choice === 'auto' || choice === 'none') return choice;
  if (choice === 'any' || choice === 'required') return 'required';
  if (typeof choice === 'string') return { tool: choice };
  const fields = fieldsOf(choice);
  const name = fieldsOf(fields.function).name ?? fields.name;
  if (typeof name === 'string') return { tool: name };
  return toolChoiceFrom(typeof fields.type === 'string' ? fields.type : undefined);
}
