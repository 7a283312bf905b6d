import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apiKey, clientOf, providerOf, whole } from './google-support.ts';
import { answering, contextFor, errorOf, json, read, type Server } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(json(whole));
});
afterEach(() => server.close());

describe('an error of Google', () => {
  test.each([401, 400, 403, 500])(
    'with status %i never shows the key, the prompt or other credentials',
    async (status) => {
      const prompt = 'My secret diary: the treasure is under the old oak tree.';
      const token = 'ya29.canary-token-99887766';
      server.answer((response, got) => {
        const message = `Bad key ${apiKey} or ${token}, hunter2-pass and ${prompt}`;
        json({ error: { code: status, message, status: 'INTERNAL', got: got.headers } }, status)(response, got);
      });
      const client = clientOf(server, {
        baseUrl: `http://${server.host}/?token=hunter2-pass`,
        headers: { Authorization: `Bearer ${token}` },
      });
      const provider = providerOf(server, { client });
      for (const error of [
        await errorOf(provider.complete({ prompt }, contextFor().context)),
        (await read(provider, { prompt })).error,
      ]) {
        const shown = [
          inspect(error, { depth: 8, showHidden: true }),
          JSON.stringify(error),
          String(error?.stack),
        ].join('\n');
        for (const canary of [apiKey, 'canary-token', 'hunter2-pass', 'treasure', 'oak tree'])
          expect(shown).not.toContain(canary);
      }
    },
  );
});
