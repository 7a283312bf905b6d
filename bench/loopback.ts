/** Calls over loopback HTTP: the client's CPU and calls per second, with the server in another process. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import OpenAI from 'openai';
import { openai } from '../src/providers/openai.ts';
import { createTransport } from '../src/transport.ts';
import type { Call, Progress } from './harness.ts';
import { readOut } from './rows/row.ts';
import { request, streamRequest } from './stub-provider.ts';

export const concurrencies = [1, 50] as const;

/** How long and how often is measured. */
export interface LoopbackEffort {
  readonly rounds: number;
  /** Milliseconds that a call is repeated for in each round, at each concurrency. */
  readonly batchMs: number;
  /** Milliseconds that each row is called before anything is measured: it takes thousands of calls until all is compiled. */
  readonly warmUpMs: number;
}

/** Rows that have the same on the wire. The first bare SDK row of a wire is the one that others are compared with. */
export interface LoopbackRow {
  readonly label: string;
  readonly wire: 'json' | 'sse';
  readonly call: Call;
}

/** What the rounds have shown of a row at one concurrency. */
export interface LoopbackResult {
  readonly label: string;
  readonly wire: 'json' | 'sse';
  readonly concurrency: number;
  /** In each round. */
  readonly callsPerSecond: readonly number[];
  /** Microseconds of CPU per call, of the whole client process, in each round. */
  readonly cpuUs: readonly number[];
}

/** The label of the rows that the others are compared with, one for each wire. */
export const bareSdk = 'OpenAI SDK alone';

export function loopbackRows(baseURL: string): LoopbackRow[] {
  const model = 'gpt-bench';
  const client = new OpenAI({ apiKey: 'sk-bench', baseURL, maxRetries: 2 });
  const messages = [{ role: 'user', content: 'Hello' } as const];
  const sdk = { model, messages };
  const streamed = { ...sdk, stream: true, stream_options: { include_usage: true } } as const;
  const llm = createTransport({ providers: [openai({ client, model })] });
  const whole = createTransport({ providers: [openai({ client, model, streaming: false })] });
  const post = (body: object): Promise<Response> =>
    fetch(`${baseURL}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer sk-bench' },
      body: JSON.stringify(body),
    });
  return [
    { label: 'fetch alone', wire: 'json', call: async () => (await post(sdk)).json() },
    { label: bareSdk, wire: 'json', call: () => client.chat.completions.create(sdk) },
    { label: 'llm-transport, streaming: false', wire: 'json', call: () => whole.complete(request) },
    { label: 'fetch alone', wire: 'sse', call: async () => (await post(streamed)).text() },
    { label: bareSdk, wire: 'sse', call: async () => readOut(await client.chat.completions.create(streamed)) },
    { label: 'llm-transport, unary call', wire: 'sse', call: () => llm.complete(request) },
    { label: 'llm-transport, stream', wire: 'sse', call: async () => readOut(await llm.complete(streamRequest)) },
  ];
}

/** Measures all rows at all concurrencies, in rounds. */
export async function loopback(
  { rounds, batchMs, warmUpMs }: LoopbackEffort,
  progress: Progress = () => {},
): Promise<LoopbackResult[]> {
  const server = fork(new URL('./loopback-server.ts', import.meta.url), { execArgv: [] });
  const [{ port }] = (await once(server, 'message')) as [{ port: number }];
  const rows = loopbackRows(`http://127.0.0.1:${port}`);
  const results = concurrencies.flatMap((concurrency) =>
    rows.map(({ label, wire, call }) => ({
      ...{ label, wire, concurrency, call },
      callsPerSecond: [] as number[],
      cpuUs: [] as number[],
    })),
  );
  for (const { call } of rows) await load(call, Math.max(...concurrencies), warmUpMs);
  for (let round = 0; round < rounds; round += 1) {
    progress(round, rounds);
    for (let turn = 0; turn < results.length; turn += 1) {
      const result = results[(turn + round) % results.length] as (typeof results)[number];
      const { calls, ms, cpuUs } = await load(result.call, result.concurrency, batchMs);
      result.callsPerSecond.push((calls * 1_000) / ms);
      result.cpuUs.push(cpuUs / calls);
    }
  }
  server.disconnect();
  return results.map(({ call: _, ...result }) => result);
}

/** So many callers, each with one call after the other, for so long. */
async function load(call: Call, concurrency: number, ms: number) {
  await setImmediate();
  let calls = 0;
  const from = performance.now();
  const before = process.cpuUsage();
  const caller = async (): Promise<void> => {
    // One at least, also where something else has had all of the time.
    do {
      await call();
      calls += 1;
    } while (performance.now() - from < ms);
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const { user, system } = process.cpuUsage(before);
  return { calls, ms: performance.now() - from, cpuUs: user + system };
}
