import { asked, type Call, callOf, isJoinable } from '../core/context.ts';
import { failed, scrubbed, type TransportError, withFields } from '../core/errors.ts';
import { ownerIn } from '../core/owner.ts';
import { mapError } from '../core/reply.ts';
import { wordsOf } from '../core/request.ts';
import { abandoned, forkSignal } from '../core/signals.ts';
import { now } from '../core/time.ts';
import type { TransactionOptions, TransactionStore } from '../core/transaction-types.ts';
import type { CompletionRequest, Context, ErrorCode, Middleware } from '../core/types.ts';
import { digestOf } from './transaction/digest.ts';
import { InProcessStore } from './transaction/in-process-store.ts';
import { share } from './transaction/join.ts';
import { Replays } from './transaction/replays.ts';
import { type Member, SharedCall } from './transaction/shared-call.ts';

/** The options that are not given. */
export const transactionDefaults = {
  replayMs: 300_000,
  maxEntries: 1_000,
  maxCharacters: 16_777_216,
  storeTimeoutMs: 1_000,
};

/**
 * Makes a call one transaction: `call:start` and exactly one `call:end`, and an error that carries the transaction id and the
 * whole ledger, whatever layer it comes from. Outermost, so that everything is correlated.
 *
 * A call with the id of another that is under way takes part in that one: `call:join` and `call:leave` in place of its own start and
 * end. What is shared is done by the layer `join` below.
 */
export function transaction(options: TransactionOptions | false = {}): Middleware {
  return function transaction(next, { onClose }) {
    const shares = options === false ? undefined : new Shares(options);
    if (shares !== undefined) onClose(() => shares.close());
    return async (request, context) => {
      const call = callOf(context);
      const part = call.isNamed === true ? enter(shares, request, context) : undefined;
      // What is still under way when the call is over is stopped before that is told: a generator in between may be stuck.
      const fork = forkSignal(context.signal);
      const { stream = false, metadata } = request;
      if (part?.shared.isShared === true) context.publish({ type: 'call:join', stream, metadata });
      else context.publish({ type: 'call:start', stream, metadata });
      const end = (outcome: 'ok' | ErrorCode): void => {
        tellEnd(outcome, context, call, part);
        call.over = true;
      };
      try {
        const inPart = part === undefined ? context : context.with(share.of(part));
        const reply = mapError(await next(request, inPart.fork({ signal: fork.signal })), (error) =>
          stamped(error, request, context),
        );
        void reply.done.then((outcome) => {
          if (!outcome.ok) fork.abort(abandoned());
          fork.release();
          end(outcome.ok ? 'ok' : outcome.error.code);
        });
        return reply;
      } catch (thrown) {
        fork.abort(abandoned());
        fork.release();
        const error = stamped(failed(thrown), request, context);
        end(error.code);
        throw error;
      }
    };
  };
}

/** The share of a call in another's answer. */
interface Part {
  readonly shared: SharedCall;
  readonly member: Member;
}

function enter(shares: Shares | undefined, request: CompletionRequest, context: Context): Part | undefined {
  try {
    return shares?.enter(request, context);
  } catch (error) {
    throw stamped(failed(error), request, context);
  }
}

function tellEnd(outcome: 'ok' | ErrorCode, context: Context, call: Call, part: Part | undefined): void {
  const durationMs = now() - call.startedAt;
  if (part?.shared.isShared === true) context.publish({ type: 'call:leave', outcome, durationMs });
  if (part?.shared.exit(part.member) === false || !call.events.heard('call:end')) return;
  const attempts = Object.freeze([...(part?.shared.attempts ?? context.attempts)]);
  context.publish({
    type: 'call:end',
    outcome,
    durationMs: now() - (part?.shared.startedAt ?? call.startedAt),
    attempts,
  });
}

/** The calls under way that others can join, by their ids, and the answers of those that are over. */
class Shares {
  readonly #underWay = new Map<string, SharedCall>();
  readonly #replays: Replays | undefined;
  readonly #by: TransactionOptions['by'];

  constructor(options: TransactionOptions) {
    const { replayMs = transactionDefaults.replayMs, storeTimeoutMs = transactionDefaults.storeTimeoutMs } = options;
    this.#by = options.by;
    this.#replays = replayMs === 0 ? undefined : new Replays(storeOf(options), replayMs, storeTimeoutMs);
  }

  /** A call whose id was given takes part in that which is sent for the id. `undefined` for one whose id is but a name. */
  enter(request: CompletionRequest, context: Context): Part | undefined {
    if (!context.get(isJoinable)) return undefined;
    const call = callOf(context);
    const id = JSON.stringify([
      this.#by === undefined ? '' : ownerIn(context, this.#by, 'transaction.by'),
      call.transactionId,
    ]);
    const digest = digestOf(request, context.get(asked));
    let shared = this.#underWay.get(id);
    if (shared === undefined) {
      const closed = (): void => {
        if (this.#underWay.get(id) === made) this.#underWay.delete(id);
      };
      const made = new SharedCall(context, call, id, digest, this.#replays, closed);
      this.#underWay.set(id, made);
      shared = made;
    }
    return { shared, member: shared.enter(context, call, digest) };
  }

  /** What is being kept may be kept. */
  async close(): Promise<void> {
    await this.#replays?.written();
  }
}

function storeOf(options: TransactionOptions): TransactionStore {
  const { maxEntries = transactionDefaults.maxEntries, maxCharacters = transactionDefaults.maxCharacters } = options;
  return options.store ?? new InProcessStore(maxEntries, maxCharacters);
}

/** Whatever layer it comes from, and whoever wrote that: without the caller's words. */
function stamped(error: TransportError, request: CompletionRequest, context: Context): TransportError {
  return withFields(scrubbed(error, { texts: wordsOf(request) }), {
    transactionId: context.transactionId,
    attempts: Object.freeze([...context.attempts]),
  });
}
