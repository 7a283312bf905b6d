import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The rules of the layout, kept by reading imports: what each folder may depend on, and what nobody may use. */

const root = fileURLToPath(new URL('../src', import.meta.url));

interface File {
  /** Inside `src`: 'core/pump.ts'. */
  readonly path: string;
  readonly code: string;
  /** What it imports; of our own files their path inside `src`. `type`: erased by the compiler. */
  readonly imports: readonly { readonly from: string; readonly type: boolean }[];
}

const files: readonly File[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map((path) => {
    const code = readFileSync(`${root}/${path}`, 'utf8');
    return { path, code, imports: importsOf(path, code) };
  });

function importsOf(path: string, code: string): File['imports'] {
  const bare = withoutComments(code);
  const found = [...bare.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from\s*'([^']+)'/gm)].map(
    ([, type, from]) => ({ from: from as string, type: type !== undefined }),
  );
  const called = [...bare.matchAll(/\b(?:import|require)\s*\(\s*'([^']+)'/g)].map(([, from]) => ({
    from: from as string,
    type: false,
  }));
  const sideEffects = [...bare.matchAll(/^import\s*'([^']+)'/gm)].map(([, from]) => ({
    from: from as string,
    type: false,
  }));
  return [...found, ...called, ...sideEffects].map((one) => ({
    ...one,
    from: one.from.startsWith('.') ? posix.join(posix.dirname(path), one.from) : one.from,
  }));
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

const inside = (folder: string): readonly File[] => files.filter(({ path }) => path.startsWith(`${folder}/`));

/** What files of a folder import that none of the patterns allows. */
function strays(folder: string, allowed: readonly (string | RegExp)[]): string[] {
  return inside(folder).flatMap(({ path, imports }) =>
    imports
      .filter(({ from }) => !allowed.some((one) => (typeof one === 'string' ? from.startsWith(one) : one.test(from))))
      .map(({ from }) => `${path} imports ${from}`),
  );
}

const core = 'core/';
const control = 'control/';

describe('the layout', () => {
  it('is read at all', () => {
    expect(inside('core').length).toBeGreaterThan(10);
    const pump = files.find(({ path }) => path === 'core/pump.ts');
    expect(pump?.imports).toContainEqual({ from: 'core/errors.ts', type: false });
    expect(pump?.imports).toContainEqual({ from: 'core/types.ts', type: true });
    expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(100);
    const missing = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ from }) => from.endsWith('.ts') && !files.some((file) => file.path === from))
        .map(({ from }) => `${path} imports ${from}`),
    );
    expect(missing).toEqual([]);
  });

  it('core imports core, Node, eventemitter3 in events.ts and zod for options', () => {
    expect(strays('core', [core, 'node:'])).toEqual([
      'core/events.ts imports eventemitter3',
      'core/option-mistakes.ts imports zod/mini',
      'core/options.ts imports zod/mini',
    ]);
  });

  it('control imports control', () => {
    expect(strays('control', [control])).toEqual([]);
  });

  it('wire imports wire and core', () => {
    const sdk = /^(?:openai|@ai-sdk\/provider)(\/|$)/;
    expect(strays('wire', ['wire/', core, 'node:', sdk])).toEqual([]);
    // Of an SDK the wire may know the types; the client itself is handed to it.
    const values = inside('wire').flatMap(({ path, imports }) =>
      imports.filter(({ from, type }) => sdk.test(from) && !type).map(() => path),
    );
    expect(values).toEqual([]);
  });

  it('middleware imports core, control, and the library that it puts to work', () => {
    // What is one behaviour's alone is in a folder of its name.
    expect(strays('middleware', [core, control, 'node:', /^middleware\/[^/]+\/[^/]+$/])).toEqual([
      'middleware/circuit-breaker/circuit.ts imports opossum',
      'middleware/rate-limit/waiting-line.ts imports p-queue',
      'middleware/retry.ts imports p-retry',
    ]);
  });

  it('routing imports core and control', () => {
    expect(strays('routing', [core, control, 'node:', /^routing\/[^/]+\/[^/]+$/])).toEqual([]);
  });

  it('an adapter imports core, wire and its own SDK', () => {
    const sdks = ['openai', '@anthropic-ai/sdk', '@google/genai', 'ai', '@ai-sdk/'];
    expect(strays('providers', [core, 'wire/', 'node:', ...sdks])).toEqual([]);
    for (const { path, imports } of inside('providers')) {
      const own = imports.map(({ from }) => sdks.find((sdk) => from === sdk || from.startsWith(`${sdk}/`)));
      expect({ path, sdks: new Set(own.filter((sdk) => sdk !== undefined)).size <= 1 }).toEqual({ path, sdks: true });
    }
  });

  it('integrations import the public entry, core and wire', () => {
    const ours = inside('integrations').flatMap(({ path, imports }) =>
      imports.filter(({ from }) => from.endsWith('.ts')).map(({ from }) => [path, from] as const),
    );
    expect(
      ours
        .filter(([, from]) => !/^(index\.ts$|core\/|wire\/|integrations\/)/.test(from))
        .map((pair) => pair.join(' → ')),
    ).toEqual([]);
  });

  it('siblings in middleware, routing and providers know nothing of each other', () => {
    for (const folder of ['middleware', 'routing', 'providers']) {
      const siblings = inside(folder).flatMap(({ path, imports }) =>
        imports
          .filter(({ from }) => {
            const owner = from.startsWith(`${folder}/`) && dirname(from) !== folder ? `${dirname(from)}.ts` : undefined;
            return (
              dirname(from) === folder || (owner !== undefined && owner !== path && dirname(from) !== dirname(path))
            );
          })
          .map(({ from }) => `${path} imports ${basename(from)}`),
      );
      expect(siblings).toEqual([]);
    }
  });

  it('the mandated libraries are imported by one file each', () => {
    const users = (name: string): string[] =>
      files
        .filter(({ imports }) => imports.some(({ from }) => from === name || from.startsWith(`${name}/`)))
        .map(({ path }) => path);
    expect(users('p-retry')).toEqual(['middleware/retry.ts']);
    expect(users('p-queue')).toEqual(['middleware/rate-limit/waiting-line.ts']);
    expect(users('opossum')).toEqual(['middleware/circuit-breaker/circuit.ts']);
    expect(users('eventemitter3')).toEqual(['core/events.ts']);
  });

  it('nothing in the transport knows of simulated providers, and they know nothing of it', () => {
    const knows = files.filter(
      ({ path, imports }) => !path.startsWith('testing/') && imports.some(({ from }) => from.startsWith('testing/')),
    );
    expect(knows.map(({ path }) => path)).toEqual([]);
    // Not wire either: it is what they test.
    expect(strays('testing', ['testing/', core, 'node:'])).toEqual([]);
  });

  it('has no circles', () => {
    const values = new Map(
      files.map(({ path, imports }) => [path, imports.filter(({ type }) => !type).map(({ from }) => from)]),
    );
    const circles: string[] = [];
    const done = new Set<string>();
    const walk = (path: string, above: readonly string[]): void => {
      if (above.includes(path)) {
        circles.push([...above.slice(above.indexOf(path)), path].join(' → '));
        return;
      }
      if (done.has(path)) return;
      for (const from of values.get(path) ?? []) walk(from, [...above, path]);
      done.add(path);
    };
    for (const { path } of files) walk(path, []);
    expect(circles).toEqual([]);
  });
});

