import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { simulatedServer } from 'llm-transport/testing';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../examples/demo/index.ts', import.meta.url));

/** Runs the demo as `npm run demo` does, once the library is built. */
async function demo(args: readonly string[], { key, input }: { key?: string; input?: string } = {}) {
  const { OPENAI_API_KEY: _, ...env } = process.env;
  const child: ChildProcess = spawn(process.execPath, [script, ...args], {
    env: { ...env, NO_COLOR: '1', ...(key !== undefined && { OPENAI_API_KEY: key }) },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  let output = '';
  let errors = '';
  child.stdout?.on('data', (part) => {
    output += part;
  });
  child.stderr?.on('data', (part) => {
    errors += part;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, output, errors };
}

/** The two figures of a row of the table: of the bare SDK, and of llm-transport. */
function figures(output: string, label: string): [number, number] {
  const row = output.split('\n').find((line) => line.trimStart().startsWith(label)) ?? '';
  const [bare, ours] = [...row.slice(label.length).matchAll(/(\d+) +[\d.]+ %/g)].map(([, figure]) => Number(figure));
  return [bare ?? Number.NaN, ours ?? Number.NaN];
}

/** How many calls of llm-transport had no answer when they were not waited for any longer: on a busy machine, a matter of time. */
function lateOf(output: string): number {
  return Number(/nothing after 10 s +\S+ +(\d+)/.exec(output)?.[1] ?? 0);
}

// Programs of their own, that take seconds: on a machine that is busy, many of them.
describe.concurrent('the demo', { timeout: 90_000 }, () => {
  it('prints both scores, and llm-transport answers no less than the bare SDK and nothing wrong', async () => {
    const { code, output, errors } = await demo(['--count', '90', '--seconds', '6', '--seed', '2']);

    expect(errors).toBe('');
    expect(code).toBe(0);
    const answered = figures(output, 'answered, every word right');
    const failed = figures(output, 'failed, with an error');
    const wrong = figures(output, 'wrong, reported as a success');
    expect(answered[0] + failed[0] + wrong[0]).toBe(90);
    expect(answered[1] + failed[1] + wrong[1]).toBe(90);
    expect(wrong[1]).toBe(0);
    expect(answered[1] + lateOf(output)).toBeGreaterThanOrEqual(answered[0]);
    expect(output).toMatch(/requests per call, seen by the servers +\d\.\d\d +\d\.\d\d/);
    // No terminal: no control characters.
    expect(output).not.toContain('\u001b');
  });

  it.each(['anthropic', 'google', 'mixed'])('hands out nothing wrong on the wire --wire %s', async (wire) => {
    const { code, output, errors } = await demo(['--wire', wire, '--count', '60', '--seconds', '4', '--seed', '3']);

    expect(errors).toBe('');
    expect(code).toBe(0);
    const answered = figures(output, 'answered, every word right');
    const failed = figures(output, 'failed, with an error');
    const wrong = figures(output, 'wrong, reported as a success');
    expect([answered[0] + failed[0] + wrong[0], answered[1] + failed[1]]).toEqual([60, 60]);
    expect(wrong[1]).toBe(0);
    expect(answered[1] + lateOf(output)).toBeGreaterThanOrEqual(answered[0]);
    expect(output).not.toContain('not typed');
  });

  it('tells what there is', async () => {
    const { code, output } = await demo(['--help']);
    expect(code).toBe(0);
    for (const flag of ['--wire', '--prompts', '--count', '--seconds', '--seed', '--real', '--base-url', '--model'])
      expect(output).toContain(flag);
  });

  it.each([
    [['--bogus'], "Unknown option '--bogus'"],
    [['--count', '0'], "--count: expected a whole number from 1 to 10000, got '0'"],
    [['--prompts', '/does/not/exist'], "--prompts: cannot read '/does/not/exist' (ENOENT)"],
    [['--model', 'some-model'], '--model needs --real'],
    [['--wire', 'smoke'], "--wire: expected openai, anthropic, google, mixed, got 'smoke'"],
    [['--real', '--wire', 'google'], "--real speaks OpenAI's wire: no --wire"],
    [['--count', '100', '--seconds', '2'], '100 calls in 2 s: at most 25 a second'],
    [['--real'], '--real needs a key in OPENAI_API_KEY'],
  ])('refuses %j with exit code 2', async (args, message) => {
    const { code, output, errors } = await demo(args);
    expect(errors).toContain(message);
    expect(code).toBe(2);
    expect(output).toBe('');
  });

  it('answers piped prompts with any compatible server, and prints no key', async () => {
    const key = 'sk-canary-0123456789abcdef';
    await using server = await simulatedServer({ requireKey: key, words: 5, script: ['http-500'] });
    const args = ['--real', '--base-url', server.baseURL, '--model', 'some-model'];
    const { code, output, errors } = await demo(args, { key, input: 'one\ntwo\n' });

    expect(code).toBe(0);
    expect(server.requests.map(({ prompt }) => prompt).sort()).toEqual(expect.arrayContaining(['one', 'two']));
    expect(output).toContain('2 of 2 prompts answered with 3 attempts');
    expect(output + errors).not.toContain(key);
  });
});
