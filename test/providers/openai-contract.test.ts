import OpenAI from 'openai';
import { describe, test } from 'vitest';
import { openai } from '../../src/providers/openai.ts';
import { providerContract } from '../../src/testing/index.ts';
import { apiKey } from './support.ts';

describe('a provider on Chat Completions keeps the contract of providers', () => {
  const cases = providerContract({
    wire: 'openai',
    secrets: [apiKey],
    make: ({ baseURL }) =>
      openai({ client: new OpenAI({ baseURL, apiKey, logLevel: 'off' }), model: 'gpt-test', name: 'p' }),
  });
  for (const { name, run } of cases) test(name, run);
});
