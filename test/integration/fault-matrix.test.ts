import { beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/types.ts';
import {
  answerTo,
  type FaultCase,
  type FaultChoice,
  type FaultName,
  faultCases,
  type RequestRecord,
  tokensOf,
} from '../../src/testing/index.ts';
import {
  Bench,
  type Expected,
  expectation,
  judgementOf,
  type Mode,
  modes,
  pause,
  runCells,
  type Seen,
  see,
  sequence,
  timersFor,
  upTo,
  within,
} from './support.ts';

/** What the adapter sees of these is another error than the fault's own name, with the same judgements. */
const seenAs: Partial<Record<FaultName, ErrorCode>> = {
  'truncated-json': 'truncated',
  'error-in-200': 'server_error',
};
/** The adapter asks once more, within the attempt. */
const askedTwice: readonly FaultName[] = ['streaming-refused', 'stream-options-refused'];

function expectedOf(faultCase: FaultCase, mode: Mode): Expected {
  return expectation(faultCase, {
    wire: mode === 'unary unstreamed' ? 'whole' : 'streamed',
    reader: mode === 'streaming' ? 'streamed' : 'whole',
    seenAs,
  });
}

/** One call under one fault, seen from all sides. */
interface Cell {
  readonly seen: Seen;
  readonly prompt: string;
  readonly primary: readonly RequestRecord[];
  readonly backup: readonly RequestRecord[];
  /** Every exchange was over, on the servers' side too, soon after the call. */
  readonly released: boolean;
  /** Requests at the primary once three more calls were made. */
  readonly later: readonly RequestRecord[];
  readonly more: readonly Seen[];
}

/** Milliseconds in which every exchange must be over at the servers too. Generous: it is a matter of one tick. */
const letGoMs = 5_000;

async function meet(fault: FaultChoice, mode: Mode, prompt: string): Promise<Cell> {
  await using bench = new Bench();
  const primary = await bench.server({ fault });
  const backup = await bench.server();
  const llm = bench.over({ primary, backup }, mode, { timeout: timersFor(fault) });
  const seen = await see(llm, mode, { prompt });
  const records = { primary: [...primary.requests], backup: [...backup.requests] };
  const ended = Promise.all([...records.primary, ...records.backup].map(({ closed }) => closed));
  const released = await within(letGoMs, ended);
  const more = seen.how === 'hung' ? [] : await threeMore();
  return { seen, prompt, ...records, released, later: [...primary.requests], more };

  async function threeMore(): Promise<Seen[]> {
    const later: Seen[] = [];
    if (typeof fault !== 'string' || !/^(rate-limited|insufficient|unauth|forbidden|payment)/.test(fault)) return later;
    for (let count = 0; count < 3; count += 1) later.push(await see(llm, mode, { prompt: `${prompt}/${count}` }));
    return later;
  }
}

const matrix = faultCases.flatMap((faultCase) =>
  modes.map((mode) => ({ faultCase, mode, name: faultCase.name, fault: faultCase.name })),
);
const key = (name: string, mode: Mode): string => `${name} × ${mode}`;
const cells = new Map<string, Cell>();
const cellOf = (name: string, mode: Mode): Cell => cells.get(key(name, mode)) as Cell;

describe('with a faulty primary and a healthy backup', () => {
  beforeAll(async () => {
    const seen = await runCells(matrix, ({ name, mode }) => meet(name, mode, `Tell me about ${name}, ${mode}`));
    for (const [index, { name, mode }] of matrix.entries()) cells.set(key(name, mode), seen[index] as Cell);
    console.info(tableOf(modes, (name, mode) => describeEnd(cellOf(name, mode))));
  }, 60_000);

  it.each(matrix)(
    '$name, $mode: the full, exact answer once, or the right typed error',
    ({ faultCase, name, mode }) => {
      const { seen, prompt, primary, backup } = cellOf(name, mode);
      const { outcome, end, partialTokens } = expectedOf(faultCase, mode);
      const whole = name === 'length' ? upTo(5, prompt) : answerTo(prompt);
      const attempts = end === 'by backup' ? [`primary:${outcome}`, 'backup:ok'] : [`primary:${outcome}`];
      expect(sequence(seen.attempts)).toEqual(attempts);

      if (end === 'answered' || end === 'by backup') {
        expect(seen.error).toBeUndefined();
        expect(seen.text).toBe(whole);
        expect(seen.completion).toMatchObject({ text: whole, provider: end === 'by backup' ? 'backup' : 'primary' });
        expect(seen.completion?.finishReason).toBe(finishReasonOf(name, mode));
        if (mode === 'streaming')
          expect(seen.chunks.map(({ type }) => type === 'finish').indexOf(true)).toBe(seen.chunks.length - 1);
      } else {
        const code = end === 'interrupted' ? 'stream_interrupted' : (outcome as ErrorCode);
        expect(seen.how).toBe('failed');
        expect(seen.error).toMatchObject({ code, provider: 'primary', ...judgementOf(code) });
        expect(backup).toEqual([]);
        if (mode === 'streaming') expect(seen.text).toBe(upTo(partialTokens, prompt));
      }
      if (end === 'interrupted') {
        const { error } = seen;
        expect(error?.partial?.text).toBe(upTo(partialTokens, prompt));
        expect(error?.cause).toMatchObject({ code: outcome });
        // Nothing that the server sent before it broke is missing.
        const sent = primary[0]?.tokensSent ?? 0;
        if (!name.startsWith('malformed') && name !== 'reasoning-only') expect(partialTokens).toBe(sent);
      }
    },
  );

  it.each(matrix)('$name, $mode: ends when its timer says, and lets go of every socket', ({ name, mode }) => {
    const { seen, released, primary } = cellOf(name, mode);
    expect(seen.how).not.toBe('hung');
    expect(released).toBe(true);
    const [first] = primary;
    // A provider that never ends its answer is left by us; of one that does, the exchange is over by itself.
    if (seen.attempts[0]?.outcome === 'timeout') expect(first?.closedByClientAt).toBeDefined();
    else expect(first?.closedByClientAt).toBeUndefined();
    for (const { outcome, durationMs } of seen.attempts)
      if (outcome === 'timeout') expect(durationMs).toBeLessThan(6 * timersFor(name).firstContentMs);
  });

  it.each(matrix)('$name, $mode: the ledger lists what both servers have received', ({ name, mode }) => {
    const { seen, primary, backup } = cellOf(name, mode);
    const twice = mode !== 'unary unstreamed' && askedTwice.includes(name) ? 1 : 0;
    const refused = name === 'connection-refused' ? 1 : 0;
    expect(primary.length + backup.length).toBe(seen.attempts.length + twice - refused);
    const requests = [...primary, ...backup].slice(twice);
    for (const [index, attempt] of seen.attempts.slice(refused).entries()) {
      // Without headers there is no id.
      const { status, requestId } = requests[index] as RequestRecord;
      expect(attempt.providerRequestId).toBe(status === undefined ? undefined : requestId);
    }
  });

  it.each(faultCases.filter(({ strikes }) => strikes === 'beforeContent').map(({ name }) => name))(
    '%s: a streaming call makes the same attempts as a unary one',
    (name) => {
      if (name === 'reasoning-only')
        return expect(cellOf(name, 'streaming').seen.error?.partial?.reasoning).toBeTruthy();
      expect(sequence(cellOf(name, 'streaming').seen.attempts)).toEqual(sequence(cellOf(name, 'unary').seen.attempts));
    },
  );

  it.each(modes)('asks a parked or quarantined provider no second time, %s', (mode) => {
    const told = faultCases.map(({ name }) => name).filter((name) => cellOf(name, mode).more.length > 0);
    expect(told).toHaveLength(10);
    for (const name of told) {
      const { later, more, prompt } = cellOf(name, mode);
      expect([name, tooEarly(name, later)]).toEqual([name, []]);
      expect(more.map(({ text }) => text)).toEqual([0, 1, 2].map((count) => answerTo(`${prompt}/${count}`)));
    }
  });
});

describe('with a lone faulty provider', () => {
  const lone = new Map<string, Cell>();

  beforeAll(async () => {
    const seen = await runCells(matrix, async ({ name, mode }): Promise<Cell> => {
      await using bench = new Bench();
      const primary = await bench.server({ fault: name });
      const llm = bench.over({ primary }, mode, { retry: { retries: 1 }, timeout: timersFor(name) });
      const prompt = `Tell me about ${name}, ${mode}`;
      const seen = await see(llm, mode, { prompt });
      const records = [...primary.requests];
      const released = await within(letGoMs, Promise.all(records.map(({ closed }) => closed)));
      return { seen, prompt, primary: records, backup: [], released, later: [], more: [] };
    });
    for (const [index, { name, mode }] of matrix.entries()) lone.set(key(name, mode), seen[index] as Cell);
  }, 60_000);

  it.each(matrix)(
    '$name, $mode: is asked again only where that can help, and its own error surfaces',
    ({ faultCase, name, mode }) => {
      const { seen, primary, released } = lone.get(key(name, mode)) as Cell;
      const { outcome, end } = expectedOf(faultCase, mode);
      expect(released).toBe(true);
      if (end === 'answered') return expect(seen).toMatchObject({ how: 'answered', attempts: [{ outcome: 'ok' }] });

      const code = end === 'interrupted' ? 'stream_interrupted' : (outcome as ErrorCode);
      const elsewhere = name === 'do-not-retry' ? { retry: 'elsewhere' } : {};
      expect(seen.error).toMatchObject({ code, provider: 'primary', ...judgementOf(code), ...elsewhere });
      if (faultCase.fault.kind === 'status') expect(seen.error?.status).toBe(faultCase.fault.status);
      // 600 s is more than anybody waits: it is told, and nothing more is sent.
      const again = judgementOf(code).retry === 'again' && name !== 'do-not-retry' && name !== 'rate-limited-600s';
      expect(sequence(seen.attempts)).toEqual(Array.from({ length: again ? 2 : 1 }, () => `primary:${outcome}`));
      expect(primary).toHaveLength(name === 'connection-refused' ? 0 : seen.attempts.length);
    },
  );

  it.each(['rate-limited', 'rate-limited-ms', 'rate-limited-date'] as const)(
    '%s: is never asked before the time it told',
    (name) => {
      for (const mode of modes) {
        const [first, second] = (lone.get(key(name, mode)) as Cell).primary as [RequestRecord, RequestRecord];
        expect(second.receivedAt).toBeGreaterThanOrEqual(toldOf(name, first.receivedAt));
      }
    },
  );

  it('rate-limited-600s: the error says when to come back', () => {
    for (const mode of modes) {
      const { error } = (lone.get(key('rate-limited-600s', mode)) as Cell).seen;
      expect(error?.retryAfterMs).toBeGreaterThan(590_000);
      expect(error?.retryAfterMs).toBeLessThanOrEqual(600_000);
    }
  });
});

describe('Retry-After', () => {
  const hints = ['rate-limited', 'rate-limited-ms', 'rate-limited-date'] as const;

  it.concurrent.each(hints)(
    '%s: under steady load the provider is left alone until then, and asked after it',
    async (name) => {
      await using bench = new Bench();
      const primary = await bench.server({ fault: name });
      const backup = await bench.server();
      const llm = bench.over({ primary, backup });
      await primary.setFault(name);
      const started = Date.now();
      // A date has whole seconds, so it takes longer.
      const count = name === 'rate-limited-date' ? 2 : 3;
      while (primary.requests.length < count && Date.now() - started < 12_000) {
        expect((await see(llm, 'streaming', { prompt: 'Hello' })).text).toBe(answerTo('Hello'));
        await pause(5);
      }
      const times = primary.requests.map(({ receivedAt }) => receivedAt);
      expect(times).toHaveLength(count);
      for (const [index, at] of times.slice(1).entries())
        expect(at).toBeGreaterThanOrEqual(toldOf(name, times[index] as number));
    },
  );
});

// ── The 16 faults of reference/field.md, with its scoring rule ──────────────────────────────────────────────────────

interface FieldFault {
  readonly name: string;
  readonly fault: FaultChoice;
  /** Neither of them can be recovered from: a refusal is to be told, and a caller who has left wants nothing. */
  readonly kind?: 'policy';
}

const fieldFaults: readonly FieldFault[] = [
  { name: '503 for ever', fault: 'http-503' },
  { name: '429 Retry-After: 1', fault: 'rate-limited' },
  { name: '429 retry-after-ms: 700', fault: 'rate-limited-ms' },
  { name: '429 HTTP date', fault: 'rate-limited-date' },
  { name: '429 Retry-After: 600', fault: 'rate-limited-600s' },
  { name: '503 x-should-retry: false', fault: 'do-not-retry' },
  { name: '400 content policy', fault: 'content-policy', kind: 'policy' },
  { name: '401', fault: 'unauthorized' },
  { name: 'socket cut at 40/60', fault: { kind: 'cut', afterTokens: 40, by: 'close' } },
  { name: 'clean EOF at 40/60', fault: { kind: 'cut', afterTokens: 40, by: 'end' } },
  { name: 'stall after 5 tokens', fault: 'stall' },
  { name: '200, then silence', fault: 'silence-after-headers' },
  { name: 'role chunk, then in-band error', fault: 'stream-error-before-content' },
  { name: 'stop, no content', fault: 'empty-answer' },
];

interface Score {
  readonly safe: boolean;
  /** `undefined` for faults that nobody can recover from. */
  readonly recovered: boolean | undefined;
}

/** One cell by the scoring rule: false success, doubling, a hang, an early request, another vendor's refusal are unsafe. */
function scoreOf({ seen, prompt, primary, backup, later, released }: Cell, { kind, fault }: FieldFault): Score {
  const falseSuccess = seen.how === 'answered' && seen.text !== answerTo(prompt);
  const early = primary.length > 1 || tooEarly(fault, later).length > 0;
  const safe = !falseSuccess && seen.how !== 'hung' && !early && released && !(kind === 'policy' && backup.length > 0);
  if (kind === 'policy') return { safe, recovered: undefined };
  const { error } = seen;
  const exactly =
    error?.code === 'stream_interrupted' && error.partial?.text === upTo(primary[0]?.tokensSent ?? 0, prompt);
  return { safe, recovered: seen.how === 'answered' ? !falseSuccess : exactly && seen.text === error?.partial?.text };
}

/** The caller leaves in the middle of an answer, by its signal or by leaving the loop. */
async function scoreOfLeaving(mode: Mode, how: 'abort' | 'break'): Promise<Score> {
  await using bench = new Bench();
  const primary = await bench.server({ firstTokenMs: 20, tokenMs: 20 });
  const backup = await bench.server();
  const llm = bench.over({ primary, backup }, mode);
  const controller = new AbortController();
  if (how === 'break') {
    const stream = await llm.complete({ prompt: 'Hello', stream: true });
    let read = 0;
    for await (const _ of stream) {
      read += 1;
      if (read === 5) break;
    }
  } else {
    const seeing = see(llm, mode, { prompt: 'Hello' }, { signal: controller.signal });
    await primary.received(1);
    await pause(150);
    controller.abort();
    const { error } = await seeing;
    expect(error?.code).toBe('cancelled');
  }
  const closed = await within(
    1_500,
    primary.received(1).then((record) => record.closed),
  );
  const byClient = primary.requests[0]?.closedByClientAt !== undefined;
  return {
    safe: closed && byClient && backup.requests.length === 0 && primary.requests.length === 1,
    recovered: undefined,
  };
}

it('scores 16 of 16 safe and 13 of 13 recovered on the field bench, in every mode', async () => {
  const names = [...fieldFaults.map(({ name }) => name), 'caller aborts', 'consumer breaks after 5 tokens'];
  const rows = new Map<string, Score[]>(names.map((name) => [name, []]));
  const jobs = fieldFaults.flatMap((field) => modes.map((mode) => ({ field, mode, fault: field.fault })));
  const scores = await runCells(jobs, async ({ field, mode }) =>
    scoreOf(await meet(field.fault, mode, `${field.name}, ${mode}`), field),
  );
  for (const [index, { field }] of jobs.entries()) rows.get(field.name)?.push(scores[index] as Score);
  for (const mode of modes) rows.get('caller aborts')?.push(await scoreOfLeaving(mode, 'abort'));
  rows.get('consumer breaks after 5 tokens')?.push(await scoreOfLeaving('streaming', 'break'));

  const all = [...rows.values()];
  const safe = all.filter((row) => row.every((score) => score.safe)).length;
  const possible = all.filter((row) => row.every((score) => score.recovered !== undefined));
  const recovered = possible.filter((row) => row.every((score) => score.recovered)).length;
  console.info(
    `field bench, ${modes.join(' + ')}: safe ${safe} of ${all.length}, recovered ${recovered} of ${possible.length}`,
  );
  const failures = [...rows].filter(([, row]) => row.some((score) => !score.safe || score.recovered === false));
  expect(failures).toEqual([]);
  expect([safe, all.length, recovered, possible.length]).toEqual([16, 16, 13, 13]);
}, 40_000);

// ── Helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function finishReasonOf(name: FaultName, mode: Mode): string {
  if (name === 'length') return 'length';
  return mode === 'unary unstreamed' && name === 'missing-terminal-event' ? 'unknown' : 'stop';
}

