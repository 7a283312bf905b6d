/** Reads from the source what the pages say of options and events: names, types, defaults, meanings. Nothing is kept twice. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type InterfaceDeclaration,
  type JSDoc,
  Node,
  Project,
  SyntaxKind,
  type TypeElementMemberedNode,
  type TypeNode,
} from 'ts-morph';

/** The repository. */
export const root = join(import.meta.dirname, '../..');

/** A property of a public type, as a table shows it. */
export interface Field {
  /** Inside its type: `price.input`. */
  readonly path: string;
  /** As it is written in the source, without `readonly`. */
  readonly type: string;
  readonly required: boolean;
  /** What `@default` says. */
  readonly default: string | undefined;
  readonly meaning: string;
}

let loaded: Project | undefined;

/** The files that have public types in them, parsed once and not type-checked. */
function project(): Project {
  if (loaded !== undefined) return loaded;
  loaded = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  const paths = [
    ...['src/core/*.ts', 'src/*.ts', 'src/providers/*.ts', 'src/integrations/**/*.ts'],
    ...['src/testing/*.ts', 'src/routing/*.ts'],
  ];
  loaded.addSourceFilesAtPaths(paths.map((path) => join(root, path)));
  return loaded;
}

/** The interface of that name. */
export function interfaceOf(name: string): InterfaceDeclaration {
  const found = findInterface(name);
  if (found === undefined) throw new Error(`There is no interface ${name}`);
  return found;
}

let byName: ReadonlyMap<string, InterfaceDeclaration> | undefined;

/** Every interface by its name; of several with one name the first. */
function interfaces(): ReadonlyMap<string, InterfaceDeclaration> {
  const all = (): InterfaceDeclaration[] =>
    project()
      .getSourceFiles()
      .flatMap((file) => file.getInterfaces());
  byName ??= new Map(
    all()
      .reverse()
      .map((one) => [one.getName(), one]),
  );
  return byName;
}

/** The interface of that name, when there is one. */
export function findInterface(name: string): InterfaceDeclaration | undefined {
  return interfaces().get(name);
}

/** The interface's own properties, or, of `Type.method`, those of its options; those of an object inside too; nothing inherited. */
export function fieldsOf(name: string): readonly Field[] {
  const [type = '', method] = name.split('.');
  const found = interfaceOf(type);
  if (method === undefined) return fieldsIn(found, '');
  // The options that one of its methods takes.
  const last = found.getMethodOrThrow(method).getParameters().at(-1)?.getTypeNode();
  if (!Node.isTypeLiteral(last)) throw new Error(`${name} takes no options`);
  return fieldsIn(last, '');
}

/** All of a type's properties, inherited ones too. */
export function allFieldsOf(name: string): readonly Field[] {
  if (name.includes('.')) return fieldsOf(name);
  const inherited = interfaceOf(name)
    .getExtends()
    .flatMap((base) => {
      const [, omitted, without = ''] = /^Omit<(\w+),\s*(.*)>$/s.exec(base.getText()) ?? [];
      const from = omitted ?? base.getText();
      return findInterface(from) === undefined
        ? []
        : allFieldsOf(from).filter(({ path }) => !without.includes(`'${path}'`));
    });
  return [...fieldsOf(name), ...inherited];
}

function fieldsIn(members: TypeElementMemberedNode, prefix: string): Field[] {
  return members.getProperties().flatMap((property) => {
    const path = prefix + property.getName();
    const type = property.getTypeNodeOrThrow();
    const inner = Node.isTypeLiteral(type) && type.getProperties().length > 0 ? type : undefined;
    const { meaning, tag } = docOf(property.getJsDocs());
    const field: Field = {
      path,
      type: inner === undefined ? typeText(type) : 'object',
      required: !property.hasQuestionToken(),
      default: tag,
      meaning,
    };
    return inner === undefined ? [field] : [field, ...fieldsIn(inner, `${path}.`)];
  });
}

