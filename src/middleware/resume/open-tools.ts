import type { Watcher } from '../../core/context.ts';

/** Notes whether a tool call was begun, of which nothing has been delivered yet. */
export class OpenTools implements Watcher {
  begun = false;

  progress(): void {
    this.begun = true;
  }
}
