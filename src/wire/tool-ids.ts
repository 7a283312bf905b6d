/**
 * The ids of a conversation's tool calls as strict servers take them: they refuse some characters that other vendors' ids have, and any
 * id that comes twice, while some vendors begin anew with `call_0` in every answer.
 */
export class ToolIds {
  readonly #taken = new Set<string>();
  /** The ids that calls are sent with, by those that they came with, as long as they have no result. */
  readonly #waiting = new Map<string, string[]>();

  ofCall(id: string): string {
    const safe = safeId(id);
    let own = safe;
    for (let count = 2; this.#taken.has(own); count += 1) own = `${safe}_${count}`;
    this.#taken.add(own);
    this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), own]);
    return own;
  }

  ofResult(id: string): string {
    return this.#waiting.get(id)?.shift() ?? safeId(id);
  }
}

function safeId(id: string): string {
  return id.replace(/[^A-Za-z0-9_-]/g, '_');
}
