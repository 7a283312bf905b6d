import { beforeAll, describe, expect, it } from 'vitest';
import type { Attempt, CallOptions, Transport, Usage } from '../../src/core/types.ts';
import { faultCases, type RequestRecord, randomFrom, type SimulatedServer } from '../../src/testing/index.ts';
import { bookOf, briefly, closeness, matched, tokensIn } from './books.ts';
import { Bench, modes, pool, runCells, see, timersFor, type Wire, wires } from './support.ts';

/** The ledger against the books of those who bill. */

/** As long as prompts are: where the tokens of a request are few, an estimate of them is off by the rounding. */
function promptOf(subject: string): string {
  return `${subject}: ${'explain what this does to a call, and how one notices, in plain words. '.repeat(12)}`;
}

interface Cell {
  readonly name: string;
  readonly lines: readonly { readonly line: Attempt; readonly record: RequestRecord | undefined }[];
}

/** A call under a fault, at a provider that has answered before and at one that has not. */
async function meet(wire: Wire, mode: (typeof modes)[number], fault: (typeof faultCases)[number]): Promise<Cell> {
  await using bench = new Bench();
  // Not all at once: what a provider has sent to nobody is billed, and nobody can know of it.
  const pace = { tokenMs: mode === 'unary unstreamed' ? 0 : 1 };
  const primary = await bench.server(pace);
  const backup = await bench.server(pace);
  const llm = bench.over({ primary, backup }, mode, { timeout: timersFor(fault.name) }, wire);
  await see(llm, mode, { prompt: promptOf('nothing') });
  const before = primary.requests.length;
  await primary.setFault(fault.name);
  const { attempts } = await see(llm, mode, { prompt: promptOf(fault.name) });
  const records = { primary: primary.requests.slice(before), backup: backup.requests };
  await Promise.all(Object.values(records).flatMap((some) => some.map(({ closed }) => closed)));
  return { name: `${wire.name}: ${fault.name}, ${mode}`, lines: matched(attempts, records) };
}

/** With `LEDGER_CALLS=10000` so many calls, and every fault on every wire in every mode; else some of each. */
const many = process.env.LEDGER_CALLS;