describe('every file', () => {
  /** More than the rest has, each for its reason; none may grow beyond this. */
  const long: Readonly<Record<string, number>> = {
    // The contract, in one place: types only, most of it comments.
    'core/types.ts': 620,
    // Every event that there is, with its fields.
    'core/events.ts': 280,
    // Half of it is the table.
    'core/errors.ts': 360,
    // The options' shapes.
    'core/options.ts': 315,
    // One state machine.
    'core/pump.ts': 340,
    'middleware/circuit-breaker/circuit.ts': 310,
    // A race of two, step by step.
    'middleware/hedge.ts': 280,
    'middleware/retry.ts': 315,
    // Who waits, who leaves, and why.
    'middleware/rate-limit/flow-gate.ts': 310,
    // One attempt, from sending to its line in the ledger.
    'core/endpoint.ts': 285,
    // The order of the layers, with the reason for each place.
    'transport.ts': 345,
  };

  it('has one subject: about 250 lines at most', () => {
    const over = files
      .map(({ path, code }) => ({ path, lines: code.split('\n').length - 1 }))
      .filter(({ path, lines }) => lines > (long[path] ?? 260));
    expect(over).toEqual([]);
  });

  it.each<[string, RegExp]>([
    ['AbortSignal.any, which leaks', /AbortSignal\.any\b/],
    ['AbortSignal.timeout, which fake timers do not reach', /AbortSignal\.timeout\b/],
    ['timers/promises, which fake timers do not reach', /timers\/promises/],
    ['enums', /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s/m],
    ['export *', /^\s*export\s+(?:type\s+)?\*/m],
  ])('does without %s', (_, pattern) => {
    const users = files.filter(({ code }) => pattern.test(withoutComments(code))).map(({ path }) => path);
    expect(users).toEqual([]);
  });

  it('is named in kebab-case', () => {
    expect(files.map(({ path }) => path).filter((path) => !/^([a-z0-9-]+\/)*[a-z0-9-]+\.ts$/.test(path))).toEqual([]);
  });
});
