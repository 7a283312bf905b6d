/** A middleware that changes what passes. */

// #region map
import { type Middleware, mapChunks } from 'llm-transport';

/** Leaves out what a model says to itself. */
export function withoutReasoning(): Middleware {
  return function withoutReasoning(next) {
    return async (request, context) =>
      mapChunks(await next(request, context), (chunk) => (chunk.type === 'reasoning' ? undefined : chunk));
  };
}
// #endregion