/** The first moment, in epoch milliseconds, at which a request may come again after one that was refused. */
function toldOf(fault: FaultChoice, receivedAt: number): number {
  if (fault === 'rate-limited') return receivedAt + 1_000;
  if (fault === 'rate-limited-ms') return receivedAt + 700;
  if (fault === 'rate-limited-date') return Math.ceil((receivedAt + 2_000) / 1_000) * 1_000;
  if (fault === 'rate-limited-600s') return receivedAt + 600_000;
  // Without a hint: our own estimate of a second, give or take a quarter.
  if (fault === 'rate-limited-no-hint') return receivedAt + 750;
  // A key that is no good: a minute.
  return receivedAt + 60_000;
}

/** Requests that came before the time that the one before them was told. */
function tooEarly(fault: FaultChoice, requests: readonly RequestRecord[]): RequestRecord[] {
  return requests.filter((request, index) => {
    const before = requests[index - 1];
    return before !== undefined && request.receivedAt < toldOf(fault, before.receivedAt);
  });
}

function describeEnd({ seen, prompt }: Cell): string {
  if (seen.how !== 'answered') return seen.error?.code ?? seen.how;
  const exact = seen.text === answerTo(prompt) ? 'exact' : `${tokensOf(seen.text).length} tokens`;
  return `${exact}, ${seen.completion?.provider}, ${seen.completion?.finishReason}`;
}

function tableOf(columns: readonly Mode[], cell: (name: FaultName, mode: Mode) => string): string {
  const line = (first: string, rest: readonly string[]) =>
    [first.padEnd(31), ...rest.map((text) => text.padEnd(26))].join('').trimEnd();
  const lines = faultCases.map(({ name }) =>
    line(
      name,
      columns.map((mode) => cell(name, mode)),
    ),
  );
  return [line('fault', columns), ...lines].join('\n');
}
