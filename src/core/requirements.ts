import { estimateTokens } from './estimate.ts';
import type { Candidate, Capability, CompletionRequest, Message } from './types.ts';

/** What a request needs that a provider may lack. */
export type Lack = 'model' | 'tags' | 'region' | 'capabilities';

const lacks: ReadonlySet<string> = new Set<Lack>(['model', 'tags', 'region', 'capabilities']);

/** True for the name of a lack. */
export function isLack(reason: string): reason is Lack {
  return lacks.has(reason);
}

/** What a provider lacks for a request. What it does not declare of its capabilities it is taken to have. */
export function lackOf({ model, traits }: Candidate, request: CompletionRequest): Lack | undefined {
  if (request.model !== undefined && request.model !== model) return 'model';
  const { tags, region } = request.require ?? {};
  if (tags?.some((tag) => !traits.tags?.includes(tag))) return 'tags';
  if (region !== undefined && traits.region !== region) return 'region';
  const { capabilities } = traits;
  if (capabilities !== undefined && needsOf(request).some((need) => !capabilities.includes(need)))
    return 'capabilities';
  return undefined;
}

function needsOf(request: CompletionRequest): readonly Capability[] {
  const needs: Capability[] = [...(request.require?.capabilities ?? [])];
  for (const message of request.messages ?? []) {
    if (message.role !== 'user' || typeof message.content === 'string') continue;
    for (const { type } of message.content) if (type !== 'text') needs.push(type === 'image' ? 'images' : 'files');
  }
  if (request.reasoning !== undefined && request.reasoning !== 'none') needs.push('reasoning');
  if ((request.tools?.length ?? 0) > 0) needs.push('tools');
  if (request.schema !== undefined) needs.push('schema');
  return needs;
}

/** A refusal of a shorter request than this has another reason than its length. */
const fewestTokens = 1_000;

/** Whether the estimate of a request says enough for its length to be learned from: it does of words, not of pictures and files. */
export function isMeasurable(request: CompletionRequest): boolean {
  const isWords = ({ content }: Message): boolean =>
    typeof content === 'string' || content.every(({ type }) => type === 'text');
  return (request.messages ?? []).every(isWords) && lengthOf(request) >= fewestTokens;
}

/** Tokens that a model's context window must hold for a request, roughly: its prompt, and the output that it asks room for. */
export function lengthOf(request: CompletionRequest): number {
  return estimateTokens(request).input + (request.maxOutputTokens ?? 0);
}
