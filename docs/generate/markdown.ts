/** What the tests look at in pages: headings, links, blocks of code, code in a line. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source.ts';

/** Every Markdown file of the repository, by its path in it. */
export function markdownFiles(): readonly string[] {
  const skipped = /(?:^|\/)(?:node_modules|dist|coverage|\.git|recordings)(?:\/|$)/;
  return readdirSync(root, { withFileTypes: true })
    .filter(({ name }) => !skipped.test(name))
    .flatMap((entry) => {
      if (!entry.isDirectory()) return [entry.name];
      const inside = readdirSync(join(root, entry.name), { recursive: true, encoding: 'utf8' });
      return inside.map((file) => join(entry.name, file)).filter((file) => !skipped.test(file));
    })
    .filter((file) => file.endsWith('.md'))
    .sort();
}

/** The text of a file of the repository. */
export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** A fenced block, and the line before it. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  readonly before: string;
}

const fence = /(?:^|\n)([^\n]*)\n *(`{3,})([^\n`]*)\n([\s\S]*?)\n *\2(?=\n|$)/g;

/** All fenced blocks of a page. */
export function codeBlocksOf(text: string): readonly CodeBlock[] {
  return [...`\n\n${text}`.matchAll(fence)].map(([, before = '', , language = '', code = '']) => ({
    language: language.trim(),
    code,
    before,
  }));
}

/** A page without its fenced blocks, in which nothing is a link. */
export function proseOf(text: string): string {
  return `\n\n${text}`.replace(fence, '\n$1\n').replace(/<!--[\s\S]*?-->/g, '');
}

/** What stands in backticks in a page's prose. */
export function inlineCodeOf(text: string): readonly string[] {
  return [...proseOf(text).matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, code]) => code as string);
}

/** Where a page's links and pictures point to. */
export function linksOf(text: string): readonly string[] {
  const prose = proseOf(text).replace(/(?<!`)`[^`\n]+`(?!`)/g, 'code');
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, to]) => to as string);
  const named = [...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map(([, to]) => to as string);
  const html = [...prose.matchAll(/\b(?:href|src)="([^"]+)"/g)].map(([, to]) => to as string);
  return [...inline, ...named, ...html];
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of proseOf(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}
