import { OptionsError } from '../core/errors.ts';
import type { Transport } from '../core/types.ts';
import { type ChatModelOptions, TransportChatModel } from './langchain/model.ts';

export type {
  ChatModelCallOptions,
  ChatModelOptions,
  RequestFields,
  TransportChatModel,
} from './langchain/model.ts';

/** What chat models of vendors take, and where it goes here: LangChain drops in silence what a model does not know. */
const places: Readonly<Record<string, string>> = {
  model: 'request.model',
  modelName: 'request.model',
  temperature: 'request.temperature',
  topP: 'request.topP',
  seed: 'request.seed',
  reasoning: 'request.reasoning',
  maxTokens: 'request.maxOutputTokens',
  stop: 'request.stopSequences',
  stopSequences: 'request.stopSequences',
  timeout: 'call.timeoutMs',
};

/**
 * A transport as a chat model of LangChain: `invoke`, `stream`, `batch`, `bindTools`, `withStructuredOutput`, and a place in any chain,
 * agent or graph. It rejects with the transport's `TransportError`, and retries nothing by itself.
 *
 * @throws OptionsError when the transport is none, LangChain's own retries are asked for, or what belongs into `request` or `call` stands beside them
 */
export function chatModel(transport: Transport, options: ChatModelOptions = {}): TransportChatModel {
  if (typeof (transport as Partial<Transport> | null | undefined)?.complete !== 'function')
    throw new OptionsError('chatModel', 'expected a transport first: createTransport({ … })');
  if (typeof options !== 'object' || options === null)
    throw new OptionsError('chatModel', 'expected an object of options');
  for (const name of ['maxRetries', 'onFailedAttempt', 'maxConcurrency', 'caller'])
    if (name in options)
      throw new OptionsError(
        `chatModel.${name}`,
        'belongs to the transport, which retries and queues for every provider',
      );
  for (const [name, place] of Object.entries(places))
    if (name in options) throw new OptionsError(`chatModel.${name}`, `belongs into ${place}`);
  return new TransportChatModel(transport, options);
}
