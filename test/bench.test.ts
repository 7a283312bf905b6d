import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { svgOf } from '../bench/figure.ts';
import { bytesOf, type Call, timesOf } from '../bench/harness.ts';
import { readOptions } from '../bench/options.ts';
import { pageWith } from '../bench/page.ts';
import { layersTable } from '../bench/rows/layers.ts';
import { callsOf, nameOf, tables } from '../bench/rows/tables.ts';
import { figure, markdownOf, type Sheet, textOf } from '../bench/sheet.ts';
import { nsPerChunk, paired, quantile, ratio, spreadOf } from '../bench/statistics.ts';

const root = join(import.meta.dirname, '..');

describe('the statistics', () => {
  it('a quantile lies between its neighbours, in proportion, whatever the order', () => {
    expect(quantile([30, 10, 20, 40], 0.5)).toBe(25);
    expect(quantile([30, 10, 20, 40], 0)).toBe(10);
    expect(quantile([30, 10, 20, 40], 1)).toBe(40);
    expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2);
    expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9);
    expect(quantile([7], 0.3)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
    // As numbers, not as texts.
    expect(quantile([9, 100, 1_000], 0.5)).toBe(100);
  });

  it('leaves the series as it was', () => {
    const series = [3, 1, 2];
    quantile(series, 0.5);
    expect(series).toEqual([3, 1, 2]);
  });

  it('a spread is the median and its quartiles', () => {
    expect(spreadOf([5, 1, 4, 2, 3])).toEqual({ low: 2, median: 3, high: 4 });
  });

  it('ratios are taken round by round, so that a slow round is no difference', () => {
    const slow = [2, 2, 200];
    const bare = [1, 1, 100];
    expect(ratio(slow, bare)).toEqual({ low: 2, median: 2, high: 2 });
    expect(() => paired([1], [1, 2], (a, b) => a - b)).toThrow(RangeError);
  });

  it('a chunk costs what a longer stream takes longer, without what the call costs once', () => {
    const call = 40;
    const chunk = 0.25;
    const short = [call + chunk, call + chunk];
    const long = [call + 101 * chunk, call + 101 * chunk];
    expect(nsPerChunk(long, short, 100).median).toBeCloseTo(250);
  });
});

describe('the harness', () => {
  it('calls every call in every round, and in turn', async () => {
    const order: string[] = [];
    const call = (name: string) => async () => void order.push(name);
    const calls = new Map(['a', 'b', 'c'].map((name) => [name, call(name)]));
    const times = await timesOf(calls, { rounds: 4, batchMs: 1, warmUpMs: 1 });

    expect([...times.keys()]).toEqual(['a', 'b', 'c']);
    for (const { cpuUs, medianUs, p99Us } of times.values()) {
      expect([cpuUs.length, medianUs.length]).toEqual([4, 4]);
      expect(p99Us).toBeGreaterThan(0);
    }
    const turns = order.filter((name, at) => name !== order[at - 1]).join('');
    // All to warm up; then rounds, each of which begins with another one. The fourth begins as the first.
    expect(turns).toBe('abc' + 'abc' + 'bca' + 'cababc');
  });

  it('counts what a call allocates, and not what it only looks at', async () => {
    const kept = new Array<number>(1_000).fill(1);
    const bytes = await bytesOf(
      new Map<string, Call>([
        ['array', async () => new Array<number>(1_000).fill(1)],
        ['buffer', async () => new Uint8Array(100_000)],
        ['nothing', async () => kept],
      ]),
      { rounds: 3, calls: 8, warmUpMs: 20 },
    );
    const [array, buffer, nothing] = ['array', 'buffer', 'nothing'].map((name) => bytes.get(name) ?? Number.NaN);
    expect(array).toBeGreaterThan(8_000);
    expect(array).toBeLessThan(20_000);
    expect(buffer).toBeGreaterThan(100_000);
    expect(buffer).toBeLessThan(120_000);
    expect(nothing).toBeLessThan(4_000);
  });
});

describe('what is shown', () => {
  const sheet: Sheet = {
    title: 'Title',
    note: 'with a note',
    heads: ['µs', 'kB'],
    rows: [
      { label: 'one', cells: ['1.0', '2'] },
      { label: 'another one', cells: ['10', ''] },
    ],
  };

  it('lines up labels to the left and figures to the right', () => {
    expect(textOf(sheet)).toEqual([
      'Title',
      '  with a note',
      '',
      '                µs  kB',
      '  one          1.0   2',
      '  another one   10    ',
    ]);
    expect(markdownOf(sheet)).toContain('| another one | 10 |  |');
  });

  it.each([
    [0.314, '0.31'],
    [4.72, '4.7'],
    [12.3, '12'],
    [1_840, '1,840'],
    [-3.14, '-3.1'],
    [Number.NaN, '–'],
  ])('writes %d as %s', (value, text) => {
    expect(figure(value)).toBe(text);
  });

  it('writes only the measured part of the page anew', () => {
    const page = readFileSync(join(root, 'docs/bench.md'), 'utf8');
    const fresh = pageWith(page, [sheet], 'a machine');
    expect(fresh).toContain('Measured on a machine.');
    expect(fresh).toContain('| one | 1.0 | 2 |');
    const [before, after] = [page.split('<!-- bench:')[0], page.split('<!-- bench: end -->')[1]];
    expect(fresh.startsWith(before as string)).toBe(true);
    expect(fresh.endsWith(after as string)).toBe(true);
    expect(pageWith(fresh, [sheet], 'a machine')).toBe(fresh);
    expect(() => pageWith('nothing', [sheet], '')).toThrow('the page has no');
  });

  it('draws every label and every bar', () => {
    const series = [
      { name: 'whole', values: [1, 2] },
      { name: 'streamed', values: [undefined, 4] },
    ];
    const svg = svgOf([{ title: 'One panel', unit: 'µs', labels: ['first', 'second'], series }]);
    for (const text of ['One panel', 'first', 'second', 'whole', 'streamed', '4.0']) expect(svg).toContain(text);
    expect(svg).toContain('fill="#ffffff"');
  });

  it('knows its options, and refuses others', () => {
    expect(readOptions([])).toEqual({ help: false, quick: false, write: true });
    expect(readOptions(['--no-write'])).toMatchObject({ write: false });
    // Figures that mean little are never written down.
    expect(readOptions(['--quick'])).toMatchObject({ quick: true, write: false });
    expect(() => readOptions(['--fast'])).toThrow("Unknown option '--fast'");
  });
});

