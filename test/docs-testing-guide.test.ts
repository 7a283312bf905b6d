// #region vitest
import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { draft } from '../examples/application/draft.ts';

describe('draft()', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('drafts a reply', async () => {
    const model = simulated({ answer: ({ prompt }) => `Dear customer, you wrote: ${prompt}` });
    const llm = createTransport({ providers: [model] });

    expect(await draft(llm, 'Where is my parcel?')).toContain('Where is my parcel?');
    expect(model.requests[0]?.body).toMatchObject({ maxOutputTokens: 300 });
  });

  it('leaves it to a person when no provider can be reached, after twenty seconds at most', async () => {
    const model = simulated({ fault: 'http-503' });
    const llm = createTransport({ providers: [model] });

    const reply = draft(llm, 'Where is my parcel?');
    await vi.advanceTimersByTimeAsync(20_000); // all the waits between its attempts, at once

    expect(await reply).toBeUndefined();
    expect(model.requests.length).toBeGreaterThan(1);
  });

  it('says so when the request itself is wrong', async () => {
    const llm = createTransport({ providers: [simulated({ fault: 'invalid-request' })] });

    await expect(draft(llm, 'Where is my parcel?')).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

// #endregion

// #region every-fault
import { type FaultName, faults } from 'llm-transport/testing';

/** What is not made good by asking another provider. */
const final: Partial<Record<FaultName, string | undefined>> = {
  'content-policy': 'content_filtered',
  refusal: 'content_filtered',
  'refusal-after-content': 'content_filtered',
  'refusal-field': 'content_filtered',
  'invalid-request': 'invalid_request',
  unprocessable: 'invalid_request',
  length: undefined, // a draft that was cut short is none
};

describe('draft(), with a healthy backup', () => {
  it.each(Object.keys(faults) as FaultName[])('survives %s', async (fault) => {
    vi.useFakeTimers();
    const answer = () => 'Dear customer,';
    const primary = simulated({ name: 'primary', fault, answer });
    const llm = createTransport({
      providers: [primary, simulated({ name: 'backup', answer })],
    });

    const reply = draft(llm, 'Where is my parcel?').catch((error) => error.code);
    await vi.advanceTimersByTimeAsync(20_000);
    vi.useRealTimers();

    expect(await reply).toBe(fault in final ? final[fault] : 'Dear customer,');
  });
});
// #endregion
