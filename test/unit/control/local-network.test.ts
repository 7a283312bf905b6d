import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalNetwork } from '../../../src/control/local-network.ts';

const both = ['a', 'b'];

/** The connections of both have failed once. */
function shaken(network = new LocalNetwork()): LocalNetwork {
  for (const domain of both) expect(network.failed(domain, both, 1_000)).toBe(false);
  return network;
}

/** Our own network is gone. */
function down(): LocalNetwork {
  const network = shaken();
  for (const domain of both) network.failed(domain, both, 1_000);
  expect(network.isDown).toBe(true);
  return network;
}

describe('our own network', () => {
  it('is gone when connections to two failure domains fail twice within seconds, and that is news once', () => {
    const network = shaken();
    expect([network.failed('a', both, 1_000), network.isDown]).toEqual([false, false]);
    expect([network.failed('b', both, 3_000), network.isDown]).toEqual([true, true]);
    expect([network.failed('c', both, 3_100), network.domains]).toEqual([false, ['a', 'b', 'c']]);
  });

  it('is not gone when one domain fails, however often, or two with a while between them', () => {
    const network = new LocalNetwork();
    for (let at = 0; at < 10_000; at += 10) expect(network.failed('a', both, at)).toBe(false);
    expect([20_000, 20_001].map((at) => network.failed('b', both, at))).toEqual([false, false]);
    expect([20_002, 20_003].map((at) => network.failed('a', both, at))).toEqual([false, true]);
  });

  it('is not gone when one domain fails, and a connection to the other is reset', () => {
    const network = new LocalNetwork();
    for (let at = 0; at < 10_000; at += 10) network.failed('a', both, at);
    expect(network.failed('b', both, 10_000)).toBe(false);
    expect(network.failed('b', both, 10_010)).toBe(true);
  });

  it('is not gone when somebody answers what was sent in between', () => {
    const network = shaken();
    network.failed('a', both, 1_100);
    expect(network.answered(1_500)).toBe(false);
    expect(network.failed('b', both, 2_000)).toBe(false);
  });

  it('may be gone although answers come over connections that stand already', () => {
    const network = shaken();
    network.failed('a', both, 1_100);
    network.answered(900);
    expect(network.failed('b', both, 2_000)).toBe(true);
    expect([network.answered(1_900), network.isDown]).toEqual([false, true]);
  });

  it('is not gone as long as a domain can be asked that has not failed', () => {
    const network = new LocalNetwork();
    for (const domain of [...both, ...both]) expect(network.failed(domain, ['a', 'b', 'c'], 1_000)).toBe(false);
    // Their circuits are open by now, and nobody else is left.
    expect([1_200, 1_300].map((at) => network.failed('c', ['c'], at))).toEqual([false, true]);
  });

  it('is back with the first answer to what was sent since it went', () => {
    const network = down();
    expect([network.answered(1_500), network.isDown, network.domains]).toEqual([true, false, []]);
    expect(network.answeredAt).toBe(1_500);
    // One failure is one again.
    expect(network.failed('b', both, 1_600)).toBe(false);
  });

  it('is looked for by one attempt each half second', () => {
    expect(new LocalNetwork().backMs(0)).toBe(0);
    const network = down();
    expect([network.backMs(1_000), network.backMs(1_400), network.backMs(1_500), network.backMs(9_000)]).toEqual([
      500, 100, 0, 0,
    ]);
    network.probed(9_000);
    expect(network.backMs(9_100)).toBe(400);
  });

  it('is never gone with one domain alone, and always back with an answer, whatever happens', () => {
    const step = fc.record({
      what: fc.constantFrom('failed', 'answered'),
      domain: fc.constantFrom('a', 'b', 'c'),
      pauseMs: fc.nat(2_000),
      agoMs: fc.nat(3_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const network = new LocalNetwork();
        const seen = new Set<string>();
        let at = 10_000;
        for (const { what, domain, pauseMs, agoMs } of steps) {
          at += pauseMs;
          if (what === 'failed') {
            seen.add(domain);
            network.failed(domain, [...seen], at);
          } else network.answered(at - agoMs);
          if (seen.size < 2) expect(network.isDown).toBe(false);
          expect(network.backMs(at)).toBeLessThanOrEqual(500);
          expect(network.backMs(at + 500)).toBe(0);
        }
        network.answered(at);
        expect(network.isDown).toBe(false);
      }),
    );
  });
});
