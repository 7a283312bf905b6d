/**
 * `node bench/fetch.ts`: what `createFetch()` adds to each event of a stream that passes. The same stream, read in turn with it and
 * without it, in one process. Each is a sample of some milliseconds, in which nothing is waited for, and of all samples the quietest tenth
 * stands beside the middle: those are the ones that nobody else's programs have come between. What a call costs once, whatever comes, is
 * measured by a stream with hardly an event, and taken off.
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

type Times = Readonly<Record<'bare' | 'through', Readonly<Record<'long' | 'short', number[]>>>>;

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
    const contentType = name === 'ollama' ? 'application/x-ndjson' : 'text/event-stream';
    const [long, short] = [
      answering(pieces, contentType),
      answering([...pieces.slice(0, 1), ...pieces.slice(-1)], contentType),
    ];
    let answer = long;
    const bare: Fetch = (...asked) => answer(...asked);
    const through = createFetch({ fetch: bare });
    const ways = { bare, through };
    const times = { bare: { long: [], short: [] }, through: { long: [], short: [] } } as Times;
    for (let round = -20; round < rounds; round += 1) {
      for (const length of ['long', 'short'] as const) {
        answer = length === 'long' ? long : short;
        for (const way of ['bare', 'through'] as const) {
          const us = await timeUs(() => read(ways[way], path));
          if (round >= 0) times[way][length].push(us);
        }
      }
    }
    await through.transport.close();
    const told = ([0.1, 0.5] as const).map((share) => {
      const costOf = ({ long, short }: Times['bare']) =>
        (quantile(long, share) - quantile(short, share)) / (events - perPiece);
      const [without, having] = [costOf(times.bare), costOf(times.through)];
      return `${without.toFixed(2)} → ${having.toFixed(2)}, added ${(having - without).toFixed(2)}`;
    });
    console.log(`${perPiece} an arrival  ${name.padEnd(10)} quietest: ${told[0]}   middle: ${told[1]}`);
  }
}
