import { describe, expect, it } from 'vitest';
import { TokenScale } from '../../../src/control/token-scale.ts';

describe('the scale of a provider', () => {
  it('leaves estimates as they are until something was counted', () => {
    expect(new TokenScale().of({ input: 7, output: 3 })).toEqual({ input: 7, output: 3 });
  });

  it('corrects by what was counted, input and output apart, in whole tokens', () => {
    const scale = new TokenScale();
    scale.learn({ input: 100, output: 10 }, { input: 150, output: 5 });
    expect(scale.of({ input: 11, output: 9 })).toEqual({ input: 17, output: 5 });
  });

  it('lets long texts weigh more than short ones', () => {
    const scale = new TokenScale();
    scale.learn({ input: 1, output: 1 }, { input: 8, output: 1 });
    scale.learn({ input: 1_000, output: 1 }, { input: 1_000, output: 1 });
    expect(scale.of({ input: 100, output: 1 }).input).toBe(101);
  });

  it('forgets what is long ago', () => {
    const scale = new TokenScale();
    scale.learn({ input: 100, output: 100 }, { input: 400, output: 400 });
    for (let count = 0; count < 100; count += 1) scale.learn({ input: 100, output: 100 }, { input: 50, output: 50 });
    expect(scale.of({ input: 100, output: 100 })).toEqual({ input: 50, output: 50 });
  });

  it('learns nothing from nothing, and no more than eight times', () => {
    const scale = new TokenScale();
    scale.learn({ input: 0, output: 10 }, { input: 50, output: 0 });
    expect(scale.of({ input: 10, output: 10 })).toEqual({ input: 10, output: 10 });
    scale.learn({ input: 10, output: 800 }, { input: 10_000, output: 1 });
    expect(scale.of({ input: 10, output: 80 })).toEqual({ input: 80, output: 10 });
  });
});
