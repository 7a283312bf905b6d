import { describe, expect, it } from 'vitest';
import { isLack, isMeasurable, lackOf, lengthOf } from '../../../src/core/requirements.ts';
import type { Capability, CompletionRequest, Message, Traits } from '../../../src/core/types.ts';
import { aHealth, aProvider } from './support.ts';

/** What a model with these capabilities lacks for a request. */
function lacking(request: CompletionRequest, ...capabilities: readonly Capability[]) {
  return lackOf(aHealth(aProvider({ traits: { capabilities } })).health, request);
}

const user = (...content: Extract<Message, { role: 'user' }>['content'] & object): CompletionRequest => ({
  messages: [{ role: 'user', content }],
});
const words = { type: 'text', text: 'What is this?' } as const;
const image = { type: 'image', image: 'https://example.com/a.png' } as const;
const file = { type: 'file', data: 'https://example.com/a.pdf', mediaType: 'application/pdf' } as const;

describe('what a request needs', () => {
  it('is nothing special for words, however they are written and whoever said them', () => {
    expect(lacking({ prompt: 'Hi' })).toBeUndefined();
    expect(lacking({ messages: [{ role: 'user', content: 'Hi' }] })).toBeUndefined();
    expect(lacking(user(words))).toBeUndefined();
    expect(
      lacking({
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'assistant', content: 'Hello', toolCalls: [] },
          { role: 'tool', toolCallId: '1', content: 'found' },
        ],
      }),
    ).toBeUndefined();
  });

  it('is pictures for a picture, and files for a file, also beside words and in an earlier message', () => {
    expect(lacking(user(words, image))).toBe('capabilities');
    expect(lacking(user(words, image), 'files')).toBe('capabilities');
    expect(lacking(user(words, image), 'images')).toBeUndefined();
    expect(lacking(user(file), 'images')).toBe('capabilities');
    expect(lacking(user(file), 'files')).toBeUndefined();
    expect(lacking(user(image, file), 'files')).toBe('capabilities');
    const { messages = [] } = user(image);
    const later: CompletionRequest = { messages: [...messages, { role: 'user', content: 'And now?' }] };
    expect(lacking(later)).toBe('capabilities');
    expect(lacking(later, 'images')).toBeUndefined();
  });

  it('is reasoning where some is asked for', () => {
    expect(lacking({ prompt: 'Hi', reasoning: 'low' })).toBe('capabilities');
    expect(lacking({ prompt: 'Hi', reasoning: 'low' }, 'reasoning')).toBeUndefined();
    expect(lacking({ prompt: 'Hi', reasoning: 'none' })).toBeUndefined();
  });

  it('is tools where there are any, and a schema where there is one', () => {
    const tools = [{ name: 'look', inputSchema: { jsonSchema: {} } }];
    expect(lacking({ prompt: 'Hi', tools })).toBe('capabilities');
    expect(lacking({ prompt: 'Hi', tools }, 'tools')).toBeUndefined();
    expect(lacking({ prompt: 'Hi', tools: [] })).toBeUndefined();
    expect(lacking({ prompt: 'Hi', schema: { jsonSchema: {} } })).toBe('capabilities');
    expect(lacking({ prompt: 'Hi', schema: { jsonSchema: {} } }, 'schema')).toBeUndefined();
  });

  it('is all that it demands', () => {
    const request: CompletionRequest = { prompt: 'Hi', require: { capabilities: ['images', 'tools'] } };
    expect(lacking(request, 'images')).toBe('capabilities');
    expect(lacking(request, 'images', 'tools')).toBeUndefined();
  });
});

describe('what a provider lacks', () => {
  /** What one lacks that is of region 'eu', and is tagged 'eu' and 'cheap'. */
  const lackOfOne = (request: Partial<CompletionRequest>, traits: Traits = { tags: ['eu', 'cheap'], region: 'eu' }) =>
    lackOf(aHealth(aProvider({ traits })).health, { prompt: 'Hi', ...request } as CompletionRequest);

  it('is the model, when another is named', () => {
    expect(lackOfOne({ model: 'm-1' })).toBeUndefined();
    expect(lackOfOne({ model: 'm-2' })).toBe('model');
  });

  it('are tags, when it has not all of them', () => {
    expect(lackOfOne({ require: { tags: ['cheap', 'eu'] } })).toBeUndefined();
    expect(lackOfOne({ require: { tags: [] } }, {})).toBeUndefined();
    expect(lackOfOne({ require: { tags: ['eu', 'fast'] } })).toBe('tags');
    expect(lackOfOne({ require: { tags: ['eu'] } }, {})).toBe('tags');
  });

  it('is the region, when it is in another, or says nothing of it', () => {
    expect(lackOfOne({ require: { region: 'eu' } })).toBeUndefined();
    expect(lackOfOne({ require: { region: 'us' } })).toBe('region');
    expect(lackOfOne({ require: { region: 'eu' } }, {})).toBe('region');
  });

  it('is nothing of what it says nothing of that models can do', () => {
    expect(lackOfOne({ require: { capabilities: ['images'] } })).toBeUndefined();
  });
});

describe('a lack', () => {
  it('is told from the other reasons for which a provider is not asked', () => {
    expect(['model', 'tags', 'region', 'capabilities'].map(isLack)).toEqual([true, true, true, true]);
    expect(['parked', 'given up', ''].map(isLack)).toEqual([false, false, false]);
  });
});

describe('the length of a request', () => {
  it('is its prompt, and the output that it asks room for', () => {
    const prompt = 'x'.repeat(400);
    expect(lengthOf({ prompt })).toBe(100);
    expect(lengthOf({ prompt, maxOutputTokens: 50 })).toBe(150);
  });
});

describe('a length that can be learned from', () => {
  const long = 'x'.repeat(4_000);

  it('is one of a thousand tokens and more', () => {
    expect(isMeasurable({ prompt: long })).toBe(true);
    expect(isMeasurable({ prompt: long.slice(4) })).toBe(false);
    expect(isMeasurable({ prompt: long.slice(4), maxOutputTokens: 1 })).toBe(true);
  });

  it('is one of words, and of nothing else in any message', () => {
    const text = { type: 'text', text: long } as const;
    expect(isMeasurable(user(text))).toBe(true);
    expect(isMeasurable(user(text, image))).toBe(false);
    expect(isMeasurable(user(file, text))).toBe(false);
    const { messages = [] } = user(text, image);
    expect(isMeasurable({ messages: [...messages, { role: 'user', content: long }] })).toBe(false);
    expect(isMeasurable({ messages: [{ role: 'user', content: long }] })).toBe(true);
  });
});
