/** A block of code that a page shows. */
export interface Snippet {
  /** The region that it is: `first-call`. */
  readonly name: string;
  /** The heading under which it stands. */
  readonly section: string;
  readonly code: string;
}

/** A file as a reader would have it who types a page's snippets in their order. */
export interface Program {
  readonly name: string;
  readonly snippets: readonly string[];
  readonly code: string;
}

/** The examples that a page shows, in its order, exactly as they stand there. */
export function snippetsOf(markdown: string): Snippet[] {
  const found: Snippet[] = [];
  let section = '';
  for (const match of markdown.matchAll(/^#+ (.+)$|^<!-- example: \S+?#(\S+) -->\n```ts\n([\s\S]*?)^```$/gm)) {
    const [, heading, name, code] = match;
    if (heading !== undefined) section = heading;
    else if (name !== undefined && code !== undefined) found.push({ name, section, code });
  }
  return found;
}

/**
 * The files that a reader makes of a page: a snippet that makes a transport begins one; any other goes on with the last, and under
 * another heading with no more than the beginning of it.
 */
export function programsOf(snippets: readonly Snippet[]): Program[] {
  const programs: Snippet[][] = [];
  for (const snippet of snippets) {
    const last = programs.at(-1);
    if (begins(snippet)) programs.push([snippet]);
    else if (last === undefined) throw new Error(`${snippet.name} goes on with nothing`);
    else if (last.at(-1)?.section === snippet.section) last.push(snippet);
    else programs.push([...last.slice(0, 1), snippet]);
  }
  return programs.map((parts) => ({
    name: (parts.find(({ section }) => section === parts.at(-1)?.section) ?? parts[0])?.name ?? '',
    snippets: parts.map(({ name }) => name),
    code: parts.map(({ code }) => code).join('\n'),
  }));
}

function begins({ code }: Snippet): boolean {
  return /^import \{[^}]*\b(?:createTransport|wrap|createFetch)\b[^}]*\} from 'llm-transport(?:\/integrations\/fetch)?';$/m.test(
    code,
  );
}
