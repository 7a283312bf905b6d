import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Message, ToolCall } from '../../src/core/types.ts';
import { message, providerOf } from '../providers/anthropic-support.ts';
import { providerOf as geminiOf, whole } from '../providers/google-support.ts';
import { answering, contextFor, json, type Server } from '../providers/support.ts';

// Some vendors begin anew with `call_0` in every answer. Anthropic refused such a conversation for ever: "`tool_use` ids must be unique".

let server: Server;
beforeEach(async () => {
  server = await answering(json(message));
});
afterEach(() => server.close());

const step = (...toolCalls: ToolCall[]): Message[] => [
  { role: 'assistant', content: '', toolCalls },
  ...toolCalls.map(({ id, name }) => ({ role: 'tool' as const, toolCallId: id, content: `result of ${name}` })),
];
const call = (id: string, name: string): ToolCall => ({ id, name, input: {} });

/** Names of the called tools with what came of each, as the API pairs them: by id, within a step. */
async function pairs(messages: readonly Message[]) {
  await providerOf(server).complete({ messages: [{ role: 'user', content: 'Go' }, ...messages] }, contextFor().context);
  const turns = server.requests.at(-1)?.body.messages as { content: Record<string, string>[] }[];
  const ids = turns.flatMap(({ content }) => [...content].flatMap(({ type, id }) => (type === 'tool_use' ? [id] : [])));
  const steps = turns
    .slice(1)
    .flatMap(({ content }, at, all) =>
      content
        .filter(({ type }) => type === 'tool_use')
        .map(({ id, name }) => [
          name,
          all[at + 1]?.content.filter(({ tool_use_id }) => tool_use_id === id).map((block) => block.content),
        ]),
    );
  return { ids, steps };
}

const answered = (...names: string[]) => names.map((name) => [name, [`result of ${name}`]]);

test('ids that another vendor uses again in a later answer are unique for Anthropic, each with its result', async () => {
  const messages = [
    ...step(call('call_0', 'a'), call('call_1', 'b')),
    ...step(call('call_0', 'c'), call('call_0_2', 'd')),
    ...step(call('call_0', 'e')),
  ];
  const { ids, steps } = await pairs(messages);
  expect(new Set(ids).size).toBe(5);
  expect(ids.slice(0, 2)).toEqual(['call_0', 'call_1']);
  expect(steps).toEqual(answered('a', 'b', 'c', 'd', 'e'));
});

test.each([
  ['are the same', ['call_0', 'call_0']],
  ['differ only in characters that Anthropic refuses', ['now.1', 'now:1']],
])('ids of parallel calls that %s are unique too', async (_, [first = '', second = '']) => {
  const { ids, steps } = await pairs(step(call(first, 'a'), call(second, 'b')));
  expect(new Set(ids).size).toBe(2);
  expect(steps).toEqual(answered('a', 'b'));
});

test('results may come in another order', async () => {
  const [calls, ...results] = step(call('call_0', 'a'), call('call_1', 'b')) as [Message, ...Message[]];
  const { steps } = await pairs([...step(call('call_1', 'z')), calls, ...results.reverse()]);
  expect(steps).toEqual(answered('z', 'a', 'b'));
});

test('results of parallel calls with one id are not those of the last of them for Gemini either', async () => {
  server.answer(json(whole));
  const messages: Message[] = [
    { role: 'user', content: 'Go' },
    ...step(call('call_0', 'a'), call('call_0', 'b')),
    ...step(call('call_0', 'c')),
  ];
  await geminiOf(server).complete({ messages }, contextFor().context);
  const contents = server.requests.at(-1)?.body.contents as { parts: { functionResponse?: object }[] }[];
  expect(contents.flatMap(({ parts }) => parts.flatMap(({ functionResponse }) => functionResponse ?? []))).toEqual(
    ['a', 'b', 'c'].map((name) => ({ name, response: { output: `result of ${name}` } })),
  );
});
