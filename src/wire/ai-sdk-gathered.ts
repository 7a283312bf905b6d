import type {
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4Reasoning,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4Text,
} from '@ai-sdk/provider';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Block = Mutable<LanguageModelV4Text> | Mutable<LanguageModelV4Reasoning>;

/** Puts the parts of a stream together to the result that the model would have given whole. */
export class GatheredResult {
  readonly #content: LanguageModelV4Content[] = [];
  readonly #open = new Map<string, Block>();
  readonly #head: Pick<LanguageModelV4StreamResult, 'request' | 'response'>;
  #warnings: LanguageModelV4GenerateResult['warnings'] = [];
  #metadata: Pick<NonNullable<LanguageModelV4GenerateResult['response']>, 'id' | 'modelId' | 'timestamp'> = {};

  constructor(head: Pick<LanguageModelV4StreamResult, 'request' | 'response'>) {
    this.#head = head;
  }

  /** The model, as the vendor names it. */
  get model(): string | undefined {
    return this.#metadata.modelId;
  }

  /** Takes the next part. */
  push(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case 'stream-start':
        this.#warnings = [...part.warnings];
        break;
      case 'response-metadata': {
        const { type: _, ...metadata } = part;
        this.#metadata = { ...this.#metadata, ...metadata };
        break;
      }
      case 'text-start':
      case 'reasoning-start':
      case 'text-delta':
      case 'reasoning-delta':
      case 'text-end':
      case 'reasoning-end':
        this.#block(part);
        break;
      case 'tool-call':
      case 'tool-result':
      case 'tool-approval-request':
      case 'custom':
      case 'file':
      case 'reasoning-file':
      case 'source':
        this.#content.push(part);
        break;
      default:
      // Pieces of a tool's input are in its call; the rest is none of the answer.
    }
  }

  /** The whole of it. */
  result(finish: Extract<LanguageModelV4StreamPart, { type: 'finish' }>): LanguageModelV4GenerateResult {
    const { finishReason, usage, providerMetadata } = finish;
    const { request, response } = this.#head;
    return {
      // A block that was announced and left empty is worth keeping for what the vendor said of it only.
      content: this.#content.filter((part) => !isEmptyBlock(part)),
      finishReason,
      usage,
      ...(providerMetadata !== undefined && { providerMetadata }),
      ...(request !== undefined && { request }),
      response: { ...this.#metadata, ...response },
      warnings: this.#warnings,
    };
  }

  #block(part: BlockPart): void {
    const [type, step] = part.type.split('-') as ['text' | 'reasoning', 'start' | 'delta' | 'end'];
    const key = `${type} ${part.id}`;
    const known = step === 'start' ? undefined : this.#open.get(key);
    const block: Block = known ?? { type, text: '' };
    if (known === undefined) {
      this.#open.set(key, block);
      this.#content.push(block);
    }
    if ('delta' in part) block.text += part.delta;
    if (part.type === 'text-end' && part.citations !== undefined && block.type === 'text')
      block.citations = part.citations;
    // The last one counts, as in the AI SDK itself: signatures come at the end.
    if (part.providerMetadata !== undefined) block.providerMetadata = part.providerMetadata;
    if (step === 'end') this.#open.delete(key);
  }
}

type Step = 'start' | 'delta' | 'end';
type BlockPart = Extract<LanguageModelV4StreamPart, { type: `text-${Step}` | `reasoning-${Step}` }>;

function isEmptyBlock(part: LanguageModelV4Content): boolean {
  return (part.type === 'text' || part.type === 'reasoning') && part.text === '' && part.providerMetadata === undefined;
}
