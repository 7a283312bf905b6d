import { attemptReason, callOf, waitedMs } from './context.ts';
import { costOf, estimateTextTokens, estimateTokens } from './estimate.ts';
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

  /** The provider has named its price. */
  costs(dollars: number): void {
    this.#line.cost = dollars;
  }

  /** The first content is here. Returns how long it took. */
  answered(): number {
    const ms = now() - this.sentAt;
    this.#line.firstContentMs = ms;
    this.#tell('attempt:answer');
    return ms;
  }

  succeeded(usage: Usage | undefined, text: string, model: string): void {
    if (model !== '') this.#line.model = model;
    this.#end('ok', usage ?? this.#estimated(text), usage === undefined);
  }

  /** @param text what had come; without any, nothing is taken to be billed that the provider has not told. */
  broke(outcome: Attempt['outcome'], text: string): void {
    const began = text !== '' || this.#line.firstContentMs !== undefined;
    this.#end(outcome, began ? this.#estimated(text) : undefined, began);
  }

  /** As it stands now; the line goes on. */
  #tell(type: 'attempt:start' | 'attempt:answer'): void {
    if (!callOf(this.#context).events.heard(type)) return;
    this.#context.publish({ type, ledger: Object.freeze({ ...this.#line }) });
  }

  #estimated(text: string): Usage {
    return { inputTokens: estimateTokens(this.#request).input, outputTokens: estimateTextTokens(text) };
  }

  #end(outcome: Attempt['outcome'], usage: Usage | undefined, estimated: boolean): void {
    const line = this.#line;
    line.durationMs = now() - this.sentAt;
    line.outcome = outcome;
    line.usage = usage;
    line.usageEstimated = estimated;
    line.cost ??= usage === undefined ? 0 : costOf(usage, this.#provider.traits?.price);
    Object.freeze(line);
    this.#context.publish({ type: 'attempt:end', ledger: line });
  }
}

/** US dollars of all attempts; `undefined` when one's price is not known. */
export function totalCost(attempts: readonly Attempt[]): number | undefined {
  let total = 0;
  for (const { cost } of attempts) {
    if (cost === undefined) return undefined;
    total += cost;
  }
  return total;
}
