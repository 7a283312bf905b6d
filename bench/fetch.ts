/**
 * `node bench/fetch.ts`: what `createFetch()` adds to each event of a stream that passes. The same stream, read in turn with it and
 * without it, in one process. Each is a sample of some milliseconds, in which nothing is waited for, and of all samples the quietest tenth
 * stands beside the middle: those are the ones that nobody else's programs have come between.
 */
import { createFetch } from '../src/integrations/fetch.ts';
import { quantile } from './statistics.ts';

const events = 2_000;
const rounds = 300;

interface Sample {
  readonly path: string;
  readonly event: (word: string, at: number) => string;
  readonly end: string;
}

const frame = (data: object, event?: string) =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
const samples: Readonly<Record<string, Sample>> = {
  chat: {
    path: '/v1/chat/completions',
    event: (content) =>
      frame({
        ...{ id: 'chatcmpl-AbCdEfGhIjKlMnOpQrStUv', object: 'chat.completion.chunk', created: 1731368633 },
        ...{ model: 'gpt-4o-2024-08-06', service_tier: 'default', system_fingerprint: 'fp_0ba0d124f1' },
        choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }],
        usage: null,
      }),
    end: `${frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}data: [DONE]\n\n`,
  },
  responses: {
    path: '/v1/responses',
    event: (delta, sequence_number) => {
      const type = 'response.output_text.delta';
      const item_id = 'msg_0d5a7ca7ed0e1ab60069fab02c0b4c81';
      return frame({ type, sequence_number, item_id, output_index: 0, content_index: 0, delta, logprobs: [] }, type);
    },
    end: frame({ type: 'response.completed', response: { status: 'completed' } }, 'response.completed'),
  },
  messages: {
    path: '/v1/messages',
    event: (text) =>
      frame({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }, 'content_block_delta'),
    end: frame({ type: 'message_stop' }, 'message_stop'),
  },
  gemini: {
    path: '/v1beta/models/m:streamGenerateContent',
    event: (text) =>
      frame({
        candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0 }],
        usageMetadata: { promptTokenCount: 9, totalTokenCount: 20 },
        modelVersion: 'gemini-2.5-flash',
      }),
    end: frame({ candidates: [{ content: {}, finishReason: 'STOP', index: 0 }] }),
  },
  ollama: {
    path: '/api/chat',
    event: (content) =>
      `${JSON.stringify({ model: 'llama3', message: { role: 'assistant', content }, done: false })}\n`,
    end: `${JSON.stringify({ model: 'llama3', message: { content: '' }, done: true, done_reason: 'stop' })}\n`,
  },
};

type Fetch = typeof globalThis.fetch;

/** Answers with these pieces, as fast as they are read. */
function answering(pieces: readonly Uint8Array<ArrayBuffer>[], contentType: string): Fetch {
  return async () => {
    let at = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const piece = pieces[at];
          at += 1;
          if (piece === undefined) controller.close();
          else controller.enqueue(piece);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: { 'content-type': contentType } });
  };
}

async function read(fetch: Fetch, path: string): Promise<void> {
  const body = '{"model":"m","stream":true,"messages":[{"role":"user","content":"Hello"}]}';
  const response = await fetch(`https://bench.test${path}`, { method: 'POST', body });
  const reader = response.body?.getReader();
  while ((await reader?.read())?.done === false) {
    // Nothing is made of it.
  }
}

async function timeUs(run: () => Promise<void>): Promise<number> {
  const before = process.hrtime.bigint();
  await run();
  return Number(process.hrtime.bigint() - before) / 1_000;
}

console.log(`microseconds an event, ${events} events a stream, ${rounds} streams each`);
for (const perPiece of [1, 4]) {
  for (const [name, { path, event, end }] of Object.entries(samples)) {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0; at < events; at += perPiece) {
      const text = Array.from({ length: perPiece }, (_, next) => event(` word${at + next}`, at + next)).join('');
      pieces.push(new TextEncoder().encode(text));
    }
    pieces.push(new TextEncoder().encode(end));
    const bare = answering(pieces, name === 'ollama' ? 'application/x-ndjson' : 'text/event-stream');
    const through = createFetch({ fetch: bare });
    const used = { bare: [] as number[], through: [] as number[] };
    for (let round = -20; round < rounds; round += 1) {
      const [without, having] = [await timeUs(() => read(bare, path)), await timeUs(() => read(through, path))];
      if (round < 0) continue;
      used.bare.push(without);
      used.through.push(having);
    }
    await through.transport.close();
    const told = ([0.1, 0.5] as const).map((share) => {
      const [without, having] = [used.bare, used.through].map((all) => quantile(all, share) / events) as [
        number,
        number,
      ];
      return `${without.toFixed(2)} → ${having.toFixed(2)}, added ${(having - without).toFixed(2)}`;
    });
    console.log(`${perPiece} an arrival  ${name.padEnd(10)} quietest: ${told[0]}   middle: ${told[1]}`);
  }
}
