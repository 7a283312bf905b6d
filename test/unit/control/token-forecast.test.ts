import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenForecast } from '../../../src/control/token-forecast.ts';

describe('a token forecast', () => {
  it('believes the estimate at first, and expects a usual answer', () => {
    const forecast = new TokenForecast();
    expect(forecast.of(100)).toEqual({ input: 100, output: 500 });
    expect(forecast.of(100, 20)).toEqual({ input: 100, output: 20 });
  });

  it('learns by how much the estimate of prompts is wrong, and how long answers are', () => {
    const forecast = new TokenForecast();
    for (let answer = 0; answer < 200; answer += 1) forecast.learn(100, { inputTokens: 150, outputTokens: 80 });
    expect(forecast.of(1_000)).toEqual({ input: 1_500, output: 80 });
    expect(forecast.of(1_000, 50).output).toBe(50);
  });

  it('follows when answers get longer', () => {
    const forecast = new TokenForecast();
    forecast.learn(100, { inputTokens: 100, outputTokens: 10 });
    expect(forecast.of(1).output).toBe(10);
    for (let answer = 0; answer < 100; answer += 1) forecast.learn(100, { inputTokens: 100, outputTokens: 1_000 });
    expect(forecast.of(1).output).toBeGreaterThan(950);
  });

  it('is not led astray by one odd count: a prompt of nothing, or of pictures', () => {
    const forecast = new TokenForecast();
    forecast.learn(0, { inputTokens: 50, outputTokens: 1 });
    forecast.learn(100, { inputTokens: 0, outputTokens: 1 });
    expect(forecast.of(1_000).input).toBe(1_000);
    forecast.learn(1, { inputTokens: 1_000_000, outputTokens: 1 });
    expect(forecast.of(1_000).input).toBeLessThan(1_500);
  });

  it('stays within eight times the estimate and among the answers there were, whatever they have counted', () => {
    const tokens = fc.oneof(fc.nat(10_000), fc.constant(0), fc.constant(1e12));
    const answers = fc.array(fc.record({ input: tokens, inputTokens: tokens, outputTokens: tokens }));
    fc.assert(
      fc.property(answers, tokens, fc.option(tokens, { nil: undefined }), (all, input, maxOutput) => {
        const forecast = new TokenForecast();
        for (const { input: estimate, ...used } of all) {
          forecast.learn(estimate, used);
          const expected = forecast.of(input, maxOutput);
          expect(Number.isInteger(expected.input) && Number.isInteger(expected.output)).toBe(true);
          expect(expected.input).toBeGreaterThanOrEqual(input / 8);
          expect(expected.input).toBeLessThanOrEqual(8 * input);
          expect(expected.output).toBeLessThanOrEqual(maxOutput ?? Number.POSITIVE_INFINITY);
        }
        const outputs = all.length === 0 ? [500] : all.map(({ outputTokens }) => outputTokens);
        const { output } = forecast.of(input);
        // A trillion is not kept to the last digit.
        expect(output).toBeGreaterThanOrEqual(Math.min(...outputs) * (1 - 1e-9));
        expect(output).toBeLessThanOrEqual(Math.max(...outputs) * (1 + 1e-9));
        expect(forecast.of(input, maxOutput).output).toBe(Math.min(output, maxOutput ?? output));
      }),
    );
  });
});
