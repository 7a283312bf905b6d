import { describe, expect, it, vi } from 'vitest';
import {
  aliasOf,
  allFieldsOf,
  entries,
  exportsOf,
  type Field,
  findInterface,
  objectTypes,
} from '../docs/generate/source.ts';
import { documentedTypes } from '../docs/generate/tables.ts';
import { checkCall, checkNamedCalls, checkTransportOptions, checkWrapOptions } from '../src/core/options.ts';
import { languageModel } from '../src/integrations/ai-sdk.ts';
import { aiSdk } from '../src/providers/ai-sdk.ts';
import { anthropic } from '../src/providers/anthropic.ts';
import { callable } from '../src/providers/callable.ts';
import { google } from '../src/providers/google.ts';
import { openai } from '../src/providers/openai.ts';
import { openaiResponses } from '../src/providers/openai-responses.ts';
import { simulated } from '../src/testing/index.ts';

type Shape = Readonly<Record<string, { readonly _zod: { readonly def: { readonly type: string } } }>>;

/** Every strict object that the checks are made of. */
const shapes = vi.hoisted((): Shape[] => []);
vi.mock('zod/mini', async (original) => {
  const zod = await original<typeof import('zod/mini')>();
  const strictObject = (shape: Shape, params?: string) => {
    shapes.push(shape);
    return zod.strictObject(shape as never, params);
  };
  return { ...zod, strictObject };
});

/** A value of a type as it is written, and one that is of no type here. */
const wrong = Symbol('of no type');
const values: Readonly<Record<string, () => readonly unknown[]>> = {
  number: () => [1],
  boolean: () => [true, false],
  string: () => ['x'],
  false: () => [false],
  AbortSignal: () => [new AbortController().signal],
  Strategy: () => [() => undefined],
  'SchemaOption<T>': () => [{ jsonSchema: {} }, { '~standard': {} }],
  'WrappedCall<I, T>': () => [async () => 1],
  'Message[]': () => [[{ role: 'user', content: 'Hello' }]],
  'Provider[]': () => [[simulated()]],
};

/** Values of a field's type: every alternative of a union, the smallest of an object. */
function valuesOf(type: string): readonly unknown[] {
  const known = values[type];
  if (known !== undefined) return known();
  const alternatives = type.split(' | ');
  if (alternatives.length > 1 && !type.includes('(') && !type.startsWith('{')) return alternatives.flatMap(valuesOf);
  const quoted = /^'([^']+)'$/.exec(type)?.[1];
  if (quoted !== undefined) return [quoted];
  if (/^\(.*\) => /.test(type)) return [() => undefined];
  if (type.endsWith('[]')) return [[]];
  if (type.startsWith('{ [')) return [{}];
  const inner = /^\{ (\w+): string \}$/.exec(type)?.[1];
  if (inner !== undefined) return [{ [inner]: 'x' }];
  if (findInterface(type) !== undefined) return [objectOf(allFieldsOf(type))];
  const alias = aliasOf(type);
  if (alias !== undefined) return valuesOf(alias);
  throw new Error(`No value is known for the type ${type}`);
}

/** An object with what must be in it. */
function objectOf(fields: readonly Field[]): Record<string, unknown> {
  const direct = fields.filter(({ path, required }) => required && !path.includes('.'));
  return Object.fromEntries(direct.map(({ path, type }) => [path, valuesOf(type)[0]]));
}

/** The object with one option set, and around it what has to be there. */
function withOption(base: object, fields: readonly Field[], path: string, value: unknown): Record<string, unknown> {
  const [name = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...base, [name]: value };
  const inner = fields.filter((field) => field.path.startsWith(`${name}.`));
  const short = inner.map((field) => ({ ...field, path: field.path.slice(name.length + 1) }));
  return { ...base, [name]: withOption(objectOf(short), short, rest.join('.'), value) };
}

const transport = { complete: async () => {} } as never;
const inTransport = (name: string) => (value: unknown) =>
  checkTransportOptions({ providers: [simulated()], [name]: value } as never);
const atProvider = (name: string) => (value: unknown) =>
  checkTransportOptions({ providers: [{ ...simulated(), [name]: value }] } as never);

