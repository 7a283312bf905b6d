import { expect, it } from 'vitest';
import { OptionsError } from '../../../src/core/errors.ts';
import { checkEventType } from '../../../src/core/event-types.ts';
import { simulated } from '../../../src/testing/index.ts';
import { createTransport } from '../../../src/transport.ts';

it('lets a listener hear every type that there is, and all at once', () => {
  const types = ['call:start', 'attempt:end', 'route', 'budget:refuse', 'provider:release', 'client:retry', '*'];
  for (const type of types) expect(() => checkEventType(type)).not.toThrow();
});

it('says which types there are to whom asks for another, and that those of a middleware are heard with the rest', () => {
  const llm = createTransport({ providers: [simulated()] });
  const listen = () => llm.on('atempt:end' as never, () => {});
  expect(listen).toThrow(OptionsError);
  expect(listen).toThrow(
    /^type: is not an event \(there are call:start, .*attempt:end, .*'\*' hears all, and yours\)$/,
  );
});

it.each(['constructor', 'toString', '', undefined, null, 5, {}, Symbol('retry')])('refuses %s', (type) => {
  expect(() => checkEventType(type)).toThrow(OptionsError);
});
