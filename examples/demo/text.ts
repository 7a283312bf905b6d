/** Words for people: colours where they are wanted, and lines that are not too long. */

import { styleText } from 'node:util';

export type Style = 'none' | 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Coloured on a terminal that wants it: `styleText` looks at the stream, at NO_COLOR and at FORCE_COLOR by itself. */
export function paint(style: Style, text: string): string {
  return style === 'none' ? text : styleText(style, text, { stream: process.stdout });
}

/** A paragraph as lines, each behind `indent`. */
export function wrap(text: string, indent = '  ', width = 96): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width - indent.length) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => indent + each).join('\n');
}

/** `1 call`, `2 calls`. */
export function several(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
