/** A simulated model that is asked for the rest of an answer which was cut off on its way. */

import type { IncomingRequest } from './incoming.ts';
import type { Answer } from './model.ts';

/** What a model makes of it. */
export type Continues = 'exactly' | 'ignores' | 'paraphrases' | 'repeats';

/** What it is asked. */
export interface Continuation {
  /** The request whose answer was cut off. */
  readonly request: IncomingRequest;
  /** What had come of the answer. */
  readonly delivered: string;
  /** The end of that, which it is to begin with. */
  readonly anchor: string;
  /** What it is to say instead when nothing is missing. */
  readonly nothingMissing: string;
  /** What it would say behind the anchor. */
  readonly rest: string;
}

/** The request for the rest of an answer that this one is; `undefined` when it is another. */
export function continuationIn(request: IncomingRequest): Omit<Continuation, 'rest'> | undefined {
  const [before, last] = request.turns.slice(-2);
  const [, anchor, nothingMissing] = /<anchor>([\s\S]+)<\/anchor>\n.*(<[a-z-]+\/>).*$/.exec(last?.text ?? '') ?? [];
  if (
    anchor === undefined ||
    nothingMissing === undefined ||
    before?.role !== 'assistant' ||
    !before.text.endsWith(anchor)
  )
    return undefined;
  const tail = `\n${before.text}\n${last?.text}`;
  if (!request.prompt.endsWith(tail)) return undefined;
  const original = { ...request, prompt: request.prompt.slice(0, -tail.length), turns: request.turns.slice(0, -2) };
  return { request: original, delivered: before.text, anchor, nothingMissing };
}

/** The answer to such a request, of a model that would have given `whole`. */
export function continued(
  whole: Answer,
  asked: Omit<Continuation, 'rest'>,
  continues: Continues | ((asked: Continuation) => string) = 'exactly',
): Answer {
  const { anchor, delivered, nothingMissing } = asked;
  const { reasoning: _, text = '', ...others } = whole;
  const rest = text.slice(delivered.length);
  if (typeof continues === 'function') return { ...others, text: continues({ ...asked, rest }) };
  switch (continues) {
    case 'exactly':
      return { ...others, text: rest === '' && others.toolCalls === undefined ? nothingMissing : anchor + rest };
    case 'ignores':
      return whole;
    case 'paraphrases':
      return { ...others, text: `As I was saying, ${anchor.toUpperCase()}${rest}` };
    case 'repeats':
      return { ...others, text: `${anchor} ${anchor}${rest}` };
  }
}