/** What looks at the options of each type. */
const checks: readonly { readonly type: string; readonly check: (value: unknown) => void; readonly base?: object }[] = [
  { type: 'TransportOptions', check: (value) => checkTransportOptions(value as never) },
  { type: 'RetryOptions', check: inTransport('retry') },
  { type: 'HedgeOptions', check: inTransport('hedge') },
  { type: 'ValidateOptions', check: inTransport('validate') },
  { type: 'ResumeOptions', check: inTransport('resume') },
  { type: 'TimeoutOptions', check: inTransport('timeout') },
  { type: 'CircuitBreakerOptions', check: inTransport('circuitBreaker') },
  { type: 'RateLimitOptions', check: inTransport('rateLimit') },
  { type: 'Limits', check: atProvider('limits') },
  { type: 'Traits', check: atProvider('traits') },
  { type: 'CompletionRequest', check: (value) => checkCall(value as never, {}) },
  { type: 'CallOptions', check: (value) => checkCall({ prompt: 'Hello' }, value as never) },
  { type: 'WrapOptions', check: (value) => checkWrapOptions(value as object) },
  { type: 'NamedCall', check: (value) => checkNamedCalls([value as never]) },
];

describe('the options and what checks them', () => {
  const options = checks.flatMap(({ type, check }) => {
    const fields = allFieldsOf(type);
    return fields.map((field) => ({ type, check, fields, field, path: field.path }));
  });

  it.each(options)('$type has $path: its values pass, anything else is refused', ({ type, check, fields, field }) => {
    const accept = (value: unknown) => {
      const base = objectOf(fields);
      // There must be one of `prompt` and `messages`, and only one.
      if (type === 'CompletionRequest' && (field.path !== 'messages' || value === undefined)) base.prompt = 'Hello';
      return check(withOption(base, fields, field.path, value));
    };
    const usual = field.type === 'object' ? [withInner(fields, field.path)] : valuesOf(field.type);
    for (const value of usual) expect(() => accept(value)).not.toThrow();
    expect(() => accept(wrong)).toThrow(field.path.split('.').at(-1));
    if (!field.required && field.path !== 'prompt') expect(() => accept(undefined)).not.toThrow();
  });

  it('know the same names: no object in the checks is other than a type', () => {
    const key = (names: readonly (readonly [string, boolean])[]): string =>
      names
        .map(([name, required]) => `${name}${required ? '' : '?'}`)
        .sort()
        .join(' ');
    const types = objectTypes().map((fields) => key([...fields].map(([name, { required }]) => [name, required])));
    const checked = shapes.map((shape) =>
      key(Object.entries(shape).map(([name, { _zod }]) => [name, _zod.def.type !== 'optional'])),
    );
    // Around the functions given to `wrap()`, so that a path says where they are.
    expect(checked.filter((shape) => !types.includes(shape))).toEqual(['calls']);
    expect(checked.length).toBeGreaterThan(20);
    // And none is missing: each type that is documented has its object.
    const documented = checks.map(({ type }) =>
      key(direct(allFieldsOf(type)).map((field) => [field.path, field.required])),
    );
    expect(documented.filter((shape) => !checked.includes(shape))).toEqual([]);
  });

  it.each([
    { type: 'OpenAIOptions', adapter: openai },
    { type: 'OpenAIResponsesOptions', adapter: openaiResponses },
    { type: 'AnthropicOptions', adapter: anthropic },
    { type: 'GoogleOptions', adapter: google },
    { type: 'CallableOptions', adapter: callable },
    { type: 'AiSdkOptions', adapter: aiSdk },
    { type: 'LanguageModelOptions', adapter: (options: never) => languageModel(transport, options) },
  ])('$type has the names that its adapter takes', ({ type, adapter }) => {
    let said = '';
    try {
      adapter({ nmae: 'x' } as never);
    } catch (error) {
      said = (error as Error).message;
    }
    const names = /there are ([^)]*)\)/.exec(said)?.[1]?.split(', ') ?? [];
    expect(names.sort()).toEqual(
      direct(allFieldsOf(type))
        .map(({ path }) => path)
        .sort(),
    );
  });

  it('stand on docs/options.md, all of them, each with a meaning', () => {
    const types = entries()
      .filter((entry) => !entry.includes('testing'))
      .flatMap(exportsOf)
      .filter((name) => name.endsWith('Options'));
    expect(types.length).toBeGreaterThan(10);
    expect([...types, ...checks.map(({ type }) => type)].filter((type) => !documentedTypes().has(type))).toEqual([]);
    const silent = [...documentedTypes()].flatMap((type) =>
      allFieldsOf(type).flatMap(({ path, meaning }) => (meaning === '' ? [`${type}.${path}`] : [])),
    );
    expect(silent).toEqual([]);
  });
});

/** Of an object that is spelt out inside a type: the smallest there can be. */
function withInner(fields: readonly Field[], path: string): object {
  const inner = fields.filter((field) => field.path.startsWith(`${path}.`));
  return objectOf(inner.map((field) => ({ ...field, path: field.path.slice(path.length + 1) })));
}

function direct(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ path }) => !path.includes('.'));
}
