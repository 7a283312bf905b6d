import type { FinishReason, ReceivedFacts, Usage } from '../core/types.ts';

/** Parsed JSON of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object; of anything else, none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  // Together and servers of open models say which kind of stop it was.
  eos: 'stop',
  eos_token: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  tool_calls: 'tool_calls',
  tool_use: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  safety: 'content_filter',
};

/**
 * Why the answer ended. `stop` beside tool calls is `tool_calls`: some servers say so, and OpenAI does when a tool was forced.
 */
export function finishReasonOf(reason: string, hasToolCalls: boolean): FinishReason {
  const known = finishReasons[reason.toLowerCase()] ?? 'unknown';
  return hasToolCalls && (known === 'stop' || known === 'unknown') ? 'tool_calls' : known;
}

/** Tokens as Chat Completions counts them: `prompt_tokens` with the cached ones, `completion_tokens` with reasoning. */
export function usageOf(value: unknown): Usage | undefined {
  const usage = fieldsOf(value);
  const inputTokens = count(usage.prompt_tokens);
  const outputTokens = count(usage.completion_tokens);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const input = fieldsOf(usage.prompt_tokens_details);
  // DeepSeek has its own name for what was read from its cache.
  const cached = count(input.cached_tokens) ?? count(usage.prompt_cache_hit_tokens);
  const written = count(input.cache_write_tokens);
  const reasoning = count(fieldsOf(usage.completion_tokens_details).reasoning_tokens);
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteInputTokens: written }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
  };
}

/** What a whole answer tells beside the answer: itself, and its price where the provider names it (OpenRouter, in US dollars). */
export function answerFacts(raw: unknown): ReceivedFacts {
  const cost = count(fieldsOf(fieldsOf(raw).usage).cost);
  return { raw, ...(cost !== undefined && { cost }) };
}

/** A number of tokens or dollars; `undefined` for anything that is none. */
export function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** The text of a `content`: a string, or parts (Mistral's reasoning models). */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => fieldsOf(part))
    .map((part) => (part.type === 'text' && typeof part.text === 'string' ? part.text : ''))
    .join('');
}

/** The reasoning beside a `content`: `reasoning_content` (DeepSeek, xAI, vLLM), `reasoning` (OpenRouter, Groq), thinking parts (Mistral). */
export function reasoningOf(message: Fields): string {
  for (const text of [message.reasoning_content, message.reasoning])
    if (typeof text === 'string' && text !== '') return text;
  if (!Array.isArray(message.content)) return '';
  return message.content
    .map((part) => fieldsOf(part))
    .map((part) => (part.type === 'thinking' ? textOf(part.thinking) : ''))
    .join('');
}
