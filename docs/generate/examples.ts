/** Code in pages: regions of files that are compiled and run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source.ts';

const block = /<!-- example: (\S+?)#(\S+) -->\n```ts\n[\s\S]*?```/g;

/** The text with its examples as the files have them. */
export function withExamples(text: string): string {
  return text.replace(block, (_all, file: string, region: string) => {
    return `<!-- example: ${file}#${region} -->\n\`\`\`ts\n${regionOf(file, region)}\n\`\`\``;
  });
}

function regionOf(file: string, region: string): string {
  const text = readFileSync(join(root, file), 'utf8');
  const match = new RegExp(`^( *)// #region ${region}\\n([\\s\\S]*?)\\n *// #endregion`, 'm').exec(text);
  const [, indent = '', code] = match ?? [];
  if (code === undefined) throw new Error(`${file} has no region ${region}`);
  return code
    .trimEnd() // an import that follows a region has to have a blank line before both
    .split('\n')
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    .join('\n');
}
