import { onAbort } from '../../core/signals.ts';
import { responseOf } from './responses.ts';
import type { Opened } from './send.ts';

/** An answer whose body is nobody's business but the client's: it passes, and can be left or aborted as any. */
export function handedOn({ head, response, bytes }: Opened, signal: AbortSignal | undefined): Response {
  if (response.body === null) return responseOf(head, null);
  let stop: () => void = () => {};
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (signal === undefined) return;
        stop = onAbort(signal, () => {
          bytes.cancel(signal.reason);
          controller.error(signal.reason);
        });
      },
      async pull(controller) {
        try {
          const piece = await bytes.read();
          if (signal?.aborted) return;
          if (piece !== undefined) return controller.enqueue(piece);
        } catch (error) {
          stop();
          throw error;
        }
        stop();
        controller.close();
      },
      cancel(reason) {
        stop();
        bytes.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return responseOf(head, body);
}