describe('the layers', () => {
  it('are those of the transport, in its order', () => {
    const code = readFileSync(join(root, 'src/transport.ts'), 'utf8').replace(/\/\/.*|options\.\w+/g, '');
    const imported = [...code.matchAll(/^import \{ ([^}]+) \} from '\.\/middleware\//gm)];
    // Beside a layer a file may tell something of it.
    const used = imported.flatMap(([, names = '']) => names.split(', ')).filter((name) => !/^type |^may/.test(name));
    const inside = (from: string, to: string): string[] => {
      const built = code.slice(code.indexOf(from), code.indexOf(to));
      const place = (name: string): number => built.search(new RegExp(`\\b${name}\\b(?!.*\\b${name}\\b)`, 's'));
      // Innermost first; hedge is off unless it is asked for.
      return used.filter((name) => place(name) >= 0 && name !== 'hedge').sort((a, b) => place(b) - place(a));
    };
    const perProvider = inside('const providerLayers', 'const destinations');
    const perCall = inside('const callLayers', 'const providerLayers');
    expect(perProvider.length + perCall.length).toBe(used.length - 1);
    const measured = layersTable()
      .rows.map(({ label }) => label)
      .filter((label) => label.startsWith('+ '))
      .map((label) => label.slice(2))
      .filter((name) => name !== 'endpoint' && name !== 'route');
    expect(measured).toEqual([...perProvider, ...perCall]);
  });

  it('cost a chunk nothing: with all of them it takes less than twice as long as with none', { retry: 2 }, async () => {
    const all = tables();
    const rows = all[0]?.rows ?? [];
    const none = rows.findIndex(({ label }) => label === '+ endpoint');
    const every = rows.findIndex(({ label }) => label === 'createTransport().complete()');
    const names = [none, every].flatMap((row) => [nameOf(0, row, 'stream'), nameOf(0, row, 'long')]);
    const calls = new Map([...callsOf(all)].filter(([name]) => names.includes(name)));
    const times = await timesOf(calls, { rounds: 9, batchMs: 20, warmUpMs: 150 });
    const perChunk = (row: number): number => {
      const us = (kind: 'long' | 'stream') => times.get(nameOf(0, row, kind))?.medianUs ?? [];
      return nsPerChunk(us('long'), us('stream'), all[0]?.moreChunks ?? Number.NaN).median;
    };
    expect(perChunk(none)).toBeGreaterThan(0);
    expect(perChunk(every)).toBeLessThan(2 * perChunk(none));
  });
});

describe('npm run bench -- --quick', () => {
  // The system counts CPU in ticks: a batch so short may have none, when something else runs.
  it('prints every row, with figures above zero', { timeout: 120_000, retry: 2 }, async () => {
    const script = join(root, 'bench/index.ts');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, '--quick'], {
      env: { ...process.env, NO_COLOR: '1' },
    });
    expect(stderr).toBe('');
    expect(stdout).not.toMatch(/NaN|Infinity|undefined/);

    const lines = stdout.split('\n');
    const all = tables();
    for (const [index, { title, rows }] of all.entries()) {
      const from = lines.indexOf(title);
      expect(from, title).toBeGreaterThan(-1);
      for (const [row, { label, calls }] of rows.entries()) {
        const line = lines[from + 4 + row] ?? '';
        expect(line.trim().startsWith(label), `${title}: ${label}`).toBe(true);
        const [first] = numbers(line.slice(label.length + 2));
        expect(first, line).toBeGreaterThan(0);
        expect(Object.keys(calls).length, `${index}: ${label}`).toBeGreaterThan(0);
      }
    }
    const loopback = lines.slice(lines.indexOf('Over loopback HTTP') + 4).filter((line) => line.trim() !== '');
    expect(loopback).toHaveLength(7);
    for (const line of loopback) {
      const figures = numbers(line.slice(line.indexOf(':') + 1));
      // Two concurrencies: calls per second with its quartiles, CPU, and what is beside the bare SDK.
      expect(figures.length, line).toBeGreaterThanOrEqual(12);
      for (const value of figures) expect(value, line).toBeGreaterThan(0);
    }
  });
});

/** The numbers in a line of a table. */
function numbers(line: string): number[] {
  return [...line.matchAll(/(?<![\w.])\d[\d,]*(?:\.\d+)?/g)].map(([text]) => Number(text.replaceAll(',', '')));
}
