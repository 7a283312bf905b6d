/** A process of its own: makes one call, and says what came of it. Its answers are kept in a file, which outlives it. */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Keyv } from 'keyv';
import OpenAI from 'openai';
import { openai } from '../../src/providers/openai.ts';
import { createTransport } from '../../src/transport.ts';

/** A `Map` that is a file. */
class FileMap extends Map<string, unknown> {
  readonly #file: string;

  constructor(file: string) {
    super();
    this.#file = file;
    let kept = '[]';
    try {
      kept = readFileSync(file, 'utf8');
    } catch {
      // The first time there is none.
    }
    for (const [key, value] of JSON.parse(kept) as [string, unknown][]) super.set(key, value);
  }

  override set(key: string, value: unknown): this {
    super.set(key, value);
    // A process that ends in the middle must not leave half of it.
    writeFileSync(`${this.#file}.new`, JSON.stringify([...this]));
    renameSync(`${this.#file}.new`, this.#file);
    return this;
  }
}

const [baseURL = '', file = '', ending = 'close'] = process.argv.slice(2);
const llm = createTransport({
  providers: [openai({ client: new OpenAI({ baseURL, apiKey: 'sk-test' }), model: 'gpt-test' })],
  transaction: { store: new Keyv({ store: new FileMap(file) }) },
});
const stream = await llm.complete({ prompt: 'Hello', stream: true }, { transactionId: 'order-1' });
let text = '';
for await (const piece of stream.text) text += piece;
const { attempts, usage } = await stream.completion;
process.stdout.write(JSON.stringify({ text, attempts: attempts.length, usage, paid: llm.usage().attempts }));
if (ending === 'close') await llm.close();
