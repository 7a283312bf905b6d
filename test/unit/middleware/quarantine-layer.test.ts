import { describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../../src/core/errors.ts';
import { itinerary } from '../../../src/core/itinerary.ts';
import { replyFrom } from '../../../src/core/reply.ts';
import type { ErrorCode, Handler } from '../../../src/core/types.ts';
import { quarantine } from '../../../src/middleware/quarantine.ts';
import { aCall, aHealth, completionOf } from '../core/support.ts';
import { flush, virtualTime } from './support.ts';

virtualTime();

const minute = 60_000;
const failing = (code: ErrorCode, provider = 'one') =>
  new TransportError(code, 'x', { provider, status: code === 'authentication' ? 401 : undefined });

/** The layer alone, over what `answers` is at the time of a call. */
function layer() {
  const { health } = aHealth();
  const call = aCall();
  const answers = { handler: (async () => replyFrom(completionOf())) as Handler, asked: 0 };
  const handler = quarantine(health)(
    (...args) => {
      answers.asked += 1;
      return answers.handler(...args);
    },
    { provider: undefined, onClose: () => {} },
  );
  const hop = { probe: false };
  const context = call.context.with(itinerary.of({ ...call.context.get(itinerary), hop }));
  const ask = (within = context) => handler({ prompt: 'Hi' }, within);
  const fail = (error: TransportError) => {
    answers.handler = () => Promise.reject(error);
    return ask().catch((thrown: TransportError) => thrown);
  };
  const published = (type: string) => call.seen.filter((event) => event.type === type);
  return { health, answers, ask, fail, hop, published, bare: call.context };
}

describe('the quarantine of a provider', () => {
  it.each(['authentication', 'quota_exhausted', 'permission'] as const)('begins with %s', async (code) => {
    const { health, fail, published } = layer();
    const error = failing(code);
    expect(await fail(error)).toBe(error);
    const until = Date.now() + minute;
    expect(health.quarantine).toEqual({ code, status: error.status, until, times: 1, probing: false });
    expect(published('provider:quarantine')).toMatchObject([{ provider: 'one', code, until }]);
  });

  it.each([
    ['another kind of error', failing('server_error')],
    ["another provider's key", failing('authentication', 'two')],
  ])('does not begin with %s', async (_, error) => {
    const { health, fail, published } = layer();
    expect(await fail(error)).toBe(error);
    expect(health.quarantined).toBe(false);
    expect(published('provider:quarantine')).toEqual([]);
  });

  it('refuses whoever comes meanwhile, and asks nobody', async () => {
    const { answers, ask, fail } = layer();
    await fail(failing('authentication'));
    await expect(ask()).rejects.toMatchObject({ code: 'authentication', blame: 'transport', retryAfterMs: minute });
    expect(answers.asked).toBe(1);
  });

  it('is ended by one that finds it over, which is marked as a probe for those above', async () => {
    const { health, answers, ask, fail, hop, published } = layer();
    await fail(failing('authentication'));
    expect(hop.probe).toBe(false);
    vi.setSystemTime(Date.now() + minute);
    answers.handler = async () => replyFrom(completionOf());
    await ask();
    expect(hop.probe).toBe(true);
    expect(health.quarantined).toBe(false);
    expect(published('provider:release')).toMatchObject([{ provider: 'one', code: undefined, until: Date.now() }]);
  });

  it('can be probed where nobody above wants to know', async () => {
    const { health, answers, ask, fail, bare } = layer();
    await fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    answers.handler = async () => replyFrom(completionOf());
    await ask(bare);
    expect(health.quarantined).toBe(false);
  });

  it('lets one probe pass at a time', async () => {
    const { answers, ask, fail } = layer();
    await fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    answers.handler = () => new Promise(() => {});
    void ask();
    await flush();
    await expect(ask()).rejects.toMatchObject({ code: 'authentication', blame: 'transport' });
    expect(answers.asked).toBe(2);
  });

  it('is as it was after a probe that found out nothing, and can be probed again at once', async () => {
    const { health, fail, ask, answers } = layer();
    await fail(failing('authentication'));
    const imposed = health.quarantine;
    vi.setSystemTime(Date.now() + minute);
    await fail(failing('server_error'));
    expect(health.quarantine).toEqual({ ...imposed, probing: false });
    answers.handler = async () => replyFrom(completionOf());
    await ask();
    expect(health.quarantined).toBe(false);
  });

  it('is not imposed anew by a probe that fails after a reset', async () => {
    const { health, answers, ask, fail, published } = layer();
    await fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    for (const error of [failing('server_error'), failing('authentication')]) {
      health.setQuarantine({ code: 'authentication', status: 401, until: Date.now(), times: 1, probing: false });
      answers.handler = async () => {
        health.reset();
        throw error;
      };
      await ask().catch(() => {});
      expect(health.quarantined).toBe(false);
    }
    expect(published('provider:quarantine')).toHaveLength(1);
  });

  it('is not ended by a probe that is answered after a newer one was imposed', async () => {
    const { health, answers, ask, fail, published } = layer();
    await fail(failing('authentication'));
    vi.setSystemTime(Date.now() + minute);
    const newer = { code: 'quota_exhausted', status: 402, until: Date.now() + 1, times: 1, probing: false } as const;
    answers.handler = async () => {
      health.setQuarantine(newer);
      return replyFrom(completionOf());
    };
    await ask();
    expect(health.quarantine).toBe(newer);
    expect(published('provider:release')).toEqual([]);
  });
});