describe('the ledger, under every fault of the matrix', () => {
  const all = faultCases.flatMap((faultCase, at) =>
    wires.flatMap((wire, on) =>
      modes.map((mode, how) => ({ wire, mode, faultCase, fault: faultCase.name, turn: at + on * modes.length + how })),
    ),
  );
  const jobs = all.filter(
    ({ wire, faultCase, turn }) => faultCase.wires.includes(wire.name) && (many !== undefined || turn % 6 === 0),
  );
  let cells: readonly Cell[] = [];
  beforeAll(async () => {
    cells = await runCells(jobs, ({ wire, mode, faultCase }) => meet(wire, mode, faultCase));
  }, 240_000);

  it('has a line for every request', () => {
    expect(cells.length).toBe(jobs.length);
    expect(jobs.length).toBeGreaterThan(80);
    const lost = cells.filter(({ lines }) => lines.some(({ record }) => record === undefined));
    // Where nobody listens, nobody has noted a request.
    expect([...new Set(lost.map(({ name }) => name.replace(/^.*: |,.*$/g, '')))]).toEqual(['connection-refused']);
  });

  it('takes nothing for certainly not billed that has come to the provider', () => {
    const wrong = cells.filter(({ lines }) =>
      lines.some(({ line, record }) => !line.mayBeBilled && record !== undefined),
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('agrees to the token where the provider has told', () => {
    // Gemini tells how long a prompt was that it has blocked, and does not bill it.
    const others = cells.filter(({ name }) => !name.startsWith('google: content-policy'));
    const told = others.flatMap(({ name, lines }) => lines.map((pair) => ({ name, ...pair })));
    const wrong = told.filter(
      ({ line, record }) =>
        line.usage !== undefined && !line.usageEstimated && JSON.stringify(tokensOf(line.usage)) !== bill(record),
    );
    expect(bookOf(told).told.length).toBeGreaterThan(jobs.length / 2);
    expect(wrong.map(({ name, line, record }) => `${name}: ${JSON.stringify(line.usage)} of ${bill(record)}`)).toEqual(
      [],
    );
  });

  it('has nothing for what was billed nothing, unless it is marked', () => {
    const silent = cells.flatMap(({ name, lines }) =>
      bookOf(lines)
        .silent.filter(({ record }) => tokensIn(record?.billed) > 0)
        .map((entry) => `${name}: ${briefly(entry)}`),
    );
    expect(silent).toEqual([]);
  });

  it('is within a tenth of the truth where it had to estimate', () => {
    const { estimated } = bookOf(cells.flatMap(({ lines }) => lines));
    const close = closeness(estimated);
    expect(estimated.length).toBeGreaterThan(jobs.length / 6);
    if (many !== undefined) console.log({ cells: cells.length, estimated: estimated.length, ...close });
    expect(Math.abs(close.ratio - 1)).toBeLessThan(0.1);
  });
});

function tokensOf({ inputTokens, outputTokens }: Usage): Usage {
  return { inputTokens, outputTokens };
}

function bill(record: RequestRecord | undefined): string {
  return record === undefined ? 'nothing' : JSON.stringify(tokensOf(record.billed));
}

/** Over sockets; most of the random calls are made in process, in `test/property/ledger.test.ts`. */
const calls = Math.min(2_000, Number(many ?? 150));

describe(`the ledger, over ${calls} random calls with hedging, resume and cancellation`, () => {
  it('agrees to the token where the provider has told, and within a tenth altogether where not', async () => {
    await using bench = new Bench();
    const random = randomFrom(7);
    const words = ({ index }: { readonly index: number }) =>
      `Answer ${index}: ${'one word more '.repeat(5 + (index % 20))}`;
    const servers: Record<string, SimulatedServer> = {};
    const providers = [];
    for (const wire of wires) {
      // Every tenth is late, so that hedges have something to do; every twentieth breaks, is refused, or falls silent.
      const faults = ['cut-reset', 'http-503', 'stream-error-after-content', 'cut-end'] as const;
      const server = await bench.server({
        ...{ answer: words, tokenMs: 1, seed: 3, firstTokenMs: (draw) => (draw() < 0.1 ? 150 : 2) },
        script: ({ index }: { readonly index: number }) =>
          index % 20 === 19 ? faults[Math.floor(index / 20) % faults.length] : undefined,
      });
      servers[wire.name] = server;
      providers.push(wire.providerAt(server, wire.name, { domain: wire.name }));
    }
    const llm = bench.transport({ providers, hedge: { afterMs: 50 }, rateLimit: false });
    const ends = new Map<string, number>();
    const lines: Attempt[] = [];
    llm.on('attempt:end', ({ ledger }) => lines.push(ledger));
    await pool(8, Array.from({ length: calls }), async () => {
      const [stream, leaves, team] = [random() < 0.5, random(), random() < 0.5 ? 'red' : 'blue'];
      const controller = new AbortController();
      const resume = ([{}, { mode: 'restart' }, { mode: 'continue' }] as const)[Math.floor(random() * 3)];
      const end = await once(llm, { stream, leaves, team, resume, controller });
      ends.set(end, (ends.get(end) ?? 0) + 1);
    });
    await llm.close();
    const records = Object.entries(servers).flatMap(([name, server]) =>
      server.requests.map((record) => ({ name, record })),
    );
    await Promise.all(records.map(({ record }) => record.closed));

    // Nobody is asked behind the ledger's back, and there is some of everything.
    expect(lines.filter(({ outcome }) => outcome === 'abandoned').length).toBeGreaterThan(calls / 100);
    expect([...ends.keys()].sort()).toEqual(expect.arrayContaining(['cancelled', 'ok']));
    // Gemini has its own prefix for the same id.
    const idOf = (name: string, id = '') => `${name}/${id.replace(/^(?:req_|sim-)/, '')}`;
    const byId = new Map(records.map(({ name, record }) => [idOf(name, record.requestId), record]));
    const book = bookOf(lines.map((line) => ({ line, record: byId.get(idOf(line.provider, line.providerRequestId)) })));
    expect(book.told.length).toBeGreaterThan(calls / 2);
    const wrong = book.told.filter(({ line, record }) => tokensIn(line.usage) !== tokensIn(record?.billed));
    expect(wrong.map(briefly)).toEqual([]);
    // What is left is theirs who had no end: cancelled, abandoned, broken.
    const heard = new Set(book.told.map(({ record }) => record));
    const truth = records.reduce((sum, { record }) => sum + (heard.has(record) ? 0 : tokensIn(record.billed)), 0);
    const estimate = book.estimated.reduce((sum, { line }) => sum + tokensIn(line.usage), 0);
    expect(book.estimated.length).toBeGreaterThan(calls / 20);
    if (many !== undefined) {
      const counts = { lines: lines.length, told: book.told.length, estimated: book.estimated.length };
      console.log({ calls, ...counts, truth, estimate, ...Object.fromEntries(ends) });
    }
    // Of some forty estimates a few that were given up on a busy machine, before the server had begun, are a tenth already.
    expect(Math.abs(estimate / truth - 1)).toBeLessThan(many === undefined ? 0.3 : 0.1);

    // And the transport's sums are those of the lines.
    const total = llm.usage();
    expect(tokensIn(total)).toBe(lines.reduce((sum, { usage }) => sum + tokensIn(usage), 0));
    expect([total.attempts, total.estimated]).toEqual([lines.length, book.estimated.length]);
    for (const by of ['provider', 'model', { metadata: 'team' }, { metadata: 'none' }] as const)
      expect(llm.usage(by).reduce((sum, group) => sum + tokensIn(group), 0)).toBe(tokensIn(total));
    expect(
      llm
        .usage({ metadata: 'team' })
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['blue', 'red']);
  }, 600_000);
});

interface Way {
  readonly stream: boolean;
  /** Leaves the call: by its signal below 0.05, in the middle of the stream below 0.15. */
  readonly leaves: number;
  readonly resume: CallOptions['resume'];
  readonly team: string;
  readonly controller: AbortController;
}

async function once(llm: Transport, { stream, leaves, team, resume, controller }: Way): Promise<string> {
  const request = { prompt: promptOf(team), metadata: { team } };
  const timer = leaves < 0.05 ? setTimeout(() => controller.abort(), 10 + leaves * 500) : undefined;
  try {
    if (!stream) await llm.complete(request, { signal: controller.signal });
    else {
      let chunks = 0;
      const answer = await llm.complete({ ...request, stream: true }, { signal: controller.signal, resume });
      for await (const _ of answer) {
        chunks += 1;
        if (leaves < 0.15 && chunks > 100 * leaves) return 'left';
      }
    }
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    clearTimeout(timer);
  }
}
