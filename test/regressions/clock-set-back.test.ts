import { describe, expect, it, vi } from 'vitest';
import { simulated } from '../../src/testing/index.ts';
import { advance, broken, kept, transport, virtualTime } from '../unit/middleware/support.ts';

/** A clock that is set back: whoever reads the end of a quarantine from it leaves a provider alone for as much longer. */

virtualTime();

const hour = 3_600_000;
const hello = { prompt: 'Hello' };

describe('a provider in quarantine, when the clock is set back', () => {
  it.each([1, 24, 24 * 365])('by %i hours, is asked again after a minute all the same', async (hours) => {
    const a = simulated({ script: ({ index }) => (index === 0 ? 'unauthorized' : 'ok') });
    const llm = transport({ providers: [a] });
    await broken(llm.complete(hello));
    vi.setSystemTime(Date.now() - hours * hour);
    expect(llm.health()[0]?.waitMs).toBeLessThanOrEqual(60_000);
    const refused = await broken(llm.complete(hello));
    expect(refused).toMatchObject({ code: 'authentication', attempts: [] });
    expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
    await advance(60_000);
    await kept(llm.complete(hello));
    expect(llm.health()[0]).toMatchObject({ quarantined: false });
  });

  it('is left alone for as long as it would have been, when it is refused again', async () => {
    const a = simulated({ fault: 'unauthorized' });
    const llm = transport({ providers: [a] });
    await broken(llm.complete(hello));
    vi.setSystemTime(Date.now() - hour);
    await advance(60_000);
    await broken(llm.complete(hello));
    await advance(119_000);
    await broken(llm.complete(hello));
    expect(a.requests).toHaveLength(2);
    await advance(1_000);
    await broken(llm.complete(hello));
    expect(a.requests).toHaveLength(3);
  });
});
