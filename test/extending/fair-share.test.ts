import { middlewareContract } from 'llm-transport/testing';
import { it } from 'vitest';
import { fairShare } from '../../examples/middleware.ts';

// The one of the README.
for (const { name, run } of middlewareContract({ make: () => fairShare({ calls: 3 }) })) it(name, run);
