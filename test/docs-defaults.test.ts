import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fieldsOf, root } from '../docs/generate/source.ts';
import { documentedTypes } from '../docs/generate/tables.ts';
import { layerDefaults, observed } from './docs-observed.ts';
import { Told } from './docs-told.ts';

/** What `@default` says, as a value; `undefined` when it is told in words. */
function parsed(text: string): { readonly value: unknown } | undefined {
  if (/^-?[\d_.]+$/.test(text)) return { value: Number(text.replaceAll('_', '')) };
  if (text === 'Infinity') return { value: Number.POSITIVE_INFINITY };
  if (text === 'true' || text === 'false') return { value: text === 'true' };
  if (/^\w+\(\)$/.test(text)) return { value: text };
  const quoted = /^'([^']*)'$/.exec(text)?.[1];
  return quoted === undefined ? undefined : { value: quoted };
}

const defaults = [...documentedTypes()].flatMap((type) =>
  fieldsOf(type).flatMap(({ path, default: text }) =>
    text === undefined ? [] : [{ option: `${type}.${path}`, text }],
  ),
);

describe('the default of an option', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is looked at for every option that tells one', () => {
    expect(defaults.length).toBeGreaterThan(40);
    expect(Object.keys(observed).sort()).toEqual(defaults.map(({ option }) => option).sort());
  });

  it('of a layer is a constant, which the layer takes', () => {
    const folder = join(root, 'src/middleware');
    const code = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('\n');
    for (const defaults of Object.values(layerDefaults))
      for (const option of Object.keys(defaults))
        expect(code).toMatch(new RegExp(`\\b${option} (=|\\?\\?) \\w+Defaults\\.${option}\\b`));
  });

  it('is the same where pages say it in words of their own', () => {
    const byName = Object.assign({}, ...Object.values(layerDefaults)) as Record<string, unknown>;
    const layers = /^## The layers$([\s\S]*?)^## /m.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ?? '';
    const told = [...layers.matchAll(/\b(\w+(?:Ms|Ratio|Queued|retries)|retries) (\d[\d,.]*\d|\d)/g)].map(
      ([, name = '', value = '']) => ({ name, value: Number(value.replaceAll(',', '')) }),
    );
    const guide = readFileSync(join(root, 'docs/guides/time-outs.md'), 'utf8');
    const seconds = [...guide.matchAll(/\| `\w+\.(\w+)` \| (\d+) s \|/g)];
    told.push(...seconds.map(([, name = '', value]) => ({ name, value: Number(value) * 1_000 })));
    expect(told.length).toBeGreaterThan(8);
    expect(told).toEqual(told.map(({ name }) => ({ name, value: byName[name] })));
  });

  it.each(defaults)('$option is $text', async ({ option, text }) => {
    const found = await observed[option]?.();
    if (found instanceof Told) {
      expect(text).toBe(found.words);
      expect(await found.holds()).toBe(true);
    } else {
      expect(parsed(text)?.value).toBe(found);
    }
  });
});
