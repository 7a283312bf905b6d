import type { LanguageModelV4StreamPart, LanguageModelV4StreamResult } from '@ai-sdk/provider';
import type { Chunk, ToolCall } from '../core/types.ts';
import { finishFrom, toolCallFrom, usageFrom } from './ai-sdk-answer.ts';
import { headOfChunk, originalCalls, partsOfChunk } from './ai-sdk-carried.ts';
import type { Failures } from './failures.ts';

type Finish = Extract<LanguageModelV4StreamPart, { type: 'finish' }>;

/**
 * Turns the parts of a stream of the AI SDK into chunks. What is no content (beginnings and ends of blocks, metadata, warnings, sources,
 * a vendor's own marks, pieces of a tool's input) waits for the next chunk and goes along with it, so that the first chunk is content. What is content
 * and has no chunk of its own (files, what the vendor ran by itself) is a `raw` one.
 */
export class StreamParts {
  readonly #failures: Failures;
  #head: Pick<LanguageModelV4StreamResult, 'request' | 'response'> | undefined;
  #held: LanguageModelV4StreamPart[] = [];
  /** The calls that were handed out. */
  readonly toolCalls: ToolCall[] = [];
  #broken = false;

  constructor(head: Pick<LanguageModelV4StreamResult, 'request' | 'response'>, failures: Failures) {
    this.#head = head;
    this.#failures = failures;
  }

  /**
   * The chunk that a part is; `undefined` for one that waits.
   * @throws TransportError what an error among the parts means
   */
  push(part: Exclude<LanguageModelV4StreamPart, Finish>): Chunk | undefined {
    switch (part.type) {
      case 'text-delta':
        this.#hold(part);
        return part.delta === '' ? undefined : this.#chunk({ type: 'text', text: part.delta });
      case 'reasoning-delta':
        this.#hold(part);
        return part.delta === '' ? undefined : this.#chunk({ type: 'reasoning', text: part.delta });
      case 'tool-call': {
        if (part.providerExecuted === true) return this.#raw(part);
        const toolCall = toolCallFrom(part);
        if (toolCall === undefined) {
          // Whether it was cut off at a limit is told at the end.
          this.#broken = true;
          return undefined;
        }
        originalCalls.set(toolCall, part);
        this.toolCalls.push(toolCall);
        this.#hold(part);
        return this.#chunk({ type: 'toolCall', toolCall });
      }
      case 'file':
      case 'reasoning-file':
      case 'tool-result':
      case 'tool-approval-request':
        return this.#raw(part);
      case 'error':
        throw this.#thrown(part.error);
      case 'ping':
        return undefined;
      default:
        this.#hold(part);
        return undefined;
    }
  }

  /** The last chunk. @throws TransportError when the answer broke off, or was refused */
  finish(part: Finish, model: string): Extract<Chunk, { type: 'finish' }> {
    const finishReason = finishFrom(part.finishReason, this.toolCalls.length > 0, this.#failures);
    // Models of older specifications, and some of this one, say nothing more of an answer that was cut off.
    if (part.finishReason.unified === 'other' && part.finishReason.raw === undefined)
      throw this.#failures.of('truncated', 'ended its answer without saying why');
    if (this.#broken && finishReason !== 'length')
      throw this.#failures.of('bad_response', 'asked for a tool with an input that is not JSON');
    this.#hold(part);
    return this.#chunk({ type: 'finish', finishReason, usage: usageFrom(part.usage), model });
  }

  #hold(part: LanguageModelV4StreamPart): void {
    this.#held.push(part);
  }

  #raw(part: LanguageModelV4StreamPart): Chunk {
    this.#hold(part);
    return this.#chunk({ type: 'raw', value: part });
  }

  #chunk<C extends Chunk>(chunk: C): C {
    partsOfChunk.set(chunk, this.#held);
    this.#held = [];
    if (this.#head !== undefined) {
      headOfChunk.set(chunk, this.#head);
      this.#head = undefined;
    }
    return chunk;
  }

  #thrown(error: unknown): Error {
    const isError = error instanceof Error || Object.prototype.toString.call(error) === '[object Error]';
    return isError ? this.#failures.thrown(error) : this.#failures.inBand({ error });
  }
}
