import type { JsonSchema } from '../core/types.ts';

/** A provider's way to speak: OpenAI's Chat Completions or Responses, Anthropic's Messages, or Gemini's generateContent. */
export type WireName = 'openai' | 'openai-responses' | 'anthropic' | 'google';

/** A tool as the simulated model sees it. */
export interface IncomingTool {
  readonly name: string;
  readonly schema: JsonSchema;
}

/** One message, as the simulated model sees it. */
export interface Turn {
  readonly role: string;
  readonly text: string;
}

/** A request as a simulated provider sees it, whichever wire it came by. */
export interface IncomingRequest {
  /** The wire it came by; `undefined` in process. */
  readonly wire?: WireName;
  /** Of its address, without the query; `undefined` in process. */
  readonly path?: string | undefined;
  /** 0 for the first that came. */
  readonly index: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly stream: boolean;
  readonly model: string;
  /** The text of all messages, one a line. */
  readonly prompt: string;
  /** The messages, oldest first, each with the role that it has in a `CompletionRequest`. */
  readonly turns: readonly Turn[];
  /** Lower-cased names, without credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** What was sent: the parsed JSON body, or the `CompletionRequest`. */
  readonly body: unknown;
  readonly tools: readonly IncomingTool[];
  /** `required`, `none`, `auto`, or the name of the one tool that must be called. */
  readonly toolChoice: string;
  /** The last message is a tool's result. */
  readonly afterToolResult: boolean;
  /** The shape that the answer must have. */
  readonly schema: JsonSchema | undefined;
  /** Tokens. */
  readonly maxOutputTokens: number | undefined;
}
