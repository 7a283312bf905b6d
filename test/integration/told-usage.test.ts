import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Door, doors, linesOf, type Place } from './every-door.ts';
import { dollars, type ToldAnswer, toldAnswers, used } from './told-answers.ts';

/** What a provider says that an answer has used is in the ledger, whatever becomes of the answer, and by whichever door it came. */

/** Answers with what its path begins with the number of. */
let server: Server;
beforeAll(async () => {
  server = createServer((request, response) => {
    const { whole, events } = toldAnswers[Number(request.url?.split('/')[1])] as ToldAnswer;
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const isStream = /:stream/.test(request.url ?? '') || /"stream":\s*true/.test(body);
      response.setHeader('content-type', isStream ? 'text/event-stream' : 'application/json');
      if (!isStream) return void response.end(JSON.stringify(whole));
      for (const event of events) {
        const { type } = event as { readonly type?: string };
        response.write(`${type === undefined ? '' : `event: ${type}\n`}data: ${JSON.stringify(event)}\n\n`);
      }
      response.end('id' in whole && 'choices' in whole ? 'data: [DONE]\n\n' : '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ways = [false, true];

/** What an SDK keeps to itself: the AI SDK's package for OpenAI hands on no price, and the AI SDK nothing of an answer that has failed. */
const isKept = (door: Door, { name }: ToldAnswer): boolean =>
  /^aiSdk\(\), r|ai sdk, openai/.test(door.name) && name === 'failed';
const hasPrice = ({ name, wire }: Door): boolean => wire === 'openai' && !name.startsWith('aiSdk()');

describe.concurrent.each(doors)('$name', (door) => {
  it.each(toldAnswers.filter((answer) => answer.wire === door.wire && !isKept(door, answer)))(
    'has what was used: $name',
    async (answer) => {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${toldAnswers.indexOf(answer)}`;
      const place: Place = { url, baseURL: `${url}/v1` };
      for (const stream of ways) {
        const lines = await linesOf(door, place, stream);
        const told = lines.map(({ usage, usageEstimated, cost }) => ({
          stream,
          ...{ inputTokens: usage?.inputTokens, outputTokens: usage?.outputTokens, usageEstimated },
          ...(hasPrice(door) && { cost }),
        }));
        expect(told).toEqual([{ stream, ...used, usageEstimated: false, ...(hasPrice(door) && { cost: dollars }) }]);
      }
    },
  );
});
