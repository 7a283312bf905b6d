/** What goes wrong in a row of the bench: plain data, because the servers are in another process. */

import type { FaultChoice } from '../../src/testing/index.ts';

/** How a server answers, and what goes wrong with it. */
export interface ServerPlan {
  readonly wire: 'openai' | 'anthropic';
  /** Milliseconds to the first content: the median of a log-normal distribution. */
  readonly firstContentMs: number;
  /** Milliseconds from one token to the next. */
  readonly tokenMs: number;
  /** Tokens of an answer. */
  readonly words: number;
  /** Requests at once; more than that get a 429 that does not say when to come back. @default Infinity */
  readonly places?: number;
  /** While the trouble lasts. @default nothing */
  readonly bad?: { readonly fault: FaultChoice } | { readonly slowness: number };
}

/** A trouble, the load in it, and how the clients are set up for it. */
export interface Trouble {
  readonly name: string;
  readonly title: string;
  /** For the reader. */
  readonly note: string;
  /** In the order in which the transport is given them. Each client has such servers of its own. */
  readonly servers: readonly [ServerPlan, ...ServerPlan[]];
  /** Milliseconds before the trouble, and in it; and what of that is over before calls are counted. @default all are counted */
  readonly spanMs: { readonly healthy: number; readonly trouble: number; readonly settling?: number };
  /** Calls, before the trouble; and in it and after it, until those that are counted have ended. */
  readonly perSecond: { readonly healthy: number; readonly trouble: number };
  /** Milliseconds after which a caller leaves. */
  readonly deadlineMs: number;
  /** The share of calls that somebody waits for, and the milliseconds that these have. @default none */
  readonly interactive?: { readonly ratio: number; readonly deadlineMs: number };
  /** Of the hand-written loop: attempts at once at each server, and milliseconds until an attempt's headers must be there. */
  readonly loop: { readonly concurrency: number; readonly timeoutMs: number };
  /** The transport's strategy, where it is not the default one. */
  readonly route?: 'lowestLatency';
}

/** An answer of about 0.4 s, a tenth of what a short one takes at a provider. */
const quick = { wire: 'openai', firstContentMs: 40, tokenMs: 36, words: 10 } satisfies ServerPlan;
/** First contents of 0.3 s, half of what is usual: what waits for them has bounds that do not shrink with the bench. */
const usual = { wire: 'openai', firstContentMs: 300, tokenMs: 10, words: 10 } satisfies ServerPlan;
const second = 1_000;
const healthyMs = 5 * second;

/** Answers of 1.5 s; so many of them at once are ten a second. */
const unhurried = { wire: 'openai', firstContentMs: 150, tokenMs: 270, words: 6 } satisfies ServerPlan;
const places = 15;
const slowness = 6;

/** All rows, in their order. */
export const troubles: readonly Trouble[] = [
  {
    name: 'overload',
    title: 'Overload: twice the load that the server takes',
    note: `one server that takes ${places} requests at once and answers 429 to more; a fifth of the calls is interactive, with a third of the time; the loop has been told the limit`,
    servers: [{ ...unhurried, places }],
    spanMs: { healthy: healthyMs, trouble: 22 * second, settling: 10 * second },
    perSecond: { healthy: 5, trouble: 20 },
    deadlineMs: 12 * second,
    interactive: { ratio: 0.2, deadlineMs: 4 * second },
    loop: { concurrency: places, timeoutMs: 6 * second },
  },
  {
    name: 'outage',
    title: 'Outage of a lone provider, five seconds',
    note: 'every request gets a 529, over the wire and the SDK of Anthropic; callers have eight seconds',
    servers: [{ ...quick, wire: 'anthropic', bad: { fault: 'http-529' } }],
    spanMs: { healthy: healthyMs, trouble: 5 * second },
    perSecond: { healthy: 20, trouble: 20 },
    deadlineMs: 8 * second,
    loop: { concurrency: 16, timeoutMs: 4 * second },
  },
  {
    name: 'outage-of-two',
    title: 'Outage of one of two providers, five seconds',
    note: 'every request to the first gets a 503; the second, over the wire and the SDK of Anthropic, is well',
    servers: [
      { ...quick, bad: { fault: 'http-503' } },
      { ...quick, wire: 'anthropic' },
    ],
    spanMs: { healthy: healthyMs, trouble: 5 * second },
    perSecond: { healthy: 20, trouble: 20 },
    deadlineMs: 8 * second,
    loop: { concurrency: 16, timeoutMs: 4 * second },
  },
  {
    name: 'black-hole',
    title: 'Black hole: a lone provider that accepts and says nothing, six seconds',
    note: "what is sent to it before its end is never answered; callers have 25 seconds, and half of that is the loop's time-out",
    servers: [{ ...usual, bad: { fault: 'silence-before-headers' } }],
    spanMs: { healthy: healthyMs, trouble: 6 * second },
    perSecond: { healthy: 10, trouble: 10 },
    deadlineMs: 25 * second,
    loop: { concurrency: 64, timeoutMs: 12.5 * second },
  },
  {
    name: 'black-hole-of-two',
    title: 'Black hole: one of two providers, eight seconds',
    note: 'the first accepts and says nothing; the second, over the wire and the SDK of Anthropic, is well',
    servers: [
      { ...usual, bad: { fault: 'silence-before-headers' } },
      { ...usual, wire: 'anthropic' },
    ],
    spanMs: { healthy: healthyMs, trouble: 8 * second },
    perSecond: { healthy: 20, trouble: 20 },
    deadlineMs: 12 * second,
    loop: { concurrency: 16, timeoutMs: 6 * second },
  },
  {
    name: 'brown-out-of-two',
    title: `Brown-out: one of two providers ${slowness} times slower, eight seconds`,
    note: 'the first in the list, which all calls of the transport go to until it is found slow',
    servers: [{ ...usual, bad: { slowness } }, usual],
    spanMs: { healthy: healthyMs, trouble: 8 * second },
    perSecond: { healthy: 20, trouble: 20 },
    deadlineMs: 12 * second,
    loop: { concurrency: 32, timeoutMs: 6 * second },
  },
  {
    name: 'brown-out-of-four',
    title: `Brown-out: one of four providers ${slowness} times slower, eight seconds`,
    note: 'the transport with `route: lowestLatency()`, all else by default',
    servers: [{ ...usual, bad: { slowness } }, { ...usual, wire: 'anthropic' }, usual, { ...usual, wire: 'anthropic' }],
    spanMs: { healthy: healthyMs, trouble: 8 * second },
    perSecond: { healthy: 20, trouble: 20 },
    deadlineMs: 12 * second,
    loop: { concurrency: 32, timeoutMs: 6 * second },
    route: 'lowestLatency',
  },
];

/** @throws Error when there is none of that name. */
export function troubleOf(name: string): Trouble {
  const found = troubles.find((trouble) => trouble.name === name);
  if (found === undefined) throw new Error(`no row '${name}'; there are ${troubles.map((one) => one.name).join(', ')}`);
  return found;
}
