import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { describe, test } from 'vitest';
import { aiSdk } from '../../src/providers/ai-sdk.ts';
import { providerContract } from '../../src/testing/index.ts';
import { apiKey } from './support.ts';

describe('a model of @ai-sdk/openai keeps the contract of providers', () => {
  const cases = providerContract({
    wire: 'openai',
    secrets: [apiKey],
    make: ({ baseURL }) => aiSdk({ model: createOpenAI({ baseURL, apiKey }).chat('gpt-test'), name: 'p' }),
  });
  for (const { name, run } of cases) test(name, run);
});

describe('a model of @ai-sdk/anthropic keeps the contract of providers', () => {
  const cases = providerContract({
    wire: 'anthropic',
    secrets: [apiKey],
    make: ({ baseURL }) => aiSdk({ model: createAnthropic({ baseURL, apiKey })('claude-test'), name: 'p' }),
  });
  for (const { name, run } of cases) test(name, run);
});

describe('a model of @ai-sdk/google keeps the contract of providers', () => {
  const cases = providerContract({
    wire: 'google',
    secrets: [apiKey],
    make: ({ url }) => aiSdk({ model: createGoogle({ baseURL: `${url}/v1beta`, apiKey })('gemini-test'), name: 'p' }),
  });
  for (const { name, run } of cases) test(name, run);
});
