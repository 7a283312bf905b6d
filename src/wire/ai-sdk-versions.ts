import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4Usage,
  SharedV4FileData,
} from '@ai-sdk/provider';
import type { AiSdkModel } from './ai-sdk-model.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';

/** The two calls of a model, as specification v4 has them. */
export type AiSdkCalls = Pick<LanguageModelV4, 'doGenerate' | 'doStream'>;

/** A model's calls, whichever specification it has. */
export function callsOf(model: AiSdkModel): AiSdkCalls {
  const calls = model as unknown as AiSdkCalls;
  const { specificationVersion: version } = model;
  if (version === 'v4') return calls;
  return {
    doGenerate: async (options) => newerResult(await calls.doGenerate(older(options, version)), version),
    async doStream(options) {
      const result: LanguageModelV4StreamResult = await calls.doStream(older(options, version));
      return { ...result, stream: mapped(result.stream, (part) => newerPart(part, version)) };
    },
  };
}

/** Not a `TransformStream`: leaving this one reaches the source at once. */
function mapped<Part>(source: ReadableStream<Part>, change: (part: Part) => Part): ReadableStream<Part> {
  const reader = source.getReader();
  return new ReadableStream<Part>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(change(value));
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

// ── What is asked ──────────────────────────────────────────────────────────────────────────────────────────────────

function older(options: LanguageModelV4CallOptions, version: 'v3' | 'v2'): LanguageModelV4CallOptions {
  const prompt = options.prompt.map((message) =>
    olderMessage(message, version),
  ) as LanguageModelV4CallOptions['prompt'];
  if (version === 'v3' || options.tools === undefined) return { ...options, prompt };
  const tools = options.tools.map((tool) => (tool.type === 'provider' ? { ...tool, type: 'provider-defined' } : tool));
  return { ...options, prompt, tools: tools as LanguageModelV4CallOptions['tools'] };
}

function olderMessage(message: LanguageModelV4Message, version: 'v3' | 'v2'): object {
  if (message.role === 'system') return message;
  const content = (message.content as unknown as readonly Fields[]).map((part) => {
    if (part.type === 'file') return { ...part, data: olderData(part.data as SharedV4FileData) };
    if (part.type !== 'tool-result') return part;
    return { ...part, output: olderOutput(part.output as LanguageModelV4ToolResultOutput, version) };
  });
  // Of what v2 does not know, the model would make a mistake.
  const known = version === 'v2' ? content.filter(({ type }) => !newer.has(type)) : content;
  return { ...message, content: known };
}

const newer: ReadonlySet<unknown> = new Set(['custom', 'reasoning-file', 'tool-approval-response']);

/** The data itself, without its kind. */
function olderData(data: SharedV4FileData): unknown {
  if (data.type === 'data') return data.data;
  if (data.type === 'url') return data.url;
  return data.type === 'text' ? new TextEncoder().encode(data.text) : data;
}

function olderOutput(output: LanguageModelV4ToolResultOutput, version: 'v3' | 'v2'): object {
  if (output.type === 'execution-denied' && version === 'v2')
    return { type: 'error-text', value: output.reason ?? 'Tool execution denied.' };
  if (output.type !== 'content') return output;
  return { type: 'content', value: output.value.map((part) => olderContent(part, version)) };
}

type OutputPart = Extract<LanguageModelV4ToolResultOutput, { type: 'content' }>['value'][number];

function olderContent(part: OutputPart, version: 'v3' | 'v2'): object {
  if (part.type !== 'file') return part;
  const { data, mediaType, filename, providerOptions } = part;
  if (data.type === 'text') return { type: 'text', text: data.text, providerOptions };
  if (data.type === 'data') {
    const text = typeof data.data === 'string' ? data.data : Buffer.from(data.data).toString('base64');
    if (version === 'v2') return { type: 'media', data: text, mediaType };
    return { type: 'file-data', data: text, mediaType, filename, providerOptions };
  }
  if (version === 'v2') return { type: 'text', text: data.type === 'url' ? data.url.href : (filename ?? mediaType) };
  if (data.type === 'url') return { type: 'file-url', url: data.url.href, providerOptions };
  return { type: 'file-id', fileId: data.reference, providerOptions };
}

// ── What comes back ────────────────────────────────────────────────────────────────────────────────────────────────

function newerResult(result: LanguageModelV4GenerateResult, version: 'v3' | 'v2'): LanguageModelV4GenerateResult {
  const content = result.content.map((part) => newerFile(part));
  if (version === 'v3') return { ...result, content };
  return { ...result, content, ...newerEnd(result as unknown as OldEnd) };
}

function newerPart(part: LanguageModelV4StreamPart, version: 'v3' | 'v2'): LanguageModelV4StreamPart {
  if (part.type === 'file') return newerFile(part);
  if (part.type === 'finish' && version === 'v2') return { ...part, ...newerEnd(part as unknown as OldEnd) };
  return part;
}

function newerFile<Part extends LanguageModelV4Content | LanguageModelV4StreamPart>(part: Part): Part {
  if (part.type !== 'file') return part;
  const data: unknown = part.data;
  const bare = typeof data === 'string' || data instanceof Uint8Array;
  return bare ? ({ ...part, data: { type: 'data', data } } as Part) : part;
}

/** How an answer of v2 ends. */
interface OldEnd {
  readonly finishReason: string;
  readonly usage: Readonly<Record<string, number | undefined>>;
}

function newerEnd({ finishReason, usage }: OldEnd): {
  finishReason: LanguageModelV4FinishReason;
  usage: LanguageModelV4Usage;
} {
  const { inputTokens, outputTokens, reasoningTokens, cachedInputTokens, totalTokens } = fieldsOf(usage) as Readonly<
    Record<string, number | undefined>
  >;
  const unified = finishReason === 'unknown' ? 'other' : (finishReason as LanguageModelV4FinishReason['unified']);
  return {
    // v2 has no word of the vendor's own; where it does not know why, nobody has said.
    finishReason: { unified, raw: finishReason === 'unknown' ? undefined : finishReason },
    usage: {
      inputTokens: { total: inputTokens, noCache: undefined, cacheRead: cachedInputTokens, cacheWrite: undefined },
      outputTokens: { total: outputTokens, text: undefined, reasoning: reasoningTokens },
      ...(totalTokens !== undefined && { raw: { totalTokens } }),
    },
  };
}
