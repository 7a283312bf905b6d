import type { Watcher } from '../../core/context.ts';
import type { ReceivedFacts } from '../../core/types.ts';

/** Notes whether a tool call was begun, of which nothing has been delivered yet. */
export class OpenTools implements Watcher {
  begun = false;

  received({ toolCall }: ReceivedFacts): void {
    if (toolCall === true) this.begun = true;
  }
}
