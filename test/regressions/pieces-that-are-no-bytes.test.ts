import { describe, expect, it } from 'vitest';
import { createFetch } from '../../src/integrations/fetch.ts';

/** Behind the first content pieces are handed on in a turn of their own: what was thrown there was heard by nobody, and the call hung. */

const event = (delta: object): Uint8Array =>
  new TextEncoder().encode(`data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`);

describe('a fetch whose stream', () => {
  it.each(['data: text\n\n', 5, null, {}])('gives %j among its bytes breaks', async (piece) => {
    let isLeft = false;
    async function* pieces() {
      try {
        yield event({ content: 'Hello' });
        yield event({ content: ' there' });
        yield piece;
        yield event({ content: '!' });
      } finally {
        isLeft = true;
      }
    }
    const odd = async (): Promise<Response> => {
      const response = new Response(null, { headers: { 'content-type': 'text/event-stream' } });
      return Object.defineProperty(response, 'body', { value: pieces() });
    };
    const fetch = createFetch({ fetch: odd, retry: false });
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'Hi' }] });
    const response = await fetch('http://odd.test/v1/chat/completions', { method: 'POST', body });
    await expect(response.text()).rejects.toMatchObject({ code: expect.stringMatching(/^[a-z_]+$/) });
    expect(isLeft).toBe(true);
    await fetch.transport.close();
  });
});