function typeText(type: TypeNode): string {
  const text = type.getText().replace(/\/\*[\s\S]*?\*\//g, '');
  const plain = text.replace(/\breadonly /g, '').replace(/^\s*\|/, '');
  return oneLine(plain).replace(/\( /g, '(').replace(/,? \)/g, ')');
}

function docOf(docs: readonly JSDoc[]): { readonly meaning: string; readonly tag: string | undefined } {
  const meaning = oneLine(docs.map((doc) => doc.getDescription()).join(' '));
  const tag = docs.flatMap((doc) => doc.getTags()).find((one) => one.getTagName() === 'default');
  return { meaning, tag: tag === undefined ? undefined : oneLine(tag.getCommentText() ?? '') };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** One type of event. */
export interface EventType {
  readonly type: string;
  readonly when: string;
  readonly fields: readonly Field[];
}

/** Every type of event, in the order of the source. */
export function eventTypes(): readonly EventType[] {
  const file = project().getSourceFileOrThrow('events.ts');
  const alias = file.getTypeAliasOrThrow('TransportEvent').getTypeNodeOrThrow();
  return alias
    .getDescendants()
    .filter(Node.isTypeLiteral)
    .flatMap((literal) => {
      const [first, ...fields] = fieldsIn(literal, '');
      const name = /^'(.+)'$/.exec(first?.type ?? '')?.[1];
      return first?.path === 'type' && name !== undefined ? [{ type: name, when: first.meaning, fields }] : [];
    });
}

/** The types that a union tells apart: of `Chunk` it is `text`, `toolCall` and so on. */
export function variantsOf(name: string): readonly string[] {
  const alias = project().getSourceFileOrThrow('types.ts').getTypeAliasOrThrow(name).getTypeNodeOrThrow();
  return [...alias.getText().matchAll(/\btype: '(\w+)'/g)].map(([, type]) => type as string);
}

/** What every event has. */
export function eventStamp(): readonly Field[] {
  return fieldsOf('Stamp');
}

/** Who publishes each type of event: file names inside `src`, by type. */
export function publishersOf(): ReadonlyMap<string, readonly string[]> {
  const publishers = new Map<string, string[]>();
  for (const path of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!path.endsWith('.ts') || path.startsWith('testing')) continue;
    const text = readFileSync(join(root, 'src', path), 'utf8');
    if (!/\bpublish\(\{/.test(text)) continue;
    const types = [...text.matchAll(/publish\(\{\s*type: '([^']+)'|'((?!node:)[a-z]+:[a-z]+)'/g)];
    for (const type of new Set(types.map(([, whole, noun]) => (whole ?? noun) as string)))
      publishers.set(type, [...(publishers.get(type) ?? []), path]);
  }
  return publishers;
}

/** The names that an entry exports, types and values: of `src/index.ts`, `src/providers/openai.ts` and so on. */
export function exportsOf(entry: string): readonly string[] {
  const file = project().getSourceFileOrThrow((one) => one.getFilePath().endsWith(`/${entry}`));
  const named = file.getExportDeclarations().flatMap((one) => one.getNamedExports().map((name) => name.getName()));
  // By the word in the source: to ask whether it is exported in any way at all would have all of it type-checked.
  const declared = [...file.getInterfaces(), ...file.getFunctions(), ...file.getTypeAliases()].filter((one) =>
    one.hasExportKeyword(),
  );
  return [...named, ...declared.map((one) => one.getName() ?? '')];
}

/** The files that can be imported by users. */
export function entries(): readonly string[] {
  const within = ['src/providers', 'src/integrations'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${folder}/${file}`),
  );
  return ['src/index.ts', 'src/testing/index.ts', ...within];
}

/** The properties of every object that a type is spelt out for, and whether each may be missing. */
export function objectTypes(): readonly ReadonlyMap<string, { readonly required: boolean }>[] {
  const interfaces = project()
    .getSourceFiles()
    .flatMap((file) => file.getInterfaces())
    .map((found) => allFieldsOf(found.getName()));
  const literals = project()
    .getSourceFiles()
    .flatMap((file) => file.getDescendantsOfKind(SyntaxKind.TypeLiteral))
    .map((literal) => fieldsIn(literal, ''));
  return [...interfaces, ...literals].map(
    (fields) => new Map(fields.filter(({ path }) => !path.includes('.')).map((field) => [field.path, field])),
  );
}

/** The names of what a type has: of an interface, of a class, of an object inside an interface (`CompletionRequest.require`). */
export function membersOf(name: string): readonly string[] {
  const [type = '', inner] = name.split('.');
  if (inner !== undefined)
    return allFieldsOf(type).flatMap(({ path }) =>
      path.startsWith(`${inner}.`) ? [path.slice(inner.length + 1)] : [],
    );
  const found = findInterface(type);
  if (found === undefined) {
    const declared = project()
      .getSourceFiles()
      .map((file) => file.getClass(type))
      .find((one) => one !== undefined);
    if (declared === undefined) throw new Error(`There is no type ${type}`);
    return [...declared.getProperties(), ...declared.getMethods()]
      .map((member) => member.getName())
      .concat('cause', 'message');
  }
  const fields = allFieldsOf(type).map(({ path }) => path);
  return [...fields, ...found.getMethods().map((method) => method.getName())];
}

/** Every name of a property or a method in a type of this package. */
export function propertyNames(): ReadonlySet<string> {
  const methods = project()
    .getSourceFiles()
    .flatMap((file) => file.getInterfaces())
    .flatMap((found) => found.getMethods().map((method) => method.getName()));
  return new Set([...objectTypes().flatMap((fields) => [...fields.keys()]), ...methods]);
}

/** What a type's name stands for, when it is a name for a type of this package. */
export function aliasOf(name: string): string | undefined {
  const alias = project()
    .getSourceFiles()
    .map((file) => file.getTypeAlias(name))
    .find((found) => found !== undefined);
  return alias === undefined ? undefined : typeText(alias.getTypeNodeOrThrow());
}
