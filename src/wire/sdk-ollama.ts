import type { FinishReason, Usage } from '../core/types.ts';
import { count, type Fields, fieldsOf } from './openai-chat-parts.ts';
import type { SdkDialect } from './sdk-items.ts';

/** Ollama's `chat` and `generate`, as its SDK hands them out. */
export const ollamaDialect: SdkDialect = {
  whole(result, failures) {
    if (!isPiece(result)) return undefined;
    const { text, called, image } = saidIn(result);
    if (result.done !== true) throw failures.of('truncated', 'ended before its answer was whole');
    const end = { finishReason: finishOf(result, called), usage: usageOf(result), model: String(result.model ?? '') };
    return (called || image || isOfModel(result)) && text === '' ? end : { text, ...end };
  },
  reader: (item) => {
    if (!isPiece(item)) return undefined;
    let called = false;
    return (piece) => {
      const said = saidIn(piece);
      called ||= said.called;
      const { text, reasoning, image } = said;
      const facts = { text, reasoning, other: said.called || image || isOfModel(piece), model: piece.model };
      return piece.done === true ? { ...facts, finish: finishOf(piece, called), usage: usageOf(piece) } : facts;
    };
  },
};

function isPiece({ done, message, response, model, created_at: at }: Fields): boolean {
  return (
    typeof done === 'boolean' &&
    typeof model === 'string' &&
    at !== undefined &&
    (typeof message === 'object' || typeof response === 'string')
  );
}

/** The model was only told to be loaded, or to make room. */
function isOfModel({ done_reason: reason }: Fields): boolean {
  return reason === 'load' || reason === 'unload';
}

function saidIn(piece: Fields) {
  const message = fieldsOf(piece.message);
  const [text, reasoning] = [message.content ?? piece.response, message.thinking ?? piece.thinking];
  return {
    text: typeof text === 'string' ? text : '',
    reasoning: typeof reasoning === 'string' ? reasoning : '',
    called: Array.isArray(message.tool_calls) && message.tool_calls.length > 0,
    image: typeof piece.image === 'string' || (Array.isArray(message.images) && message.images.length > 0),
  };
}

function finishOf({ done_reason: reason }: Fields, called: boolean): FinishReason {
  if (reason === 'length') return 'length';
  return called ? 'tool_calls' : reason === 'stop' || reason === undefined ? 'stop' : 'unknown';
}

function usageOf(piece: Fields): Usage | undefined {
  const inputTokens = count(piece.prompt_eval_count);
  const outputTokens = count(piece.eval_count);
  // What it had in its cache it does not count again.
  return outputTokens === undefined ? undefined : { inputTokens: inputTokens ?? 0, outputTokens };
}
