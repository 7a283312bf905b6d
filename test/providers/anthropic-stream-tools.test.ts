import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  close,
  good,
  input,
  open,
  openText,
  openTool,
  providerOf,
  start,
  stop,
  text,
  thinking,
  turn,
} from './anthropic-support.ts';
import { answering, read, type Server, sse } from './support.ts';

let server: Server;
beforeEach(async () => {
  server = await answering(sse(good));
});
afterEach(() => server.close());

const reading = (events: readonly unknown[]) => {
  server.answer(sse(events));
  return read(providerOf(server));
};

describe('tool calls in a stream', () => {
  const first = [openTool(0, 'a', 'weather'), input('', 0), input('{"city"', 0), input(':"Oslo"}', 0)];
  const weather = { id: 'a', name: 'weather', input: { city: 'Oslo' } };

  test('come out whole, as soon as their block ends', async () => {
    const { chunks } = await reading([
      start,
      ...first,
      close(0),
      openText(1),
      text('!', 1),
      close(1),
      turn('tool_use'),
      stop,
    ]);
    expect(chunks.map(({ type }) => type)).toEqual(['toolCall', 'text', 'finish']);
    expect(chunks[0]).toEqual({ type: 'toolCall', toolCall: weather });
  });

  test('that run side by side are put together by their index', async () => {
    const events = [start, ...first.slice(0, 3), openTool(1, 'b', 'time'), input('{"zo', 1), input(':"Oslo"}', 0)];
    const { toolCalls, finish } = await reading([
      ...events,
      close(0),
      input('ne":"UTC"}', 1),
      close(1),
      turn('end_turn'),
      stop,
    ]);
    expect(toolCalls).toEqual([weather, { id: 'b', name: 'time', input: { zone: 'UTC' } }]);
    expect(finish[0]?.finishReason).toBe('tool_calls');
  });

  test('without arguments are whole too, in their order', async () => {
    const { toolCalls } = await reading([
      start,
      openTool(0, 'a', 'now'),
      close(0),
      openTool(1, 'b', 'later'),
      input('{}', 1),
      close(1),
      turn('tool_use'),
      stop,
    ]);
    expect(toolCalls).toEqual([
      { id: 'a', name: 'now', input: {} },
      { id: 'b', name: 'later', input: {} },
    ]);
  });

  test.each([
    ['no JSON', '{"city":'],
    ['no object', '"Oslo"'],
  ])('with arguments that are %s are a bad response', async (_, json) => {
    const { toolCalls, error } = await reading([
      start,
      openTool(0, 'a', 'weather'),
      input(json),
      close(0),
      turn('tool_use'),
      stop,
    ]);
    expect([toolCalls, error?.code]).toEqual([[], 'bad_response']);
  });

  test.each([
    ['inside its arguments', '{"zo'],
    ['before its arguments', ''],
  ])('that were cut off at max_tokens %s are dropped, the whole ones kept', async (_, json) => {
    const events = [start, ...first, close(0), openTool(1, 'b', 'time'), input(json, 1), close(1)];
    const { toolCalls, finish, error } = await reading([...events, turn('max_tokens'), stop]);
    expect([toolCalls, finish[0]?.finishReason, error]).toEqual([[weather], 'length', undefined]);
  });

  test('of a stream that broke are not delivered', async () => {
    const { toolCalls, error } = await reading([start, ...first]);
    expect([toolCalls, error?.code]).toEqual([[], 'truncated']);
  });
});

describe('a refusal', () => {
  test('in a stream is content_filtered, with what had arrived', async () => {
    const { error, finish } = await reading([
      start,
      open(0, { type: 'thinking', thinking: '' }),
      thinking('Hm'),
      close(0),
      openText(1),
      text('Hel', 1),
      turn('refusal', { stop_details: { type: 'refusal', category: 'bio', explanation: null } }),
      stop,
    ]);
    expect([error?.code, error?.retry, finish]).toEqual(['content_filtered', 'never', []]);
    expect(error?.partial).toEqual({ text: 'Hel', toolCalls: [], reasoning: 'Hm' });
    expect(error?.message).toBe('primary refused to answer by policy (bio)');
  });
});
