import PQueue from 'p-queue';
import { QueueDiscipline } from '../../control/queue-discipline.ts';
import type { TokenCost } from '../../control/rate-buckets.ts';
import type { TransportError } from '../../core/errors.ts';
import { onAbort, reasonOf } from '../../core/signals.ts';
import { longestTimerMs, now } from '../../core/time.ts';
import type { Priority } from '../../core/types.ts';

/** A call that wants a slot. */
export interface Waiter {
  readonly id: string;
  readonly cost: TokenCost;
  readonly queueClass: Priority;
  readonly enteredAt: number;
  /** Milliseconds that the call has left. */
  readonly leftMs: number;
  /** Takes it out of the line, if it has to wait. Detached once it runs: p-queue would give away a slot that is still taken. */
  controller: AbortController | undefined;
  startedAt: number | undefined;
  stop(): void;
}

/** What the line asks of whoever decides. */
export interface LinePolicy<W> {
  /** Milliseconds for which nothing of this cost may be sent: 0 or less is none. */
  heldMs(cost: TokenCost): number;
  /** Somebody is about to enter. What it throws is what their call rejects with. */
  admit(waiter: W): void;
  /** The line is looked at: a turn has come, somebody has entered, time has passed. */
  look(): void;
  /** So many wait now. */
  changed(size: number): void;
}

type Run = () => Promise<unknown>;

/** Share of its time that a call may wait in line without harm, and the least that is. */
const targetRatio = 0.1;
const leastTargetMs = 250;

/**
 * The slots of a provider and the line before them. Both are p-queue's, whose task lasts until the call is done; whose turn it is, is the
 * queue discipline's to say. The line is held back while nothing may be sent, and looks again when that is over.
 */
export class WaitingLine<W extends Waiter> {
  readonly #policy: LinePolicy<W>;
  readonly #line = new QueueDiscipline<{ readonly run: Run; readonly waiter: W }>();
  readonly #queue: PQueue;
  #timer: NodeJS.Timeout | undefined;

  constructor(slots: number, policy: LinePolicy<W>) {
    this.#policy = policy;
    const line = this.#line;
    const enqueue = (run: Run, waiter: W): void => this.#enter(run, waiter);
    // p-queue makes its line itself, without arguments.
    class Line {
      get size(): number {
        return line.size;
      }
      enqueue(run: Run, { waiter }: { waiter: W }): void {
        enqueue(run, waiter);
      }
      dequeue(): Run | undefined {
        return line.leave(now())?.run;
      }
      remove(id: string): void {
        line.remove(id);
      }
      filter(): Run[] {
        return [];
      }
      setPriority(): void {}
    }
    this.#queue = new PQueue({ concurrency: slots, queueClass: Line as never });
  }

  /** Calls that wait. */
  get size(): number {
    return this.#line.size;
  }

  /** Tokens that they are expected to take. */
  get tokens(): number {
    return this.#line.tokens;
  }

  /** Calls that have a slot. */
  get pending(): number {
    return this.#queue.pending;
  }

  get slots(): number {
    return this.#queue.concurrency;
  }

  /** More of them start those for whom there is room now, fewer stop nobody. */
  set slots(slots: number) {
    if (slots !== this.#queue.concurrency) this.#queue.concurrency = slots;
  }

  /** Everybody who waits, in the order in which they came. */
  get waiters(): readonly W[] {
    return [...this.#line].map(({ waiter }) => waiter);
  }

  /** Those who have waited too long in a line that is standing. */
  get overdue(): readonly W[] {
    return this.#line.overdue(now()).map(({ waiter }) => waiter);
  }

  /** What the next one is expected to take. */
  get nextCost(): TokenCost | undefined {
    return this.#line.peek(now())?.waiter.cost;
  }

  /** How many would be served before one of this class. */
  ahead(queueClass: Priority): number {
    return this.#line.ahead(queueClass);
  }

  /** True when nobody is before it, and nothing is waited for. */
  isFree({ cost }: W): boolean {
    // Asked first: a provider that is found to be back has fewer slots than before.
    return this.size === 0 && this.#policy.heldMs(cost) <= 0 && this.pending < this.slots;
  }

  /** Runs a task in a slot, when its turn has come. Rejects with what the waiter was not admitted or was evicted for. */
  async run(waiter: W, signal: AbortSignal, task: () => Promise<void>): Promise<void> {
    // Whose turn comes at once is never evicted, and p-queue follows a signal at the price of all the rest it does.
    if (signal.aborted || this.#queue.isPaused || !this.isFree(waiter)) {
      waiter.controller = new AbortController();
      waiter.stop = onAbort(signal, () => this.evict(waiter, reasonOf(signal)));
    }
    try {
      await this.#queue.add(task, { id: waiter.id, signal: waiter.controller?.signal, waiter } as never);
    } finally {
      waiter.stop();
      this.#count();
    }
  }

  /** The waiter's turn has come. */
  started(waiter: W): void {
    waiter.stop();
    waiter.startedAt = now();
    this.steer();
    this.#count();
  }

  /** Takes somebody out who waits. */
  evict(waiter: W, reason: TransportError): void {
    if (waiter.startedAt !== undefined) return;
    waiter.controller?.abort(reason);
    this.#count();
  }

  /** Holds the line back while nothing may be sent, and sets the time to look again. */
  steer(entering = false): void {
    // p-queue does not follow the signal of who is entering yet: they could not be taken out.
    if (!entering) this.#policy.look();
    const cost = this.nextCost;
    if (cost === undefined) return;
    const waitMs = this.#policy.heldMs(cost);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (waitMs > 0) {
      this.#queue.pause();
      this.#timer = setTimeout(() => this.steer(), Math.min(waitMs, longestTimerMs));
    } else if (this.#queue.isPaused) {
      // Not while p-queue is adding: it has not noted the task yet.
      if (entering) this.#timer = setTimeout(() => this.steer(), 0);
      else this.#queue.start();
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #enter(run: Run, waiter: W): void {
    const { id, queueClass, enteredAt, leftMs, cost } = waiter;
    if (!this.isFree(waiter)) this.#policy.admit(waiter);
    const targetMs = leftMs === Number.POSITIVE_INFINITY ? leftMs : Math.max(leastTargetMs, leftMs * targetRatio);
    const tokens = cost.input + cost.output;
    this.#line.enter({ id, queueClass, enteredAt, tokens, targetMs, item: { run, waiter } }, enteredAt + leftMs);
    this.#policy.changed(this.size);
    // p-queue starts a task as soon as this returns, unless it is paused.
    this.steer(true);
  }

  #count(): void {
    this.#policy.changed(this.size);
    // Nobody is left to look for.
    if (this.size === 0) clearTimeout(this.#timer);
  }
}
