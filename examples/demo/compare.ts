/** Runs the same load through both sides at the same time, each against two simulated providers of its own. */

import { bareSdk, sdks, sdkTimeoutMs } from './bare-sdk.ts';
import { patienceMs, planLoad, runLoad } from './load.ts';
import { type Options, UsageError, type WireName, type Wires } from './options.ts';
import { Progress } from './progress.ts';
import { printReport, type Side } from './report.ts';
import { startServer, troubles } from './schedule.ts';
import { Score } from './score.ts';
import { paint, wrap } from './text.ts';
import { watch } from './watch.ts';
import { silenceMs, withTransport } from './with-transport.ts';

/** Calls, unless the command line or a short file says otherwise. */
const usualCount = 300;
const usualSeconds = 28;
/** Everything runs in this one process. With many more calls a second it would be the process that is measured. */
const callsPerSecond = { usual: 20, most: 25 };

/** Returns true when llm-transport handed out no wrong answer. */
export async function compare(options: Options, prompts: readonly string[], from: string): Promise<boolean> {
  const { seed, wires } = options;
  const count = options.count ?? Math.min(prompts.length, usualCount);
  const seconds = options.seconds ?? Math.max(usualSeconds, Math.ceil(count / callsPerSecond.usual));
  if (count / seconds > callsPerSecond.most) {
    throw new UsageError(
      `${count} calls in ${seconds} s: at most ${callsPerSecond.most} a second, or they would measure this machine`,
    );
  }
  const durationMs = seconds * 1_000;
  const calls = planLoad(prompts, count, durationMs, seed);
  printPlan(count, seconds, seed, from, wires);

  const place = { durationMs, callsPerSecond: count / seconds, seed };
  // The servers' troubles count from here on: told too early by a few milliseconds rather than too late.
  const startedAt = performance.now();
  const [forSdk, forTransport] = await Promise.all([startPair(place), startPair(place)]);
  const transport = withTransport(
    { server: forTransport.primary, wire: wires.primary },
    { server: forTransport.backup, wire: wires.backup },
  );
  const bare = { caller: bareSdk(wires.primary, forSdk.primary), pair: forSdk, score: new Score() };
  const ours = { caller: transport, pair: forTransport, score: new Score() };
  const sides = [bare, ours];

  const progress = new Progress(new Map(sides.map(({ caller, score }) => [caller.name, score])), count);
  const counts = watch(transport.transport, (text) => progress.say('cyan', `llm-transport   ${text}`));
  const silence = announce(progress, durationMs, startedAt);
  await Promise.all(sides.map(({ caller, score }) => runLoad(calls, caller, (ending) => score.add(ending))));
  silence();
  progress.stop();

  await Promise.all(sides.map(({ caller }) => caller.close()));
  await Promise.all(sides.map(({ pair }) => pair.close()));
  const result = ({ caller, pair, score }: typeof bare): Side => ({
    name: caller.name,
    score,
    requests: pair.requests(),
  });
  printReport(result(bare), result(ours), counts);
  return ours.score.wrong === 0;
}

async function startPair(place: { durationMs: number; callsPerSecond: number; seed: number }) {
  const [primary, backup] = await Promise.all([
    startServer({ provider: 'primary', ...place }),
    startServer({ provider: 'backup', ...place }),
  ]);
  return {
    primary: primary.server,
    backup: backup.server,
    /** Requests that came, at both. */
    requests: () => primary.server.requests.length + backup.server.requests.length,
    close: async () => {
      await Promise.all([primary.close(), backup.close()]);
    },
  };
}

/** Tells of each trouble when it begins and when it ends. Returns the way to stop. */
function announce(progress: Progress, durationMs: number, startedAt: number): () => void {
  const at = (share: number, tell: () => void) =>
    setTimeout(tell, Math.max(0, startedAt + share * durationMs - performance.now()));
  const timers = troubles.flatMap(({ provider, from, to, what }) => [
    at(from, () => progress.say('yellow', `${provider.padEnd(16)}${what}`)),
    at(to, () => progress.say('none', `${provider.padEnd(16)}is well again`)),
  ]);
  return () => timers.forEach(clearTimeout);
}

/** As people call the formats. */
const wireNames: Readonly<Record<WireName, string>> = {
  openai: "OpenAI's",
  anthropic: "Anthropic's",
  google: "Gemini's",
};

function printPlan(count: number, seconds: number, seed: number, from: string, { primary, backup }: Wires): void {
  const s = (ms: number) => `${ms / 1_000} s`;
  const { made, retries } = sdks[primary];
  const format =
    primary === backup
      ? `in ${wireNames[primary]} format`
      : `in ${wireNames[primary]} format, and llm-transport's backup in ${wireNames[backup]}`;
  console.log(`
  ${paint('bold', `${count} calls in ${seconds} s`)}, prompts from ${from}, seed ${seed}

${wrap(
  `Half of the calls are streamed. All go over real HTTP, ${format}, to simulated providers on 127.0.0.1, which fail some requests at
  random all the time, and badly at times. Each side has a primary and a backup of its own, with the same troubles at the
  same time. Whoever has waited ${s(patienceMs)} for an answer leaves.`,
)}

  ${paint('bold', 'bare SDK'.padEnd(16))}${made}, ${retries};
  ${''.padEnd(16)}time-out ${s(sdkTimeoutMs)}, to leave room for a whole answer
  ${paint('bold', 'llm-transport'.padEnd(16))}createTransport({ providers: [primary, backup] }), with its defaults;
  ${''.padEnd(16)}time-out ${s(silenceMs)}, to the first word and from one to the next
`);
}
