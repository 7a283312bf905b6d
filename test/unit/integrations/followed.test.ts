import { afterEach, describe, expect, it, vi } from 'vitest';
import { createFetch } from '../../../src/integrations/fetch.ts';
import { settled, virtualTime } from '../middleware/support.ts';

virtualTime();
afterEach(() => void vi.restoreAllMocks());

/** A body that comes in pieces, each so many milliseconds after the one before, and then stays open; a piece without text ends it. */
function bodyOf(pieces: readonly (readonly [ms: number, text?: string])[]): ReadableStream<Uint8Array> {
  const left = [...pieces];
  return new ReadableStream({
    async pull(controller) {
      const [ms, text] = left.shift() ?? [Number.POSITIVE_INFINITY];
      if (ms === Number.POSITIVE_INFINITY) return new Promise(() => {});
      await new Promise((resolve) => setTimeout(resolve, ms));
      if (text === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(text));
    },
  });
}

describe('a stream under a fetch', () => {
  it('is whole after its last event, however late that was, and however long its server keeps the connection', async () => {
    const content = 'data: {"type":"content_block_delta","delta":{"text":"Hi"}}\n\n';
    const end = 'data: {"type":"message_stop"}\n\n';
    const body = bodyOf([
      [10, content],
      [900, end],
    ]);
    const headers = { 'content-type': 'text/event-stream' };
    const fetch = createFetch({ fetch: async () => new Response(body, { headers }), timeout: { idleMs: 1_000 } });
    const asked = { method: 'POST', body: '{"model":"m","stream":true,"messages":[]}' };
    const text = fetch('https://any.test/v1/messages', asked).then((response) => response.text());
    // The good-bye is waited for as well.
    expect(await settled(text)).toMatchObject({ ok: true, value: content + end, ms: 1_410 });
    await fetch.transport.close();
  });

  it('has all the time of a silence again, when the rest of it is asked for', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const events = [
      { type: 'response.created', response: { id: 'resp_1', background: true } },
      { type: 'response.output_text.delta', delta: 'Hi' },
      { type: 'response.completed', response: { status: 'completed', output: [] } },
    ].map((event, sequence_number) => `data: ${JSON.stringify({ ...event, sequence_number })}\n\n`);
    const [created = '', text, completed] = events;
    const bodies = [() => bodyOf([[10, created + text], [700]]), () => bodyOf([[700, completed], [0]])];
    const headers = { 'content-type': 'text/event-stream' };
    const inner = async () => new Response(bodies.shift()?.(), { headers });
    const fetch = createFetch({ fetch: inner, timeout: { idleMs: 1_000 } });
    const asked = { method: 'POST', body: '{"model":"m","stream":true,"background":true,"input":"Hello"}' };
    const read = fetch('https://any.test/v1/responses', asked).then((response) => response.text());
    // Of the second connection, and not of a third.
    expect(await settled(read)).toMatchObject({ ok: true, value: events.join(''), ms: 1_410 });
    await fetch.transport.close();
  });
});
