import { createTransport, type Transport, TransportError } from '../../src/index.ts';
import { type FaultChoice, simulated } from '../../src/testing/index.ts';

/** What can become of a call: each reads its call in its own way, and says how it ended. */
interface Kind {
  readonly name: string;
  /** How many of twenty-two calls. */
  readonly share: number;
  /** Of the primary. */
  readonly fault?: FaultChoice;
  /** Of the backup. */
  readonly backup?: FaultChoice;
  readonly ends: string;
  run(llm: Transport, prompt: string, signal: AbortSignal): Promise<string>;
}

const unary: Kind['run'] = async (llm, prompt, signal) => {
  await llm.complete({ prompt }, { signal });
  return 'ok';
};

const read: Kind['run'] = async (llm, prompt, signal) => {
  for await (const _ of await llm.complete({ prompt, stream: true }, { signal }));
  return 'ok';
};

export const kinds: readonly Kind[] = [
  { name: 'unary', share: 6, ends: 'ok', run: unary },
  {
    name: 'deadline',
    share: 1,
    ends: 'ok',
    run: async (llm, prompt, signal) => {
      await llm.complete({ prompt }, { signal, timeoutMs: 60_000, priority: 'interactive' });
      return 'ok';
    },
  },
  { name: 'overloaded', share: 1, fault: 'http-503', ends: 'ok', run: unary },
  { name: 'truncated', share: 1, fault: { kind: 'unterminated', missing: 'terminalEvent' }, ends: 'ok', run: unary },
  { name: 'invalid', share: 1, fault: 'invalid-request', ends: 'invalid_request', run: unary },
  {
    name: 'nowhere',
    share: 1,
    fault: 'too-large',
    backup: 'too-large',
    ends: 'no_provider',
    run: unary,
  },
  { name: 'read', share: 5, ends: 'ok', run: read },
  { name: 'failed over', share: 1, fault: 'http-500', ends: 'ok', run: read },
  { name: 'cut', share: 1, fault: { kind: 'cut', afterTokens: 2, by: 'reset' }, ends: 'stream_interrupted', run: read },
  {
    name: 'left',
    share: 1,
    ends: 'left',
    run: async (llm, prompt, signal) => {
      for await (const _ of await llm.complete({ prompt, stream: true }, { signal })) break;
      return 'left';
    },
  },
  {
    name: 'unread',
    share: 1,
    ends: 'unread',
    run: async (llm, prompt, signal) => {
      await llm.complete({ prompt, stream: true }, { signal });
      return 'unread';
    },
  },
  {
    name: 'aborted stream',
    share: 1,
    fault: { kind: 'stall', afterTokens: 2 },
    ends: 'cancelled',
    run: async (llm, prompt) => {
      const controller = new AbortController();
      for await (const _ of await llm.complete({ prompt, stream: true }, { signal: controller.signal }))
        controller.abort();
      return 'ok';
    },
  },
  {
    name: 'aborted',
    share: 1,
    fault: { kind: 'silence', at: 'afterHeaders' },
    ends: 'cancelled',
    run: async (llm, prompt) => {
      const controller = new AbortController();
      const call = llm.complete({ prompt }, { signal: controller.signal });
      setImmediate(() => controller.abort());
      await call;
      return 'ok';
    },
  },
];

const wheel = kinds.flatMap((kind) => Array.from({ length: kind.share }, () => kind));

/** A transport over two simulated providers, which do to a call what its kind says. */
export function mixedTransport(): Transport {
  const kindOf = new Map(kinds.map((kind) => [kind.name, kind]));
  const provider = (name: string, fault: (kind: Kind | undefined) => FaultChoice | undefined) =>
    simulated({
      name,
      answer: () => 'one two three',
      keepRequests: 10,
      script: ({ prompt }) => fault(kindOf.get(prompt.split(':')[0] ?? '')) ?? 'ok',
    });
  return createTransport({
    providers: [provider('primary', (kind) => kind?.fault), provider('backup', (kind) => kind?.backup)],
    // Every fault is to be met, not avoided: not by another attempt beside it either, on a machine that is busy.
    hedge: { afterMs: 60_000 },
    // opossum keeps a latency of every attempt for as long as its window: 8 bytes.
    circuitBreaker: { failureRatio: 1, minAttempts: 1_000_000, windowMs: 500 },
  });
}

/** Makes so many calls, a hundred at a time, and counts how each kind of them ended. */
export async function makeCalls(
  llm: Transport,
  count: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>();
  let made = 0;
  const caller = async (): Promise<void> => {
    while (made < count) {
      const kind = wheel[made % wheel.length] as Kind;
      made += 1;
      let end: string;
      try {
        end = await kind.run(llm, `${kind.name}: Hello`, signal);
      } catch (error) {
        end = TransportError.is(error) ? error.code : String(error);
      }
      const label = end === kind.ends ? kind.name : `${kind.name} ended ${end}`;
      ends.set(label, (ends.get(label) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 100 }, caller));
  return ends;
}
