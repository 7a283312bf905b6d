import Anthropic from '@anthropic-ai/sdk';
import { describe, test } from 'vitest';
import { anthropic } from '../../src/providers/anthropic.ts';
import { providerContract } from '../../src/testing/index.ts';
import { apiKey } from './anthropic-support.ts';

describe("a provider on Anthropic's Messages keeps the contract of providers", () => {
  const cases = providerContract({
    wire: 'anthropic',
    secrets: [apiKey],
    make: ({ url }) =>
      anthropic({ client: new Anthropic({ baseURL: url, apiKey, logLevel: 'off' }), model: 'claude-test', name: 'p' }),
  });
  for (const { name, run } of cases) test(name, run);
});
