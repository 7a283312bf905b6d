import type { LanguageModelV4Content, LanguageModelV4StreamPart, SharedV4Warning } from '@ai-sdk/provider';
import type { Chunk, Completion } from '../../core/types.ts';
import { partsOfChunk, resultOf } from '../../wire/ai-sdk-carried.ts';
import { callFrom, metadataFrom, reasonFrom, usageOf } from './answer.ts';

type Part = LanguageModelV4StreamPart;
type Finish = Extract<Chunk, { type: 'finish' }>;
type Kind = 'text' | 'reasoning';

/** What the transport knows of an answer that has come to its end. */
export type Ending = Pick<Completion, 'provider' | 'model' | 'transactionId' | 'attempts' | 'cost' | 'resumed'> & {
  /** The whole answer, where there is one. */
  readonly completion?: Completion | undefined;
};

/**
 * Writes chunks as the parts of a stream of the AI SDK. A chunk that was made of such parts gives them back; of any other, the parts
 * are made here, in blocks that are begun and ended as they must be, whichever chunks a middleware has changed or left out.
 */
export class PartWriter {
  readonly #warnings: readonly SharedV4Warning[];
  readonly #head: Extract<Part, { type: 'response-metadata' }>;
  readonly #includeRaw: boolean;
  /** Blocks that were begun and not ended, by kind and id. */
  readonly #open = new Map<string, { readonly kind: Kind; readonly id: string }>();
  /** The block that is written here. */
  #own: { readonly kind: Kind; readonly id: string } | undefined;
  #blocks = 0;
  #begun = false;
  #carried = false;

  constructor(
    transactionId: string,
    { warnings, includeRaw }: { readonly warnings: readonly SharedV4Warning[]; readonly includeRaw: boolean },
  ) {
    this.#head = { type: 'response-metadata', id: transactionId, timestamp: new Date() };
    this.#warnings = warnings;
    this.#includeRaw = includeRaw;
  }

  /** The parts of a chunk that is not the last. */
  push(chunk: Exclude<Chunk, Finish>): Part[] {
    const carried = partsOfChunk.get(chunk);
    if (carried !== undefined) return this.#passed(carried);
    const parts = this.#begin();
    switch (chunk.type) {
      case 'text':
      case 'reasoning':
        parts.push(...this.#delta(chunk.type, chunk.text));
        break;
      case 'toolCall': {
        const call = callFrom(chunk.toolCall);
        const { toolCallId: id, toolName, input } = call;
        parts.push(...this.#endOwn(), { type: 'tool-input-start', id, toolName });
        parts.push({ type: 'tool-input-delta', id, delta: input }, { type: 'tool-input-end', id }, call);
        break;
      }
      case 'raw':
        if (this.#includeRaw) parts.push({ type: 'raw', rawValue: chunk.value });
        break;
      default:
      // A seam is nothing that the AI SDK knows of.
    }
    return parts;
  }

  /** The parts of the last chunk: all blocks are ended. */
  finish(chunk: Finish, ending: Ending): Part[] {
    const carried = partsOfChunk.get(chunk);
    const metadata = metadataFrom(ending);
    if (carried !== undefined) {
      const finish = carried.find((part) => part.type === 'finish');
      const before = this.#passed(carried.filter((part) => part.type !== 'finish'));
      const end = { ...(finish as Extract<Part, { type: 'finish' }>) };
      return [...before, ...this.#endAll(), { ...end, providerMetadata: { ...end.providerMetadata, ...metadata } }];
    }
    const { completion } = ending;
    // An answer of a model of the AI SDK that came whole: what has had no chunk comes now.
    const result = completion === undefined || this.#carried ? undefined : resultOf(completion);
    const { finishReason, usage } = chunk;
    return [
      ...this.#begin(result?.warnings),
      ...this.#endAll(result?.content),
      ...(result?.content ?? []).filter(hasNoChunk),
      { ...this.#head, modelId: ending.model, ...result?.response },
      {
        type: 'finish',
        finishReason: result?.finishReason ?? reasonFrom(finishReason),
        usage: result?.usage ?? usageOf(usage),
        providerMetadata: { ...result?.providerMetadata, ...metadata },
      },
    ];
  }

  /** The parts with which a stream that broke ends. */
  broke(error: unknown): Part[] {
    return [...this.#begin(), ...this.#endAll(), { type: 'error', error }];
  }

  #begin(warnings = this.#warnings): Part[] {
    if (this.#begun) return [];
    this.#begun = true;
    return [{ type: 'stream-start', warnings: [...warnings] }, this.#head];
  }

  /** Parts of a model of the AI SDK: as they are, but for what does not fit any more because a chunk before them was changed. */
  #passed(carried: readonly Part[]): Part[] {
    const parts: Part[] = [];
    if (!this.#begun) {
      this.#begun = true;
      if (carried[0]?.type !== 'stream-start') parts.push({ type: 'stream-start', warnings: [] });
    } else if (!this.#carried) parts.push(...this.#endOwn());
    this.#carried = true;
    for (const part of carried) {
      if (part.type === 'stream-start' && parts.length > 0) continue;
      const [kind, step] = part.type.split('-') as [Kind, string];
      if ((kind !== 'text' && kind !== 'reasoning') || !('id' in part) || !steps.has(step)) {
        parts.push(part);
        continue;
      }
      const key = `${kind} ${part.id}`;
      const isOpen = this.#open.has(key);
      if (step === 'end' && !isOpen) continue;
      parts.push(...this.#endOwn());
      if (step === 'delta' && !isOpen) parts.push({ type: `${kind}-start`, id: part.id as string });
      if (step === 'end') this.#open.delete(key);
      else this.#open.set(key, { kind, id: part.id as string });
      parts.push(part);
    }
    return parts;
  }

  #delta(kind: Kind, delta: string): Part[] {
    const parts: Part[] = [];
    if (this.#own?.kind !== kind) {
      parts.push(...this.#endOwn());
      this.#blocks += 1;
      this.#own = { kind, id: `block-${this.#blocks}` };
      parts.push({ type: `${kind}-start`, id: this.#own.id });
    }
    parts.push({ type: `${kind}-delta`, id: (this.#own as { id: string }).id, delta });
    return parts;
  }

  /** Ends the block that is written here; of a result, what its vendor says of such a block goes with it. */
  #endOwn(content: readonly LanguageModelV4Content[] = []): Part[] {
    const own = this.#own;
    if (own === undefined) return [];
    this.#own = undefined;
    const said = content.find(({ type }) => type === own.kind)?.providerMetadata;
    return [{ type: `${own.kind}-end`, id: own.id, ...(said !== undefined && { providerMetadata: said }) }];
  }

  #endAll(content?: readonly LanguageModelV4Content[]): Part[] {
    const parts = this.#endOwn(content);
    for (const { kind, id } of this.#open.values()) parts.push({ type: `${kind}-end`, id });
    this.#open.clear();
    return parts;
  }
}

const steps: ReadonlySet<string> = new Set(['start', 'delta', 'end']);

type Rest = Exclude<LanguageModelV4Content, { type: Kind }>;

function hasNoChunk(part: LanguageModelV4Content): part is Rest {
  if (part.type === 'text' || part.type === 'reasoning') return false;
  return part.type !== 'tool-call' || part.providerExecuted === true;
}
