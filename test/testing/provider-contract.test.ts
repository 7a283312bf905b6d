import OpenAI from 'openai';
import { describe, it } from 'vitest';
import { openai } from '../../src/providers/openai.ts';
import { providerContract, simulated } from '../../src/testing/index.ts';

describe('simulated', () => {
  for (const { name, run } of providerContract({ start: () => simulated(), make: (provider) => provider }))
    it(name, run);
});

describe('openai', () => {
  const contract = providerContract({
    wire: 'openai',
    secrets: ['sk-canary-0123456789'],
    make: ({ baseURL }) =>
      openai({ client: new OpenAI({ baseURL, apiKey: 'sk-canary-0123456789', logLevel: 'off' }), model: 'gpt-test' }),
  });
  for (const { name, run } of contract) it(name, run);
});
