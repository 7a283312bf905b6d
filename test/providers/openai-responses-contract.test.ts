import OpenAI from 'openai';
import { describe, test } from 'vitest';
import { openaiResponses } from '../../src/providers/openai-responses.ts';
import { faultCases, providerContract } from '../../src/testing/index.ts';
import { apiKey } from './support.ts';

describe('a provider on Responses keeps the contract of providers', () => {
  const cases = providerContract({
    wire: 'openai-responses',
    secrets: [apiKey],
    make: ({ baseURL }) =>
      openaiResponses({ client: new OpenAI({ baseURL, apiKey, logLevel: 'off' }), model: 'gpt-test', name: 'p' }),
  });
  for (const { name, run } of cases) test(name, run);
});

describe('a provider on Responses in the background keeps the contract of providers', () => {
  const lasting = [
    'status',
    'refused',
    'silence',
    'stall',
    'streamError',
    'errorIn200',
    'empty200',
    'refusal',
    'length',
  ];
  const cases = providerContract({
    wire: 'openai-responses',
    secrets: [apiKey],
    // Unstreamed, the last request is a look at what another one has asked for.
    without: ['usage'],
    // What is cut is taken up again: see openai-responses-background.test.ts.
    faults: faultCases
      .filter(({ fault, wires }) => wires.includes('openai-responses') && lasting.includes(fault.kind))
      .map(({ name }) => name),
    make: ({ baseURL }) =>
      openaiResponses({
        ...{ client: new OpenAI({ baseURL, apiKey, logLevel: 'off' }), model: 'gpt-test', name: 'p' },
        background: true,
      }),
  });
  for (const { name, run } of cases) test(name, run);
});
