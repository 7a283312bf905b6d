import { EventEmitter } from 'eventemitter3';
import type { BudgetState } from './accounting-types.ts';
import type { Attempt, Candidate, CompletionRequest, ErrorCode } from './types.ts';

interface Stamp {
  /** The call's id; empty for what happens to a provider and not in a call. */
  readonly transactionId: string;
  /** Which attempt of the call, from 1; 0 when the event is not of one attempt. */
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/**
 * What a transport tells. One readonly object each, with no content and no secrets. Every `x:start` has exactly one `x:end`, and
 * nothing of a call follows its `call:end`. A member of its own for each type: of one member with several types, a listener for one
 * of them would be given `never`.
 */
export type TransportEvent = Stamp &
  (
    | {
        /**
         * A call begins, before anything is done for it. Not for a request that is malformed, not for one that joins another, and not
         * once the transport is closed.
         */
        readonly type: 'call:start';
        /** Whether a stream was asked for. */
        readonly stream: boolean;
        /** The request's `metadata`. */
        readonly metadata: CompletionRequest['metadata'];
      }
    | {
        /** A call is over: its answer was read to the end, or it failed. Once a call, and its last event; once for all that share an answer. */
        readonly type: 'call:end';
        /** `ok`, or the code of the error. */
        readonly outcome: 'ok' | ErrorCode;
        /** Milliseconds since `complete()` was called. */
        readonly durationMs: number;
        /** The ledger: every attempt that was sent. */
        readonly attempts: readonly Attempt[];
      }
    | {
        /** A call has the id of one that is under way, and joins it: it is given the same answer. It has no `call:start`. */
        readonly type: 'call:join';
        /** Whether a stream was asked for. */
        readonly stream: boolean;
        /** The request's `metadata`. */
        readonly metadata: CompletionRequest['metadata'];
      }
    | {
        /** Of calls that share an answer one is over. Behind that of the last one comes their `call:end`. */
        readonly type: 'call:leave';
        /** `ok`, or the code of its error. */
        readonly outcome: 'ok' | ErrorCode;
        /** Milliseconds since its `complete()` was called. */
        readonly durationMs: number;
      }
    | {
        /** A call is answered with what was kept of an earlier one with its id: nothing is sent. */
        readonly type: 'call:replay';
        /** Who had answered. */
        readonly provider: string;
      }
    | {
        /** The store of answers was of no use to a call, which goes without it. */
        readonly type: 'transaction:store';
        /** What was wanted of it. */
        readonly operation: 'get' | 'set';
        /** `timeout`: it takes too long. `error`: it threw. `unreadable`: what it has kept is no answer. */
        readonly problem: 'timeout' | 'error' | 'unreadable';
      }
    | {
        /** The router has looked for a provider, for a first attempt or a later one. */
        readonly type: 'route';
        /** Who was chosen; `undefined` when there was nobody to choose. */
        readonly chosen: string | undefined;
        /** The name of the strategy's function. */
        readonly strategy: string;
        /** All providers; `excluded` says why one was not to be chosen. */
        readonly candidates: readonly { readonly name: string; readonly excluded?: string; readonly score?: number }[];
      }
    | {
        /** An attempt is sent, after any wait in line. */
        readonly type: 'attempt:start';
        /** Its line in the ledger, as far as it is written. */
        readonly ledger: Attempt;
      }
    | {
        /** The first content of an attempt has come. */
        readonly type: 'attempt:answer';
        /** Its line in the ledger, now with `firstContentMs`. */
        readonly ledger: Attempt;
      }
    | {
        /** An attempt is over: whole, broken, or given up. */
        readonly type: 'attempt:end';
        /** Its line in the ledger, complete: outcome, duration, usage, cost. */
        readonly ledger: Attempt;
      }
    | {
        /** An attempt has failed, its answer does not match the schema, or nobody could be asked; and the call goes on. */
        readonly type: 'retry';
        /** What the call goes on after. */
        readonly code: ErrorCode;
        /** Milliseconds that it will wait at most before it goes on; 0: another provider is asked at once. */
        readonly waitMs: number;
      }
    | {
        /** A second attempt is sent beside a first one that has shown nothing. */
        readonly type: 'hedge';
        /** Who is asked beside. */
        readonly provider: string;
        /** Milliseconds after which, as the option says. */
        readonly afterMs: number;
      }
    | {
        /** A stream that had been answered broke, or its answer does not match its schema: the answer begins again, or goes on. */
        readonly type: 'resume';
        /** `restart`: the reader drops what it has. `continue`: what comes is the rest of it. */
        readonly mode: 'restart' | 'continue';
        /** Who answers from here on. */
        readonly provider: string;
        /** What was wrong with the stream. */
        readonly code: ErrorCode;
      }
    | {
        /** An attempt is sent that had to wait in line. */
        readonly type: 'queue:wait';
        /** Whose line. */
        readonly provider: string;
        /** Milliseconds that it waited. */
        readonly waitMs: number;
      }
    | {
        /** A provider's circuit opens, is probed, or closes. Its `transactionId` is empty. */
        readonly type: 'circuit:change';
        /** Whose circuit. */
        readonly provider: string;
        /** What it was. */
        readonly from: Candidate['circuit'];
        /** What it is. */
        readonly to: Candidate['circuit'];
      }
    | {
        /** A provider is trusted with more or fewer attempts at once. */
        readonly type: 'window:change';
        /** Whose window. */
        readonly provider: string;
        /** Attempts at once, before. */
        readonly from: number;
        /** Attempts at once, from now on. */
        readonly to: number;
      }
    | {
        /** Our own network is gone, or back: independent failure domains could not be reached. Its `transactionId` is empty. */
        readonly type: 'network:change';
        /** What it is from now on. While it is `down` circuits, windows and quotas stay as they are, and calls wait. */
        readonly state: 'down' | 'up';
        /** The failure domains that could not be reached. */
        readonly domains: readonly string[];
      }
    | {
        /** A provider has said "later": nothing is sent to it for a while. Once, however many attempts were told so. */
        readonly type: 'provider:park';
        /** Who is left alone. */
        readonly provider: string;
        /** With what it said so. */
        readonly code: ErrorCode | undefined;
        /** Epoch milliseconds: until when. */
        readonly until: number;
      }
    | {
        /** A provider's key is refused, or its money is gone: somebody must act. */
        readonly type: 'provider:quarantine';
        /** Who is left alone. */
        readonly provider: string;
        /** `authentication`, `quota_exhausted` or `permission`. */
        readonly code: ErrorCode | undefined;
        /** Epoch milliseconds: when one attempt will look again. */
        readonly until: number;
      }
    | {
        /** A quarantine is over: an attempt was answered, or `reset()` was called (then `transactionId` is empty). */
        readonly type: 'provider:release';
        /** Who may be asked again. */
        readonly provider: string;
        /** Always `undefined`. */
        readonly code: ErrorCode | undefined;
        /** Epoch milliseconds: since when. */
        readonly until: number;
      }
    | {
        /** A budget does not cover an attempt: it is not sent, and its call ends with `budget_exceeded`. */
        readonly type: 'budget:refuse';
        /** Who would have been asked. */
        readonly provider: string;
        /** Whose budget: a value of its key; empty when all calls share one. */
        readonly key: string;
        /** The most that the attempt may have come to, in US dollars and tokens. */
        readonly wanted: BudgetState['spent'];
        /** What was spent already. */
        readonly spent: BudgetState['spent'];
        /** What is set aside for attempts under way. */
        readonly reserved: BudgetState['reserved'];
      }
    | {
        /** A client has asked again by itself: its own retries are on, and multiply ours. Told once; `maxRetries: 0` turns them off. */
        readonly type: 'client:retry';
        /** How often it has asked again, as it says. */
        readonly retries: number;
      }
  );

/** An event before the call's stamp is put on it. A middleware of your own may publish types of its own. */
export interface PlainEvent {
  readonly type: string;
  readonly [key: string]: unknown;
}

type Listener = (event: TransportEvent) => void;

/** Delivers events. Telemetry never fails a call: what a listener throws is reported as a process warning, once a listener. */
export class Events {
  readonly #emitter = new EventEmitter<Record<string, [TransportEvent]>>();

