import type { Failures } from './failures.ts';
import { ChatFollower } from './followers/chat-follower.ts';
import { CohereFollower } from './followers/cohere-follower.ts';
import type { Follower } from './followers/follower.ts';
import { GeminiFollower } from './followers/gemini-follower.ts';
import { MessagesFollower } from './followers/messages-follower.ts';
import { OllamaFollower } from './followers/ollama-follower.ts';
import { ResponsesFollower } from './followers/responses-follower.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** A wire format that model calls are made in. */
export interface Dialect {
  readonly name: 'chat' | 'responses' | 'messages' | 'gemini' | 'ollama' | 'cohere';
  /** Lines of JSON instead of server-sent events. */
  readonly isNdjson: boolean;
  /** The header that its vendor takes a key in; `authorization` as a bearer. */
  readonly keyHeader: 'authorization' | 'x-api-key' | 'x-goog-api-key';
  /** The version in a path is the base URL's: OpenAI's SDK has it there, the others add it themselves. */
  readonly versioned: boolean;
  follow(failures: Failures): Follower;
}

/** What a request to a model's API asks, by its path and its body. */
export interface Route {
  readonly dialect: Dialect;
  /** The model that is asked. */
  readonly model: string;
  /** Where the model is named. */
  readonly modelIn: 'body' | 'models' | 'deployments';
  /** The answer is asked for piece by piece. */
  readonly streams: boolean;
  /** What stands in the path between a base URL and the tail, slash first: `/v1`, or nothing. */
  readonly version: string;
  /** The end of the path, from the last slash that is the same everywhere: `/chat/completions`. */
  readonly tail: string;
}

const chat: Dialect = {
  name: 'chat',
  isNdjson: false,
  keyHeader: 'authorization',
  versioned: true,
  follow: (failures) => new ChatFollower(failures),
};
const responses: Dialect = { ...chat, name: 'responses', follow: (failures) => new ResponsesFollower(failures) };
const messages: Dialect = {
  name: 'messages',
  isNdjson: false,
  keyHeader: 'x-api-key',
  versioned: false,
  follow: (failures) => new MessagesFollower(failures),
};
const gemini: Dialect = {
  name: 'gemini',
  isNdjson: false,
  keyHeader: 'x-goog-api-key',
  versioned: false,
  follow: (failures) => new GeminiFollower(failures),
};
const ollama: Dialect = {
  name: 'ollama',
  isNdjson: true,
  keyHeader: 'authorization',
  versioned: false,
  follow: (failures) => new OllamaFollower(failures),
};
const cohere: Dialect = {
  name: 'cohere',
  isNdjson: false,
  keyHeader: 'authorization',
  versioned: false,
  follow: (failures) => new CohereFollower(failures),
};
const cohereV1: Dialect = { ...cohere, isNdjson: true };

/**
 * Which paths are model calls. Told apart by path alone: the headers of the same API differ by SDK and by year.
 * `tail` is where a base URL ends; `models` and `deployments` hold the name of a model.
 */
const paths: readonly (readonly [pattern: RegExp, dialect: Dialect])[] = [
  [/(?<deployment>\/deployments\/[^/]+)?(?<tail>(?:\/chat|\/fim|\/agents)?\/completions)$/, chat],
  [/(?<deployment>\/deployments\/[^/]+)?(?<tail>\/responses)$/, responses],
  [/(?<version>\/v\d+\w*)?(?<tail>\/messages)$/, messages],
  [/(?<tail>\/publishers\/anthropic\/models\/(?<model>[^/:]+):(?<method>rawPredict|streamRawPredict))$/, messages],
  [
    /(?<version>\/v\d+\w*)?(?<tail>(?:\/projects\/[^/]+\/locations\/[^/]+)?(?:\/publishers\/google)?\/(?:models|tunedModels)\/(?<model>[^/:]+):(?<method>generateContent|streamGenerateContent))$/,
    gemini,
  ],
  [/(?<version>\/api)(?<tail>\/(?:chat|generate))$/, ollama],
  [/(?<version>\/v2)(?<tail>\/chat)$/, cohere],
  [/(?<version>\/v1)(?<tail>\/chat)$/, cohereV1],
];

/** What a POST with a JSON body asks a model; `undefined` for what is no model call that is known here. */
export function routeOf(pathname: string, body: Fields): Route | undefined {
  for (const [pattern, dialect] of paths) {
    const { groups } = pattern.exec(pathname) ?? {};
    if (groups === undefined) continue;
    const { tail = '', version = '', deployment, method } = groups;
    const named = groups.model ?? deployment?.slice('/deployments/'.length) ?? body.model;
    const model = typeof named === 'string' ? named : '';
    // OpenRouter has a model for those who name none. Elsewhere that is another API: Threads have messages, and applications a chat.
    if (model === '' && dialect.name !== 'chat') return undefined;
    return {
      dialect,
      model: safelyDecoded(model),
      modelIn: groups.model !== undefined ? 'models' : deployment !== undefined ? 'deployments' : 'body',
      streams: method === undefined ? streams(dialect, body) : method.startsWith('stream'),
      version,
      tail: `${deployment ?? ''}${tail}`,
    };
  }
  return undefined;
}

/** Ollama streams unless it is told not to. */
function streams({ name }: Dialect, { stream }: Fields): boolean {
  return stream === true || (name === 'ollama' && stream !== false);
}

/** The most output tokens that a request asks room for, in whichever dialect. */
export function maxOutputTokensOf(body: Fields): number | undefined {
  const { generationConfig, options } = body;
  const found = [
    body.max_completion_tokens,
    body.max_output_tokens,
    body.max_tokens,
    fieldsOf(generationConfig).maxOutputTokens,
    fieldsOf(options).num_predict,
  ].find((value) => typeof value === 'number' && Number.isInteger(value) && value > 0);
  return found as number | undefined;
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
