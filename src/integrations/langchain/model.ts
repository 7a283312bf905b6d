import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager';
import type { BaseLanguageModelInput, StructuredOutputMethodOptions } from '@langchain/core/language_models/base';
import {
  BaseChatModel,
  type BaseChatModelCallOptions,
  type BaseChatModelParams,
  type BindToolsInput,
  type LangSmithParams,
} from '@langchain/core/language_models/chat_models';
import {
  assembleStructuredOutputPipeline,
  createContentParser,
  createFunctionCallingParser,
} from '@langchain/core/language_models/structured_output';
import type { AIMessageChunk, BaseMessage } from '@langchain/core/messages';
import { ChatGenerationChunk, type ChatResult } from '@langchain/core/outputs';
import type { Runnable } from '@langchain/core/runnables';
import type { SerializableSchema } from '@langchain/core/utils/standard_schema';
import type { ZodV3Like, ZodV4Like } from '@langchain/core/utils/types';
import { readerSees } from '../../core/context.ts';
import { TransportError } from '../../core/errors.ts';
import type { CallOptions, CompletionRequest, Transport } from '../../core/types.ts';
import { thrownTo } from '../shared/abort.ts';
import { MessageWriter, messageFrom, metadataFrom } from './answer.ts';
import { messagesFrom } from './messages.ts';
import { describedSchema } from './structured.ts';
import { toolChoiceFrom, toolFrom } from './tools.ts';

/** What of a request LangChain has no word for. */
export type RequestFields = Pick<
  CompletionRequest,
  | 'model'
  | 'maxOutputTokens'
  | 'temperature'
  | 'topP'
  | 'seed'
  | 'stopSequences'
  | 'reasoning'
  | 'require'
  | 'metadata'
  | 'providerOptions'
>;

/** How a transport is a chat model. Beside these, what every chat model of LangChain takes: `callbacks`, `tags`, `cache` … */
export interface ChatModelOptions
  extends Omit<BaseChatModelParams, 'maxRetries' | 'onFailedAttempt' | 'maxConcurrency'> {
  /** Goes into every request. `model`: only the transport's providers of this model are asked. */
  readonly request?: RequestFields;
  /** Goes along with every call. */
  readonly call?: Pick<CallOptions, 'priority' | 'timeoutMs' | 'resume' | 'values'>;
}

/** What `invoke`, `stream` and `withConfig` take beside LangChain's own. */
export interface ChatModelCallOptions extends BaseChatModelCallOptions {
  /** Tools that the model may ask for; `bindTools` sets them. */
  tools?: readonly BindToolsInput[];
  /** The shape that the answer must have; `withStructuredOutput` sets it. */
  schema?: CompletionRequest['schema'];
  /** Over what the model was made with, field by field. */
  request?: RequestFields;
  /** Over what the model was made with, field by field. */
  call?: Pick<CallOptions, 'priority' | 'timeoutMs' | 'resume' | 'transactionId' | 'values'>;
}

type Structured<T extends Record<string, unknown>> =
  | SerializableSchema<T>
  | ZodV4Like<T>
  | ZodV3Like<T>
  | Record<string, unknown>;

/** A transport as a chat model of LangChain. It retries nothing by itself: the transport does. */
export class TransportChatModel extends BaseChatModel<ChatModelCallOptions, AIMessageChunk> {
  readonly transport: Transport;
  readonly #request: RequestFields;
  readonly #call: NonNullable<ChatModelOptions['call']>;

  constructor(transport: Transport, { request = {}, call = {}, ...params }: ChatModelOptions = {}) {
    super({ ...params, maxRetries: 0 });
    this.transport = transport;
    this.#request = request;
    this.#call = call;
  }

  static override lc_name(): string {
    return 'TransportChatModel';
  }

  override _llmType(): string {
    return 'llm-transport';
  }