  on(type: string, listener: Listener): () => void {
    let warned = false;
    const warn = (error: unknown): void => {
      if (warned) return;
      warned = true;
      const name = error instanceof Error ? error.name : typeof error;
      process.emitWarning(`A listener for '${type}' threw (${name}); its errors are ignored.`, 'LlmTransportWarning');
    };
    const guarded: Listener = (event) => {
      try {
        // An async listener is one that returns nothing, to the type checker: its rejection must not end the process.
        const returned: unknown = listener(event);
        if (returned instanceof Promise) returned.catch(warn);
      } catch (error) {
        warn(error);
      }
    };
    this.#emitter.on(type, guarded);
    return () => this.#emitter.off(type, guarded);
  }

  /** True when somebody would hear it, so that nobody builds what nobody reads. */
  heard(type: string): boolean {
    return this.#emitter.listenerCount(type) > 0 || this.#emitter.listenerCount('*') > 0;
  }

  publish(event: PlainEvent, transactionId = '', attempt = 0): void {
    if (!this.heard(event.type)) return;
    const stamped = Object.freeze({ ...event, transactionId, attempt, at: Date.now() }) as unknown as TransportEvent;
    this.#emitter.emit(event.type, stamped);
    this.#emitter.emit('*', stamped);
  }

  clear(): void {
    this.#emitter.removeAllListeners();
  }
}
