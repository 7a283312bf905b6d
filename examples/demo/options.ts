/** What the command line asks for. */

import { parseArgs } from 'node:util';

/** The providers' ways to speak. */
export type WireName = 'openai' | 'anthropic' | 'google';

const choices = ['openai', 'anthropic', 'google', 'mixed'] as const;

/** The wire of each provider. */
export interface Wires {
  readonly primary: WireName;
  readonly backup: WireName;
}

export interface Options {
  readonly help: boolean;
  readonly real: boolean;
  readonly wires: Wires;
  /** A file of prompts, one a line; `-` is the standard input. */
  readonly prompts: string | undefined;
  /** Calls; `undefined` is as many as is usual. */
  readonly count: number | undefined;
  /** How long the load lasts; `undefined` is as long as is usual. */
  readonly seconds: number | undefined;
  readonly seed: number;
  readonly baseURL: string | undefined;
  readonly model: string;
}

/** Something is wrong with the command line, or with what it names. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const help = `The same few hundred calls through the same faults, twice: by a vendor's bare SDK, and by llm-transport.
No key and no network are needed: the providers are simulated, on 127.0.0.1.

  npm run demo                        a load of 28 seconds
  npm run demo -- --wire WIRE         openai (default), anthropic or google: that vendor's SDK and format on both sides;
                                      mixed: OpenAI's, and for llm-transport a backup that speaks Anthropic's
  npm run demo -- --prompts FILE      your own prompts, one a line; - for the standard input (or just pipe them)
  npm run demo -- --count N           N calls, the prompts over and over (default: one each, at most 300)
  npm run demo -- --seconds N         the load takes N seconds (default: 28, more for more than 560 calls)
  npm run demo -- --seed N            another throw of the dice (default 1)

With a real model, through llm-transport alone:

  npm run demo -- --real              OpenAI, with the key in OPENAI_API_KEY; 10 prompts, or --count N
        --model NAME                  which model (default gpt-5.5)
        --base-url URL                any server that speaks OpenAI's Chat Completions. OPENAI_API_KEY is sent to it
                                      when there is one. Ollama on this machine:
                                      --real --base-url http://localhost:11434/v1 --model llama3.2
`;

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options {
  const values = parse(args);
  const realOnly = ['base-url', 'model'] as const;
  for (const name of realOnly) {
    if (values[name] !== undefined && values.real !== true) throw new UsageError(`--${name} needs --real`);
  }
  if (values.real === true && values.wire !== undefined) throw new UsageError("--real speaks OpenAI's wire: no --wire");
  if (values['base-url'] !== undefined && !URL.canParse(values['base-url'])) {
    throw new UsageError(`--base-url: expected a URL, got '${values['base-url']}'`);
  }
  return {
    help: values.help ?? false,
    real: values.real ?? false,
    wires: wiresOf(values.wire ?? 'openai'),
    prompts: values.prompts,
    count: wholeNumber('count', values.count, 1, 10_000),
    seconds: wholeNumber('seconds', values.seconds, 1, 600),
    seed: wholeNumber('seed', values.seed, 0, 0xffffffff) ?? 1,
    baseURL: values['base-url'],
    model: values.model ?? 'gpt-5.5',
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        real: { type: 'boolean' },
        wire: { type: 'string' },
        prompts: { type: 'string' },
        count: { type: 'string' },
        seconds: { type: 'string' },
        seed: { type: 'string' },
        'base-url': { type: 'string' },
        model: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function wiresOf(text: string): Wires {
  const choice = choices.find((known) => known === text);
  if (choice === undefined) throw new UsageError(`--wire: expected ${choices.join(', ')}, got '${text}'`);
  return choice === 'mixed' ? { primary: 'openai', backup: 'anthropic' } : { primary: choice, backup: choice };
}

function wholeNumber(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`--${name}: expected a whole number from ${least} to ${most}, got '${text}'`);
}