  /** What answers depend on, for LangChain's cache. */
  override _identifyingParams(): Record<string, unknown> {
    return { ...this.#request };
  }

  override getLsParams(options: this['ParsedCallOptions']): LangSmithParams {
    const { model, temperature, maxOutputTokens } = { ...this.#request, ...options.request };
    return {
      ls_provider: 'llm-transport',
      ls_model_name: model ?? 'auto',
      ls_model_type: 'chat',
      ...(temperature !== undefined && { ls_temperature: temperature }),
      ...(maxOutputTokens !== undefined && { ls_max_tokens: maxOutputTokens }),
      ...(options.stop !== undefined && { ls_stop: options.stop }),
    };
  }

  override async _generate(messages: BaseMessage[], options: this['ParsedCallOptions']): Promise<ChatResult> {
    try {
      const completion = await this.transport.complete(
        { ...this.#requestFor(messages, options), stream: false },
        this.#callFor(options),
      );
      const message = messageFrom(completion);
      return { generations: [{ text: completion.text, message }] };
    } catch (error) {
      throw thrownTo(options.signal, error);
    }
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this['ParsedCallOptions'],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const writer = new MessageWriter();
    const call = this.#callFor(options);
    try {
      const stream = await this.transport.complete(
        { ...this.#requestFor(messages, options), stream: true },
        { ...call, values: [...(call.values ?? []), readerSees.of('text')] },
      );
      for await (const chunk of stream) {
        if (chunk.type === 'restart')
          throw new TransportError('stream_interrupted', 'The answer started again elsewhere');
        const message =
          chunk.type === 'finish'
            ? writer.finish(chunk.usage, metadataFrom(await stream.completion))
            : writer.push(chunk);
        if (message === undefined) continue;
        const text = chunk.type === 'text' ? chunk.text : '';
        const generation = new ChatGenerationChunk({ text, message });
        yield generation;
        await runManager?.handleLLMNewToken(text, { prompt: 0, completion: 0 }, undefined, undefined, undefined, {
          chunk: generation,
        });
      }
    } catch (error) {
      throw thrownTo(options.signal, error);
    }
  }

  override bindTools(
    tools: BindToolsInput[],
    kwargs?: Partial<ChatModelCallOptions>,
  ): Runnable<BaseLanguageModelInput, AIMessageChunk, ChatModelCallOptions> {
    return this.withConfig({ tools, ...kwargs });
  }

  override withStructuredOutput<T extends Record<string, unknown> = Record<string, unknown>>(
    schema: Structured<T>,
    config?: StructuredOutputMethodOptions<false>,
  ): Runnable<BaseLanguageModelInput, T>;
  override withStructuredOutput<T extends Record<string, unknown> = Record<string, unknown>>(
    schema: Structured<T>,
    config?: StructuredOutputMethodOptions<true>,
  ): Runnable<BaseLanguageModelInput, { raw: BaseMessage; parsed: T }>;
  override withStructuredOutput<T extends Record<string, unknown>>(
    schema: Structured<T>,
    { name, method, includeRaw }: StructuredOutputMethodOptions<boolean> = {},
  ): Runnable<BaseLanguageModelInput, T> | Runnable<BaseLanguageModelInput, { raw: BaseMessage; parsed: T }> {
    const described = describedSchema(schema, name);
    const asked =
      method === 'functionCalling'
        ? this.bindTools(
            [
              {
                type: 'function',
                function: {
                  name: described.name,
                  description: described.description ?? 'The answer, in its shape.',
                  parameters: described.option.jsonSchema,
                },
              },
            ],
            { tool_choice: described.name },
          )
        : this.withConfig({ schema: described.option });
    const parser =
      method === 'functionCalling' ? createFunctionCallingParser(schema, described.name) : createContentParser(schema);
    return assembleStructuredOutputPipeline(
      asked,
      parser,
      includeRaw,
      includeRaw === true ? 'StructuredOutputRunnable' : 'StructuredOutput',
    ) as Runnable<BaseLanguageModelInput, T>;
  }

  #requestFor(messages: readonly BaseMessage[], options: this['ParsedCallOptions']): CompletionRequest {
    const { tools = [], tool_choice: choice, schema, stop } = options;
    const toolChoice = toolChoiceFrom(choice);
    return {
      ...this.#request,
      ...options.request,
      messages: messagesFrom(messages),
      ...(tools.length > 0 && { tools: tools.map(toolFrom), ...(toolChoice !== undefined && { toolChoice }) }),
      ...(schema !== undefined && { schema }),
      ...(stop !== undefined && { stopSequences: stop }),
    };
  }

  #callFor(options: this['ParsedCallOptions']): CallOptions {
    return { ...this.#call, ...options.call, ...(options.signal !== undefined && { signal: options.signal }) };
  }
}
