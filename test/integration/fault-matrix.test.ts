import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
import { bookOf, briefly, matched, tokensIn } from './books.ts';
import { matrixPage, type Scores } from './matrix-page.ts';
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
  type Wire,
  wires,
  within,
} from './support.ts';

/** What the adapters see of these is another error than the fault's own name, with the same judgements. */
const seenAs: Partial<Record<FaultName, ErrorCode>> = {
  'truncated-json': 'truncated',
  'error-in-200': 'server_error',
};
/** The adapter asks once more, within the attempt. */
const askedTwice: readonly FaultName[] = ['streaming-refused', 'stream-options-refused'];

/** Faults that tell a time of seconds, in all the ways that there are. */
const hints: readonly FaultName[] = ['rate-limited', 'rate-limited-ms', 'rate-limited-date'];

function expectedOf({ faultCase, mode, on }: Row): Expected {
  return expectation(faultCase, {
    on,
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

/** Where and how a call is made. */
interface Way {
  readonly wire: Wire;
  readonly mode: Mode;
}

/** A faulty primary, and a healthy backup on the same wire. */
async function meet(fault: FaultChoice, { wire, mode }: Way, prompt: string): Promise<Cell> {
  await using bench = new Bench();
  const primary = await bench.server({ fault });
  const backup = await bench.server();
  const llm = bench.over({ primary, backup }, mode, { timeout: timersFor(fault) }, wire);
  const seen = await see(llm, mode, { prompt });
  const records = { primary: [...primary.requests], backup: [...backup.requests] };
  const ended = Promise.all([...records.primary, ...records.backup].map(({ closed }) => closed));
  const released = await within(letGoMs, ended);
  const more: Seen[] = [];
  if (seen.how !== 'hung' && tellsWhen(fault))
    for (let count = 0; count < 3; count += 1) more.push(await see(llm, mode, { prompt: `${prompt}/${count}` }));
  return { seen, prompt, ...records, released, later: [...primary.requests], more };
}

/** A faulty primary, and nobody else. */
async function meetAlone(fault: FaultChoice, { wire, mode }: Way, prompt: string): Promise<Cell> {
  await using bench = new Bench();
  const primary = await bench.server({ fault });
  const llm = bench.over({ primary }, mode, { retry: { retries: 1 }, timeout: timersFor(fault) }, wire);
  const seen = await see(llm, mode, { prompt });
  const records = [...primary.requests];
  const released = await within(letGoMs, Promise.all(records.map(({ closed }) => closed)));
  return { seen, prompt, primary: records, backup: [], released, later: [], more: [] };
}

/** After these a provider is left alone for a time. */
function tellsWhen(fault: FaultChoice): boolean {
  return typeof fault === 'string' && /^(rate-limited|insufficient|unauth|forbidden|payment)/.test(fault);
}

/** One call of the matrix. */
interface Row extends Way {
  readonly on: Wire['name'];
  readonly faultCase: FaultCase;
  readonly name: FaultName;
  readonly fault: FaultChoice;
}

const matrix: readonly Row[] = wires.flatMap((wire) =>
  faultCases
    .filter((faultCase) => faultCase.wires.includes(wire.name))
    .flatMap((faultCase) =>
      modes.map((mode) => ({ on: wire.name, wire, mode, faultCase, name: faultCase.name, fault: faultCase.name })),
    ),
);
const key = (on: string, name: string, mode: string): string => `${on}: ${name}, ${mode}`;
const cells = new Map<string, Cell>();
const alone = new Map<string, Cell>();
const cellOf = ({ on, name, mode }: Pick<Row, 'on' | 'name' | 'mode'>): Cell => cells.get(key(on, name, mode)) as Cell;
const aloneOf = ({ on, name, mode }: Pick<Row, 'on' | 'name' | 'mode'>): Cell => alone.get(key(on, name, mode)) as Cell;
const has = (wire: Wire, name: FaultName): boolean =>
  faultCases.some((faultCase) => faultCase.name === name && faultCase.wires.includes(wire.name));

beforeAll(async () => {
  const jobs = matrix.flatMap((row) => [
    { ...row, meeting: meet, into: cells },
    { ...row, meeting: meetAlone, into: alone },
  ]);
  await runCells(jobs, async ({ meeting, into, ...row }) => {
    const { on, name, mode } = row;
    into.set(key(on, name, mode), await meeting(name, row, `Tell me about ${name}, ${mode}`));
  });
}, 120_000);

describe('with a faulty primary and a healthy backup', () => {
  it.each(matrix)('$on, $name, $mode: the full, exact answer once, or the right typed error', (row) => {
    const { name, mode } = row;
    const { seen, prompt, primary, backup } = cellOf(row);
    const { outcome, end, partialTokens } = expectedOf(row);
    const whole = wholeOf(name, prompt);
    const attempts = end === 'by backup' ? [`primary:${outcome}`, 'backup:ok'] : [`primary:${outcome}`];
    expect(sequence(seen.attempts)).toEqual(attempts);

    if (end === 'answered' || end === 'by backup') {
      expect(seen.error).toBeUndefined();
      expect(seen.text).toBe(whole);
      expect(seen.completion).toMatchObject({ text: whole, provider: end === 'by backup' ? 'backup' : 'primary' });
      expect(seen.completion?.finishReason).toBe(finishReasonOf(row));
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
  });

  it.each(matrix)('$on, $name, $mode: ends when its timer says, and lets go of every socket', (row) => {
    const { seen, released, primary } = cellOf(row);
    expect(seen.how).not.toBe('hung');
    expect(released).toBe(true);
    const [first] = primary;
    // A provider that never ends its answer is left by us; of one that does, the exchange is over by itself.
    if (seen.attempts[0]?.outcome === 'timeout') expect(first?.closedByClientAt).toBeDefined();
    else expect(first?.closedByClientAt).toBeUndefined();
    for (const { outcome, durationMs } of seen.attempts)
      if (outcome === 'timeout') expect(durationMs).toBeLessThan(6 * timersFor(row.name).firstContentMs);
  });

  it.each(matrix)('$on, $name, $mode: the ledger lists what both servers have received', (row) => {
    const { name, mode, on } = row;
    const { seen, primary, backup } = cellOf(row);
    const twice = mode !== 'unary unstreamed' && askedTwice.includes(name) ? 1 : 0;
    const refused = name === 'connection-refused' ? 1 : 0;
    expect(primary.length + backup.length).toBe(seen.attempts.length + twice - refused);
    const requests = [...primary, ...backup].slice(twice);
    for (const [index, { outcome, providerRequestId }] of seen.attempts.slice(refused).entries()) {
      const { status, requestId } = requests[index] as RequestRecord;
      if (on === 'google') {
        // Gemini's id is in the body of an answer, and nowhere else.
        const told = `sim-${requestId.slice('req_'.length)}`;
        if (outcome === 'ok') expect(providerRequestId).toBe(told);
        else expect([undefined, told]).toContain(providerRequestId);
      }
      // Without headers there is no id.
      else expect(providerRequestId).toBe(status === undefined ? undefined : requestId);
    }
  });

  it.each(matrix.filter(({ faultCase, mode }) => faultCase.strikes === 'beforeContent' && mode === 'unary'))(
    '$on, $name: a streaming call makes the same attempts as a unary one',
    ({ on, name }) => {
      const { seen } = cellOf({ on, name, mode: 'streaming' });
      if (name === 'reasoning-only') return expect(seen.error?.partial?.reasoning).toBeTruthy();
      expect(sequence(seen.attempts)).toEqual(sequence(cellOf({ on, name, mode: 'unary' }).seen.attempts));
    },
  );

  it.each(wires.flatMap(({ name: on }) => modes.map((mode) => ({ on, mode }))))(
    '$on, $mode: a parked or quarantined provider is not asked a second time',
    ({ on, mode }) => {
      const told = matrix.filter((row) => row.on === on && row.mode === mode && cellOf(row).more.length === 3);
      expect(told).toHaveLength({ openai: 10, 'openai-responses': 10, anthropic: 9, google: 8 }[on]);
      for (const row of told) {
        const { later, more, prompt } = cellOf(row);
        expect([row.name, tooEarly(row.name, later)]).toEqual([row.name, []]);
        expect(more.map(({ text }) => text)).toEqual([0, 1, 2].map((count) => answerTo(`${prompt}/${count}`)));
      }
    },
  );
});

describe('with a lone faulty provider', () => {
  it.each(matrix)('$on, $name, $mode: is asked again only where that can help, and its own error surfaces', (row) => {
    const { on, name, faultCase } = row;
    const { seen, primary, released } = aloneOf(row);
    const { outcome, end } = expectedOf(row);
    expect(released).toBe(true);
    if (end === 'answered') return expect(seen).toMatchObject({ how: 'answered', attempts: [{ outcome: 'ok' }] });

    const code = end === 'interrupted' ? 'stream_interrupted' : (outcome as ErrorCode);
    const elsewhere = name === 'do-not-retry' ? { retry: 'elsewhere' } : {};
    expect(seen.error).toMatchObject({ code, provider: 'primary', ...judgementOf(code), ...elsewhere });
    if (faultCase.fault.kind === 'status') {
      // An invalid key, say, is a 400 at Gemini. A prompt that it blocks is no error by status.
      const status = on.startsWith('openai') ? faultCase.fault.status : primary[0]?.status;
      expect(seen.error?.status).toBe(status === 200 ? undefined : status);
    }
    // 600 s is more than anybody waits: it is told, and nothing more is sent.
    const again = judgementOf(code).retry === 'again' && name !== 'do-not-retry' && name !== 'rate-limited-600s';
    expect(sequence(seen.attempts)).toEqual(Array.from({ length: again ? 2 : 1 }, () => `primary:${outcome}`));
    expect(primary).toHaveLength(name === 'connection-refused' ? 0 : seen.attempts.length);
  });

  it.each(matrix.filter(({ name }) => hints.includes(name)))(
    '$on, $name, $mode: is never asked before the time it told',
    (row) => {
      const [first, second] = aloneOf(row).primary as [RequestRecord, RequestRecord];
      expect(second.receivedAt).toBeGreaterThanOrEqual(toldOf(row.name, first.receivedAt));
    },
  );

  it.each(matrix.filter(({ name }) => name === 'rate-limited-600s'))(
    '$on, $name, $mode: the error says when to come back',
    (row) => {
      const { error } = aloneOf(row).seen;
      expect(error?.retryAfterMs).toBeGreaterThan(590_000);
      expect(error?.retryAfterMs).toBeLessThanOrEqual(600_000);
    },
  );
});

describe('the ledger, beside the bills', () => {
  it.each(wires.map(({ name: on }) => ({ on })))(
    '$on: agrees to the token where told, and misses nothing unmarked',
    ({ on }) => {
      const entries = matrix
        // A prompt that it has blocked Gemini counts, and does not bill.
        .filter((row) => row.on === on && !(on === 'google' && row.name === 'content-policy'))
        .flatMap((row) =>
          [cellOf(row), aloneOf(row)].flatMap(({ seen, primary, backup }) =>
            matched(seen.attempts, { primary, backup }).map((entry) => ({ ...entry, row })),
          ),
        );
      const { told, silent } = bookOf(entries);
      const wrong = told.filter(({ line, record }) => tokensIn(line.usage) !== tokensIn(record?.billed));
      const missed = silent.filter(({ record }) => tokensIn(record?.billed) > 0);
      expect([...wrong, ...missed].map(briefly)).toEqual([]);
      expect(told.length).toBeGreaterThan(100);
    },
  );
});

describe('Retry-After', () => {
  const told = wires.flatMap((wire) =>
    hints.filter((name) => has(wire, name)).map((name) => ({ on: wire.name, wire, name })),
  );

  it.concurrent.each(told)(
    '$on, $name: under steady load the provider is left alone until then, and asked after it',
    async ({ wire, name }) => {
      await using bench = new Bench();
      const primary = await bench.server({ fault: name });
      const backup = await bench.server();
      const llm = bench.over({ primary, backup }, 'streaming', {}, wire);
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
async function scoreOfLeaving({ wire, mode }: Way, how: 'abort' | 'break'): Promise<Score> {
  await using bench = new Bench();
  const primary = await bench.server({ firstTokenMs: 20, tokenMs: 20 });
  const backup = await bench.server();
  const llm = bench.over({ primary, backup }, mode, {}, wire);
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

const scores = new Map<string, Scores>();

/** Of the 16, anthropic has no milliseconds in headers; google has no headers at all, so neither them nor a date nor `x-should-retry`. */
it.each([
  { wire: wires[0] as Wire, faults: 16, recoverable: 13 },
  { wire: wires[1] as Wire, faults: 16, recoverable: 13 },
  { wire: wires[2] as Wire, faults: 15, recoverable: 12 },
  { wire: wires[3] as Wire, faults: 13, recoverable: 10 },
])(
  '$wire.name: $faults of $faults safe and $recoverable of $recoverable recovered on the field bench, in every mode',
  async ({ wire, faults, recoverable }) => {
    const met = fieldFaults.filter(({ fault }) => typeof fault !== 'string' || has(wire, fault as FaultName));
    const names = [...met.map(({ name }) => name), 'caller aborts', 'consumer breaks after 5 tokens'];
    const rows = new Map<string, Score[]>(names.map((name) => [name, []]));
    const jobs = met.flatMap((field) => modes.map((mode) => ({ field, wire, mode, fault: field.fault })));
    const leaving = Promise.all(modes.map((mode) => scoreOfLeaving({ wire, mode }, 'abort')));
    const results = await runCells(jobs, async ({ field, ...way }) =>
      scoreOf(await meet(field.fault, way, `${field.name}, ${way.mode}`), field),
    );
    for (const [index, { field }] of jobs.entries()) rows.get(field.name)?.push(results[index] as Score);
    rows.get('caller aborts')?.push(...(await leaving));
    rows.get('consumer breaks after 5 tokens')?.push(await scoreOfLeaving({ wire, mode: 'streaming' }, 'break'));

    const all = [...rows.values()];
    const possible = all.filter((row) => row.every((score) => score.recovered !== undefined));
    const score = {
      safe: all.filter((row) => row.every((one) => one.safe)).length,
      faults: all.length,
      recovered: possible.filter((row) => row.every((one) => one.recovered)).length,
      recoverable: possible.length,
    };
    scores.set(wire.name, score);
    const failures = [...rows].filter(([, row]) => row.some((one) => !one.safe || one.recovered === false));
    expect(failures).toEqual([]);
    expect(score).toEqual({ safe: faults, faults, recovered: recoverable, recoverable });
  },
  40_000,
);

it('is what docs/fault-matrix.md says', () => {
  const file = join(import.meta.dirname, '../../docs/fault-matrix.md');
  const page = matrixPage({
    faults: faultCases.map(({ name }) => name),
    wires: wires.map(({ name }) => name),
    modes,
    scores,
    outcome(name, on, mode) {
      const cell = cells.get(key(on, name, mode));
      return cell === undefined ? undefined : cameTo(name, cell);
    },
  });
  if (process.env.UPDATE_MATRIX === '1') writeFileSync(file, page);
  const written = existsSync(file) ? readFileSync(file, 'utf8') : '';
  expect(written.split('\n'), 'run npm run docs:matrix').toEqual(page.split('\n'));
});

// ── Helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function wholeOf(name: FaultName, prompt: string): string {
  return name === 'length' ? upTo(5, prompt) : answerTo(prompt);
}

function finishReasonOf({ name, mode, on }: Row): string {
  if (name === 'length') return 'length';
  // A Response says that it is still being made: the backup has answered.
  if (on === 'openai-responses') return 'stop';
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

/** What a call came to, in a few words. */
function cameTo(name: FaultName, { seen, prompt }: Cell): string {
  const [first] = seen.attempts;
  if (seen.how === 'hung') return 'hung';
  if (seen.how === 'failed') {
    const code = seen.error?.code ?? 'no error';
    return first?.outcome === code ? code : `${first?.outcome} → ${code}`;
  }
  if (seen.text !== wholeOf(name, prompt)) return `wrong: ${tokensOf(seen.text).length} tokens`;
  if (seen.completion?.provider !== 'primary') return `${first?.outcome} → ${seen.completion?.provider}`;
  const { finishReason } = seen.completion;
  return finishReason === 'stop' ? 'answered' : `answered (${finishReason})`;
}
