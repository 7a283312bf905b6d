import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  anchorsOf,
  codeBlocksOf,
  inlineCodeOf,
  linksOf,
  markdownFiles,
  proseOf,
  textOf,
} from '../docs/generate/markdown.ts';
import {
  entries,
  eventTypes,
  exportsOf,
  membersOf,
  propertyNames,
  publishersOf,
  root,
  variantsOf,
} from '../docs/generate/source.ts';

const files = markdownFiles();
const pages = files.filter((file) => file === 'README.md' || file.startsWith('docs/'));
const named = (folder: string): readonly string[] =>
  readdirSync(join(root, folder))
    .filter((file) => /\.(?:ts|md)$/.test(file))
    .map((file) => file.replace(/\.(?:ts|md)$/, ''));

describe('every page', () => {
  it('is read at all', () => {
    expect(files).toEqual(expect.arrayContaining(['CONTRIBUTING.md', 'README.md', 'docs/layers/retry.md']));
    const text = '# A `b:c` d\n[x](y.md#z) ![p](q.svg)\n```md\n[no](no.md)\n```\n`[no](no)`\n';
    expect([...anchorsOf(text)]).toEqual(['a-bc-d']);
    expect(linksOf(text)).toEqual(['y.md#z', 'q.svg']);
    expect(codeBlocksOf('<!-- m -->\n```ts\nx\n```\n\n```sh\ny\n```')).toMatchObject([
      { language: 'ts', code: 'x', before: '<!-- m -->' },
      { language: 'sh', code: 'y', before: '' },
    ]);
    expect(pages.flatMap((page) => linksOf(textOf(page))).length).toBeGreaterThan(150);
  });

  it.each(files)('%s has no link that leads nowhere', (file) => {
    const broken = linksOf(textOf(file)).filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      // What is shown on a pull request's page leads from there to a file.
      const inRepository = /^\.\.\/blob\/main\/(.*)$/.exec(path)?.[1];
      const to = path === '' ? file : (inRepository ?? normalize(join(dirname(file), decodeURIComponent(path))));
      if (!existsSync(join(root, to))) return true;
      if (anchor === undefined || statSync(join(root, to)).isDirectory()) return anchor !== undefined;
      return to.endsWith('.md') && !anchorsOf(textOf(to)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each(pages)('%s has no code that is not run: each block is a region of a file', (page) => {
    const loose = codeBlocksOf(textOf(page)).filter(
      ({ language, before }) =>
        /^(?:ts|tsx|js|jsx|mjs|cjs|typescript|javascript)\b/i.test(language) &&
        !/^<!-- example: \S+#\S+ -->$/.test(before),
    );
    expect(loose.map(({ code }) => code)).toEqual([]);
  });
});

describe('the pages', () => {
  const headings = ['What it does', 'When to use it', 'Usage', 'Options', 'Events', 'What it does not do', 'Mistakes'];
  const kinds = ['layers', 'strategies', 'providers', 'integrations'].flatMap((kind) =>
    named(`docs/${kind}`).map((name) => `${kind}/${name}`),
  );

  it.each(kinds)('docs/%s.md has the headings of its kind', (page) => {
    const found = [...proseOf(textOf(`docs/${page}.md`)).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(found).toEqual(headings);
  });

  it('are there for every layer, every strategy, every adapter and every door', () => {
    expect(named('docs/layers').toSorted()).toEqual([...named('src/middleware'), 'endpoint', 'router'].toSorted());
    expect(named('docs/strategies').toSorted()).toEqual(
      named('src/routing')
        .filter((name) => name !== 'router')
        .toSorted(),
    );
    expect(named('docs/providers').toSorted()).toEqual(named('src/providers').toSorted());
    expect(named('docs/integrations').toSorted()).toEqual(named('src/integrations').toSorted());
  });

  it('are all to be found from docs/README.md', () => {
    const linked = new Set(linksOf(textOf('docs/README.md')).map((link) => normalize(join('docs', link))));
    const decisions = /^docs\/decisions\/\d/;
    const found = (file: string): boolean => linked.has(file) || linked.has(dirname(file)) || decisions.test(file);
    const lost = files.filter((file) => file.startsWith('docs/') && !found(file));
    expect(lost).toEqual(['docs/README.md']);
    const known = linksOf(textOf('docs/decisions/README.md')).map((link) => join('docs/decisions', link));
    expect(files.filter((file) => decisions.test(file) && !known.includes(file))).toEqual([]);
  });

  it('tell of every chunk that there may be', () => {
    const table = /^## Chunk$([\s\S]*?)^## /m.exec(textOf('docs/answers.md'))?.[1] ?? '';
    const told = [...table.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []);
    expect(told.filter((name) => name !== 'type').toSorted()).toEqual(variantsOf('Chunk').toSorted());
  });

  it('tell of every event that is published, and of no other', () => {
    const types = eventTypes().map(({ type }) => type);
    expect(types.length).toBeGreaterThan(12);
    expect([...publishersOf().keys()].toSorted()).toEqual(types.toSorted());
    for (const { type, when, fields } of eventTypes())
      for (const meaning of [when, ...fields.map((field) => field.meaning)])
        expect({ type, meaning }).not.toEqual({ type, meaning: '' });
  });
});

/** What the first word of `word.word` in a page means. */
const roots: Readonly<Record<string, string>> = {
  retry: 'RetryOptions',
  hedge: 'HedgeOptions',
  validate: 'ValidateOptions',
  budget: 'BudgetOptions',
  resume: 'ResumeOptions',
  timeout: 'TimeoutOptions',
  circuitBreaker: 'CircuitBreakerOptions',
  rateLimit: 'RateLimitOptions',
  limits: 'Limits',
  traits: 'Traits',
  require: 'CompletionRequest.require',
  request: 'CompletionRequest',
  completion: 'Completion',
  stream: 'CompletionStream',
  error: 'TransportError',
  context: 'Context',
  mount: 'Mount',
  info: 'CallInfo',
  reply: 'Reply',
  candidate: 'Candidate',
  usage: 'Usage',
  attempt: 'Attempt',
  provider: 'Provider',
  llm: 'Transport',
  server: 'SimulatedServer',
  transport: 'Transport',
};

/** What pages name that is not ours: fields of a wire. */
const onTheWire = new Set(['usage.cost']);
/** Names that pages use for what is not ours: of SDKs, of Node, of the wire. */
const foreign = new Set([
  ...[
    'baseURL',
    'fetcher',
    'apiKey',
    'apiVersion',
    'maxRetries',
    'endpoint',
    'deployment',
    'httpOptions',
    'fetchOptions',
    'fetch',
  ],
  ...[
    ...['generateText', 'generateObject', 'streamText', 'retryConfig', 'strategy'],
    'service_tier',
    'cache_control',
    'store',
    'summary',
    'effort',
    'type',
    'openai',
    'anthropic',
    'google',
    'Error',
    'randomize',
  ],
  ...[
    'minTimeout',
    'maxTimeout',
    'maxRetryTime',
    'onFailedAttempt',
    'shouldRetry',
    'shouldConsumeRetry',
    'attemptNumber',
    ...['bindTools', 'withConfig', 'withStructuredOutput', 'withFallbacks', 'maxConcurrency', 'maxTokens'],
    ...['modelResetInterval', 'shouldRetryThisError', 'retryAfterOutput', 'disabled', 'onError', 'onRetry'],
    ...[
      'abortSignal',
      'textStream',
      'withResponse',
      'defaultHeaders',
      'retryOptions',
      'stopAfterAttempt',
      'models',
      'num_retries',
    ],
  ],
]);

describe('what the pages name', () => {
  const codes = pages.flatMap((page) => inlineCodeOf(textOf(page)).map((code) => ({ page, code })));

  it('exists: every `option.option` and `thing.property`', () => {
    const dotted = codes.flatMap(({ page, code }) =>
      [...code.matchAll(/(?<![\w./'-])([a-zA-Z]+)\.([a-zA-Z]+)((?:\.[a-zA-Z]+)*)(?![\w/])/g)].flatMap(
        ([all, first = '', second = '']) => {
          const type = roots[first];
          return type === undefined || all.endsWith('.ts') || onTheWire.has(all) ? [] : [{ page, all, type, second }];
        },
      ),
    );
    expect(dotted.length).toBeGreaterThan(60);
    expect(dotted.filter(({ type, second }) => !membersOf(type).includes(second))).toEqual([]);
  });

  it('exists: every `option: value`', () => {
    const known = propertyNames();
    const keys = codes.flatMap(({ page, code }) => {
      if (!/^(?:\w+\()?\{? ?[a-zA-Z_]+: /.test(code)) return [];
      return [...code.matchAll(/(?<=^|[{(,] ?)([a-zA-Z_]+): /g)].map(([, key = '']) => ({ page, code, key }));
    });
    expect(keys.length).toBeGreaterThan(30);
    expect(keys.filter(({ key }) => !known.has(key) && !foreign.has(key))).toEqual([]);
  });

  it('exists: every name of several words, but for those of the wires and of SDKs on the pages about them', () => {
    const known = new Set([...propertyNames(), ...entries().flatMap(exportsOf), ...foreign]);
    const words = codes.filter(
      ({ page, code }) =>
        !/^docs\/(?:providers|integrations|decisions)\//.test(page) && /^[a-z]+(?:[A-Z][a-z]*)+(?:\(\))?$/.test(code),
    );
    expect(words.length).toBeGreaterThan(100);
    const builtIn = (name: string): boolean => [globalThis, Array.prototype, Promise].some((place) => name in place);
    const names = words.map(({ page, code }) => ({ page, name: code.replace('()', '') }));
    expect(names.filter(({ name }) => !known.has(name) && !builtIn(name))).toEqual([]);
  });
});
