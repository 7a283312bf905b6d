import { describe, it } from 'vitest';
import { callOf } from '../../../src/core/context.ts';
import type { Middleware } from '../../../src/core/types.ts';
import { join } from '../../../src/middleware/transaction/join.ts';
import { transaction } from '../../../src/middleware/transaction.ts';
import { middlewareContract } from '../../../src/testing/index.ts';

/** The layer and what it puts below the deadline, for calls that bring an id of their own, or for others. */
function layer(isNamed: boolean): Middleware {
  return function named(next, mount) {
    const handler = transaction({ replayMs: 0 })(join()(next, mount), mount);
    return (request, context) => {
      Object.assign(callOf(context), { isNamed });
      return handler(request, context);
    };
  };
}

describe('transaction', () => {
  const contract = { make: () => layer(false), changes: ['errors'] } as const;
  for (const { name, run } of middlewareContract(contract)) it(name, run);
});

describe('transaction, for calls with an id of their own', () => {
  // Each reader has chunks of its own.
  const contract = { make: () => layer(true), changes: ['errors', 'chunks'] } as const;
  for (const { name, run } of middlewareContract(contract)) it(name, run);
});
