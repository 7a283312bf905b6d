import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/core/types.ts';
import { simulatedServer } from '../../src/testing/index.ts';
import { wrap } from '../../src/wrap.ts';
import { type Door, doors, linesOf, type Place, prompt } from './every-door.ts';
import { dollars, type ToldAnswer, toldAnswers, used } from './told-answers.ts';

/** What a provider says that an answer has used is in the ledger, whatever becomes of the answer, and by whichever door it came. */

/** Answers of which only the beginning comes: what is told there, and no content. */
const cut: readonly ToldAnswer[] = toldAnswers
  .filter(({ name }) => name === 'whole')
  .map((answer) => ({ ...answer, events: [begun(answer)] }));

/** Of Gemini's, which is all one event, what comes before there is a candidate. */
function begun({ wire, events: [first] }: ToldAnswer): object {
  return wire === 'google' ? { ...first, candidates: [] } : (first as object);
}

/** Of the prompt, by its length. */
const estimate = { inputTokens: Math.ceil(prompt.length / 4), outputTokens: 0 };

/** Answers with what its path begins with the number of. */
let server: Server;
beforeAll(async () => {
  server = createServer((request, response) => {
    const { whole, events } = [...toldAnswers, ...cut][Number(request.url?.split('/')[1])] as ToldAnswer;
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
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ways = [false, true];

function placeOf(answer: number): Place {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${answer}`;
  return { url, baseURL: `${url}/v1` };
}

/** What an SDK keeps to itself: the AI SDK's package for OpenAI hands on no price, and the AI SDK nothing of an answer that has failed. */
const isKept = (door: Door, { name }: ToldAnswer): boolean =>
  /^aiSdk\(\), r|ai sdk, openai/.test(door.name) && name === 'failed';
const hasPrice = ({ name, wire }: Door): boolean => wire === 'openai' && !name.startsWith('aiSdk()');

describe.concurrent.each(doors)('$name', (door) => {
  it.each(toldAnswers.filter((answer) => answer.wire === door.wire && !isKept(door, answer)))(
    'has what was used: $name',
    async (answer) => {
      const place = placeOf(toldAnswers.indexOf(answer));
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

describe.concurrent('a stream that is cut', () => {
  const counting = doors.filter(
    ({ name, wire }) => !/aiSdk|ai sdk|unstreamed/.test(name) && /anthropic|google/.test(wire),
  );

  it.each(counting)('has the prompt as it was counted, and an estimate of the rest: $name', async (door) => {
    const answer = cut.findIndex(({ wire }) => wire === door.wire);
    const [line] = await linesOf(door, placeOf(toldAnswers.length + answer), true);
    expect(line).toMatchObject({ usage: { inputTokens: used.inputTokens }, usageEstimated: true, mayBeBilled: true });
  });

  it.each(doors.filter(({ name, wire }) => wire === 'openai' && !name.includes('unstreamed')))(
    'has an estimate of the prompt when it had begun, and no more: $name',
    async (door) => {
      const answer = cut.findIndex(({ wire }) => wire === door.wire);
      const lines = await linesOf(door, placeOf(toldAnswers.length + answer), true);
      expect(lines).toMatchObject([{ usage: estimate, usageEstimated: true, mayBeBilled: true }]);
    },
  );
});

describe.concurrent('a whole answer that is cut', () => {
  // Over the wire these stream it, and are told of the prompt.
  const isTold = ({ name }: Door): boolean => /^(?:anthropic|google|aiSdk)\(\)(?!.*unstreamed)/.test(name);

  it.each(doors)('has an estimate, the same by every door that is told nothing: $name', async (door) => {
    const inputTokens = isTold(door) ? expect.any(Number) : estimate.inputTokens;
    await using server = await simulatedServer();
    for (const fault of ['cut-reset', 'cut-close', 'cut-end'] as const) {
      await server.setFault(fault);
      const lines = await linesOf(door, server, false);
      expect([fault, lines]).toMatchObject([
        fault,
        [{ usage: { inputTokens }, usageEstimated: true, mayBeBilled: true }],
      ]);
    }
  });
});

describe('a function that has returned what is no answer', () => {
  it('has an estimate of the prompt', async () => {
    const asking = wrap(async (_: { readonly prompt: string }) => '', { retry: false });
    const lines: Attempt[] = [];
    asking.transport.on('attempt:end', ({ ledger }) => lines.push(ledger));
    await expect(asking({ prompt })).rejects.toMatchObject({ code: 'empty_response' });
    expect(lines).toMatchObject([{ usage: estimate, usageEstimated: true }]);
  });
});
