import { EventEmitter } from 'eventemitter3';
import type { Attempt, Candidate, CompletionRequest, ErrorCode } from './types.ts';

interface Stamp {
  readonly transactionId: string;
  /** 0 when the event is not of one attempt. */
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A member of its own for each type: of one member with several types, a listener for one of them would be given `never`. */
type Each<Type extends string, Fields> = Type extends string ? { readonly type: Type } & Fields : never;

/**
 * What a transport tells. One readonly object each, with no content and no secrets. Every `x:start` has exactly one `x:end`, and
 * nothing of a call follows its `call:end`. Events of a provider rather than a call carry an empty `transactionId`.
 */
export type TransportEvent = Stamp &
  (
    | { readonly type: 'call:start'; readonly stream: boolean; readonly metadata: CompletionRequest['metadata'] }
    | {
        readonly type: 'call:end';
        readonly outcome: 'ok' | ErrorCode;
        readonly durationMs: number;
        readonly attempts: readonly Attempt[];
      }
    | {
        readonly type: 'route';
        readonly chosen: string | undefined;
        readonly strategy: string;
        readonly candidates: readonly { readonly name: string; readonly excluded?: string; readonly score?: number }[];
      }
    | Each<'attempt:start' | 'attempt:answer' | 'attempt:end', { readonly ledger: Attempt }>
    | { readonly type: 'retry'; readonly code: ErrorCode; readonly waitMs: number }
    | { readonly type: 'queue:wait'; readonly provider: string; readonly waitMs: number }
    | {
        readonly type: 'circuit:change';
        readonly provider: string;
        readonly from: Candidate['circuit'];
        readonly to: Candidate['circuit'];
      }
    | { readonly type: 'window:change'; readonly provider: string; readonly from: number; readonly to: number }
    | Each<
        'provider:park' | 'provider:quarantine' | 'provider:release',
        { readonly provider: string; readonly code: ErrorCode | undefined; readonly until: number }
      >
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
