import { describe, it } from 'vitest';
import { providerContract, simulated } from '../../src/testing/index.ts';

// The adapters' own runs are test/providers/*-contract.test.ts.
describe('simulated', () => {
  for (const { name, run } of providerContract({ start: () => simulated(), make: (provider) => provider }))
    it(name, run);
});
