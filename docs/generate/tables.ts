/** The generated parts of pages: tables of options and of events, each between a marker and its end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EventType, eventStamp, eventTypes, type Field, fieldsOf, publishersOf, root } from './source.ts';

/** `<!-- options: RetryOptions retry. -->` … `<!-- /options -->`, and the like for events. */
const block = /<!-- (options|events|fields): ([^>]+?) -->\n[\s\S]*?<!-- \/\1 -->/g;
/** Either end of one, also without the other. */
const ends = /<!-- \/?(?:options|events|fields)\b[^>]*-->/g;

/** The text with its tables as the source has them. */
export function withTables(text: string, page: string): string {
  let blocks = 0;
  const fresh = text.replace(block, (_all, kind: string, what: string) => {
    blocks += 1;
    return `<!-- ${kind}: ${what} -->\n${tables[kind]?.(what)}\n<!-- /${kind} -->`;
  });
  if ((text.match(ends) ?? []).length !== 2 * blocks)
    throw new Error(`${page}: a generated table has no beginning or no end`);
  return fresh;
}

/** The types whose options stand on `docs/options.md`. */
export function documentedTypes(): ReadonlySet<string> {
  const page = readFileSync(join(root, 'docs/options.md'), 'utf8');
  return new Set([...page.matchAll(/<!-- options: (\S+)/g)].map(([, type]) => type as string));
}

const tables: Readonly<Record<string, (what: string) => string>> = {
  options: optionsFor,
  events: eventsFor,
  fields: (what) => fieldTable(fieldsOf(what)),
};

function optionsFor(what: string): string {
  const [name = '', prefix = ''] = what.split(' ');
  const rows = fieldsOf(name).map((field) => [
    code(prefix + field.path),
    code(field.type),
    field.required ? 'required' : defaultText(field.default),
    field.meaning,
  ]);
  return table(['option', 'type', 'default', 'meaning'], rows);
}

function eventsFor(what: string): string {
  const known = eventTypes();
  if (what === 'all') return known.map(eventSection).join('\n\n');
  if (what === 'stamp') return fieldTable(eventStamp());
  const rows = what.split(', ').map((name) => {
    const event = known.find(({ type }) => type === name);
    if (event === undefined) throw new Error(`There is no event ${name}`);
    return [code(name), event.fields.map(({ path }) => code(path)).join(', '), event.when];
  });
  return table(['event', 'fields', 'when'], rows);
}

function eventSection({ type, when, fields }: EventType): string {
  const by = (publishersOf().get(type) ?? []).map((file) => `[\`${file}\`](../src/${file})`);
  return `### ${code(type)}\n\n${when} Published by ${by.join(', ')}.\n\n${fieldTable(fields)}`;
}

function fieldTable(fields: readonly Field[]): string {
  return table(
    ['field', 'type', 'meaning'],
    fields.map(({ path, type, meaning }) => [code(path), code(type), meaning]),
  );
}

/** A default that is a value stands as code; one that is told in words stands as words, with the values in it as code. */
function defaultText(text: string | undefined): string {
  if (text === undefined) return '';
  if (/^(?:-?[\d._]+|'[^']*'|\w+(?:\(\))?)$/.test(text) && !/^[a-z]+$/.test(text)) return code(text);
  if (text === 'true' || text === 'false') return code(text);
  return text.replace(/'([^']+)'/g, '`$1`');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`.replace(/ {2,}/g, ' ');
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map((cells) => line(cells.map(cell)))].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function code(text: string): string {
  return `\`${text}\``;
}
