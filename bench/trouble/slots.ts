/** So many at once; the others wait, first come, first served. What applications write around an SDK. */
export class Slots {
  #limit: number;
  #taken = 0;
  readonly #line: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  get limit(): number {
    return this.#limit;
  }

  /** More of them let in who waits, fewer send nobody away. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#letIn();
  }

  /** Rejects with the signal's reason when it aborts before there is a slot. */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#taken < Math.floor(this.#limit)) this.#taken += 1;
    else await this.#turn(signal);
  }

  give(): void {
    this.#taken -= 1;
    this.#letIn();
  }

  #letIn(): void {
    while (this.#line.length > 0 && this.#taken < Math.floor(this.#limit)) this.#line.shift()?.();
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#line.splice(this.#line.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = (): void => {
        signal.removeEventListener('abort', leave);
        this.#taken += 1;
        resolve();
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', leave);
      this.#line.push(enter);
    });
  }
}
