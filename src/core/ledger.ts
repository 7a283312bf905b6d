import { attemptReason, callOf, waitedMs } from './context.ts';
import { costOf, countable, estimateTextTokens, estimateTokens } from './estimate.ts';
import type { Reach } from './reach.ts';
import { now } from './time.ts';
import type { Attempt, CompletionRequest, Context, Provider, Usage } from './types.ts';

type Line = { -readonly [Field in keyof Attempt]: Attempt[Field] };

/** Writes one attempt's line in the call's ledger while it runs. */
export class LedgerLine {
  readonly #line: Line;
  readonly #context: Context;
  readonly #provider: Provider;
  readonly #request: CompletionRequest;
  /** On the clock of `now()`. */
  readonly sentAt = now();
  /** The provider has said that it will answer: from there on it bills. */
  #accepted = false;
  /** It has said anything at all. */
  #heard = false;
  /** What it has told before the end. */
  #told: Usage | undefined;
  /** That was all. */
  #isTold = false;

  constructor(provider: Provider, request: CompletionRequest, context: Context) {
    this.#provider = provider;
    this.#context = context;
    this.#request = request;
    this.#line = {
      number: context.attempt,
      reason: context.get(attemptReason),
      provider: provider.name,
      model: provider.model,
      startedAt: Date.now(),
      waitMs: context.get(waitedMs),
      firstContentMs: undefined,
      durationMs: undefined,
      outcome: undefined,
      usage: undefined,
      usageEstimated: false,
      cost: undefined,
      mayBeBilled: true,
      providerRequestId: undefined,
    };
    callOf(context).attempts.push(this.#line);
    this.#tell('attempt:start');
  }

  get firstContentMs(): number | undefined {
    return this.#line.firstContentMs;
  }

  requestId(id: string): void {
    this.#line.providerRequestId = id;
  }

  /** The provider has named its price. What is none would make every sum it is in none either. */
  costs(dollars: number): void {
    if (Number.isFinite(dollars) && dollars >= 0) this.#line.cost = dollars;
  }

  /** The provider has counted so many: so far, or, when that `isWhole`, altogether. */
  uses(usage: Usage | undefined, isWhole = false): void {
    const counted = countable(usage);
    this.#told = counted ?? this.#told;
    this.#isTold = isWhole && counted !== undefined;
  }

  /** Something has come of the provider, good or bad: it was sent. */
  heard(): void {
    this.#heard = true;
  }

  /** The provider has begun to answer. */
  accepted(): void {
    if (this.#accepted) return;
    this.#accepted = true;
    callOf(this.#context).accounts?.accepted(this.#provider.name, now() - this.sentAt);
  }

  /** The first content is here. Returns how long it took. */
  answered(): number {
    const ms = now() - this.sentAt;
    this.#line.firstContentMs = ms;
    this.#tell('attempt:answer');
    return ms;
  }

  /**
   * @param text all that was said, for the estimates.
   * @param hidden tokens of the output that are not in it: of reasoning that is not shown.
   */
  succeeded(usage: Usage | undefined, text: string, model: string, hidden = 0): void {
    if (model !== '') this.#line.model = model;
    if (usage !== undefined) this.#learn(usage, text, hidden);
    this.#end('ok', usage ?? this.#estimated(text), usage === undefined);
  }

  /**
   * @param text what had come; of an attempt of which nothing was heard, nothing is taken to be billed.
   * @param reach how far its request had come, as far as its error proves it.
   */
  broke(outcome: Attempt['outcome'], text: string, reach?: Reach): void {
    if (this.#isTold) return this.#end(outcome, this.#told, false);
    const hasContent = text !== '' || this.#line.firstContentMs !== undefined;
    const isKnown = hasContent || this.#told !== undefined || this.#accepted;
    // Of an attempt that asks more than once, the error is only the last one's.
    if (reach === 'unsent' && !isKnown && !this.#heard) {
      this.#line.mayBeBilled = false;
      return this.#end(outcome, undefined, false);
    }
    const billed = isKnown || reach === 'accepted' || this.#hasArrived(outcome);
    this.#end(outcome, billed ? this.#estimated(text) : undefined, billed);
  }

  /** Ended by us, before anything was heard: the provider is at work on it by then, or will never see it. */
  #hasArrived(outcome: Attempt['outcome']): boolean {
    if (outcome === undefined || !endings.has(outcome)) return false;
    return callOf(this.#context).accounts?.hasArrived(this.#provider.name, now() - this.sentAt) === true;
  }

  /** As it stands now; the line goes on. */
  #tell(type: 'attempt:start' | 'attempt:answer'): void {
    if (!callOf(this.#context).events.heard(type)) return;
    this.#context.publish({ type, ledger: Object.freeze({ ...this.#line }) });
  }

  #estimated(text: string): Usage {
    const rough = this.#rough(text);
    const { input, output } = callOf(this.#context).accounts?.scaleOf(this.#provider.name).of(rough) ?? rough;
    if (this.#told === undefined) return { inputTokens: input, outputTokens: output };
    return { ...this.#told, outputTokens: Math.max(this.#told.outputTokens, output) };
  }

  #rough(text: string): { readonly input: number; readonly output: number } {
    return { input: estimateTokens(this.#request).input, output: estimateTextTokens(text) };
  }

  /** What an answer whose tokens were counted tells about those whose will not be. */
  #learn({ inputTokens, outputTokens }: Usage, text: string, hidden: number): void {
    const counted = { input: inputTokens, output: outputTokens - hidden };
    callOf(this.#context).accounts?.scaleOf(this.#provider.name).learn(this.#rough(text), counted);
  }

  #end(outcome: Attempt['outcome'], usage: Usage | undefined, estimated: boolean): void {
    const line = this.#line;
    line.durationMs = now() - this.sentAt;
    line.outcome = outcome;
    line.usage = usage;
    line.usageEstimated = estimated;
    line.cost ??= usage === undefined ? 0 : this.#costOf(usage);
    Object.freeze(line);
    callOf(this.#context).accounts?.settled(line, this.#request.metadata);
    this.#context.publish({ type: 'attempt:end', ledger: line });
  }

  #costOf(usage: Usage): number | undefined {
    const { accounts } = callOf(this.#context);
    if (accounts === undefined) return costOf(usage, this.#provider.traits?.price);
    return accounts.costOf(this.#provider, usage, this.#line.model);
  }
}

/** How attempts end that nobody waits for any more. Not in a time-out: who has said nothing for so long may never have heard. */
const endings: ReadonlySet<Attempt['outcome']> = new Set(['abandoned', 'cancelled', 'deadline_exceeded', 'closed']);

/** US dollars of all attempts; `undefined` when one's price is not known. */
export function totalCost(attempts: readonly Attempt[]): number | undefined {
  let total = 0;
  for (const { cost } of attempts) {
    if (cost === undefined) return undefined;
    total += cost;
  }
  return total;
}
