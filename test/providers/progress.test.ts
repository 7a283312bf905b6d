import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Provider } from '../../src/core/types.ts';
import { providerOf as anthropicOf, close, input, openTool, ping, start, stop, turn } from './anthropic-support.ts';
import { answering, contextFor, delta, done, hello, providerOf as openaiOf, role, sse } from './support.ts';

const piece = (args: string) => delta({ tool_calls: [{ index: 0, function: { arguments: args } }] });
const called = { index: 0, id: 'call_1', type: 'function', function: { name: 'w', arguments: '' } };
const opened = delta({ tool_calls: [called] });

/** What comes of a stream, and between the chunks what the context is told of progress. */
async function told(provider: Provider): Promise<string[]> {
  const given = contextFor();
  const seen: string[] = [];
  const context = { ...given.context, received: (facts: object) => 'progress' in facts && seen.push('progress') };
  for await (const chunk of provider.stream?.(hello, { ...given.context, ...context } as never) ?? [])
    seen.push(chunk.type);
  // Several pieces may be read at once.
  return seen.filter((what, index) => what !== 'progress' || seen[index + 1] !== 'progress');
}

describe('a tool call on its way', () => {
  let server: Awaited<ReturnType<typeof answering>>;
  beforeEach(async () => {
    server = await answering(sse([]));
  });
  afterEach(() => server.close());

  /** Writes events one by one, so that each is read by itself. */
  const slowly = (events: readonly unknown[]) =>
    sse([], {
      end: async (response) => {
        for (const one of events) {
          response.write(typeof one === 'string' ? one : `data: ${JSON.stringify(one)}\n\n`);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        response.end();
      },
    });

  it('of Chat Completions tells that the answer goes on; empty pieces do not', async () => {
    server.answer(
      slowly([role, opened, piece('{"a"'), ': ping\n\n', piece(':1'), piece('}'), delta({}, 'tool_calls'), done]),
    );
    expect(await told(openaiOf(server))).toEqual(['progress', 'toolCall', 'finish']);
    const begun = delta({ content: 'Well', tool_calls: [called] });
    server.answer(slowly([role, begun, piece(''), piece(''), delta({}, 'tool_calls'), done]));
    expect(await told(openaiOf(server))).toEqual(['text', 'progress', 'toolCall', 'finish']);
  });

  it('of Messages does too; pings and empty pieces do not', async () => {
    const call = (...pieces: string[]) => [start, openTool(0, 'id', 'w'), ...pieces, close(0), turn('tool_use'), stop];
    server.answer(slowly(call(input('{"a"'), input(''), ping, input(':1}'))));
    expect(await told(anthropicOf(server))).toEqual(['progress', 'toolCall', 'finish']);
    server.answer(slowly(call(ping, input(''), ping, input(''))));
    expect(await told(anthropicOf(server))).toEqual(['toolCall', 'finish']);
  });
});
