import { GoogleGenAI } from '@google/genai';
import { describe, test } from 'vitest';
import { google } from '../../src/providers/google.ts';
import { providerContract } from '../../src/testing/index.ts';
import { apiKey } from './google-support.ts';

describe('a provider on Gemini keeps the contract of providers', () => {
  const cases = providerContract({
    wire: 'google',
    secrets: [apiKey],
    make: ({ url }) =>
      google({ client: new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } }), model: 'gemini-test', name: 'p' }),
  });
  for (const { name, run } of cases) test(name, run);
});
