import { expect, test } from 'vitest';
import { isClaude, takesSystemTurns, thinkingStyleOf } from '../../../src/wire/anthropic-model.ts';

test.each([
  ['claude-instant-1.2', 'budget', false],
  ['claude-v2', 'budget', false],
  ['claude-3-5-haiku-20241022', 'budget', false],
  ['claude-sonnet-4-20250514', 'budget', false],
  ['claude-opus-4-1@20250805', 'budget', false],
  ['us.anthropic.claude-haiku-4-5-20251001-v1:0', 'budget', false],
  ['claude-sonnet-4-6', 'adaptive', false],
  ['anthropic.claude-opus-4-7', 'adaptive', false],
  ['claude-opus-4-8-20260528', 'adaptive', true],
  ['claude-haiku-5-5', 'adaptive', true],
  ['claude-opus-10', 'adaptive', true],
  ['claude-fable-5-2', 'always', true],
  ['claude-mythos-preview', 'always', true],
  ['claude-whatever-comes', 'adaptive', true],
] as const)('%s thinks in the style %s; it takes system turns: %s', (model, style, systems) => {
  expect([thinkingStyleOf(model), takesSystemTurns(model), isClaude(model)]).toEqual([style, systems, true]);
});

test('a model of another vendor is taken for none of them', () => {
  expect([thinkingStyleOf('glm-5'), takesSystemTurns('glm-5'), isClaude('glm-5')]).toEqual(['budget', false, false]);
});
