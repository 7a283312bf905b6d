/** What `createFetch()` takes for each option that is not given, as it is seen in what it does. */
import { vi } from 'vitest';
import { createFetch, type FetchOptions } from '../src/integrations/fetch.ts';
import { Told } from './docs-told.ts';

const body = JSON.stringify({ model: 'asked', messages: [{ role: 'user', content: 'Hello' }] });
const answer = '{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}';
const own = 'https://own.test/v1';

interface Sent {
  readonly url: string;
  readonly key: string | null;
  readonly model: string;
}

/** What becomes of a request. */
async function sentWith(options: FetchOptions): Promise<Sent | undefined> {
  let sent: Sent | undefined;
  const inner = async (input: unknown, init?: RequestInit): Promise<Response> => {
    const key = new Headers(init?.headers).get('authorization');
    sent = { url: String(input), key, model: JSON.parse(String(init?.body)).model };
    return new Response(answer, { headers: { 'content-type': 'application/json' } });
  };
  const runtime = vi.spyOn(globalThis, 'fetch').mockImplementation(inner);
  const fetch = createFetch(options);
  await fetch(`${own}/chat/completions`, { method: 'POST', body, headers: { authorization: 'Bearer its-own' } });
  await fetch.transport.close();
  runtime.mockRestore();
  return sent;
}

const told = (words: string, holds: Told['holds']) => new Told(words, holds);
const at = (baseURL: string) => sentWith({ targets: [{ baseURL }] });
const healthOf = (target: { model?: string }) =>
  createFetch({ targets: [{ baseURL: 'https://eu.test:8443/v1', ...target }] }).transport.health()[0];

/** A client that obeys what it is told, and one that does not, and a provider that is down. */
async function toldOfFailure(failures?: FetchOptions['failures']): Promise<readonly boolean[]> {
  const inner = async () => new Response('{}', { status: 503 });
  const fetch = createFetch({ fetch: inner as never, retry: false, failures });
  const isResponse = (headers: Record<string, string>) =>
    fetch(`${own}/chat/completions`, { method: 'POST', body, headers }).then(
      () => true,
      () => false,
    );
  const both = [await isResponse({ 'x-stainless-lang': 'js' }), await isResponse({})];
  await fetch.transport.close();
  return both;
}

export const observedFetch: Readonly<Record<string, () => unknown>> = {
  'FetchOptions.fetch': () => told("the runtime's", async () => (await sentWith({})) !== undefined),
  'FetchOptions.targets': () =>
    told('none: every request goes where the client sends it', async () => {
      const sent = await sentWith({});
      return sent?.url === `${own}/chat/completions` && sent.key === 'Bearer its-own' && sent.model === 'asked';
    }),
  'FetchOptions.failures': async () => {
    const found = String(await toldOfFailure());
    const ways = await Promise.all((['auto', 'response', 'throw'] as const).map(toldOfFailure));
    return (['auto', 'response', 'throw'] as const)[ways.map(String).indexOf(found)];
  },
  'FetchTarget.apiKey': () =>
    told('that of the client, where the target has its origin; else none', async () => {
      const [same, other] = [await at(`${own}/other`), await at('https://eu.test/v1')];
      return same?.key === 'Bearer its-own' && other?.key === null;
    }),
  'FetchTarget.model': () =>
    told('the one that the client asks for', async () => (await at('https://eu.test/v1'))?.model === 'asked'),
  'FetchTarget.name': () =>
    told("'<host>', '<host>/<model>' with a model of its own", () => {
      const [bare, named] = [healthOf({}), healthOf({ model: 'm' })];
      return bare?.name === 'eu.test:8443' && named?.name === 'eu.test:8443/m';
    }),
  'FetchTarget.domain': () => told('the host', () => healthOf({})?.domain === 'eu.test:8443'),
};
