import { expect } from 'vitest';
import { type Attempt, type ErrorCode, TransportError, type TransportEvent } from '../../src/index.ts';
import { answerTo } from '../../src/testing/answer.ts';
import { sampleOf } from '../../src/testing/model.ts';
import { type Ending, type Played, promptOf, schema } from './play.ts';
import { type CallPlan, type Scenario, words } from './scenarios.ts';
import { strategies } from './strategies.ts';
import { canned, userMiddleware } from './user-middleware.ts';

/** What holds for every call, whatever its providers, its caller, its options and its middleware do. */

const toTheEnd: ReadonlySet<CallPlan['reading']> = new Set(['chunks', 'text', 'both', 'slowly']);
/** Milliseconds that a user's middleware may take to answer in another way after its call was stopped. */
const graceMs = 1_000;

/** Checks all that can be seen. Returns what the calls ended in. */
export function checkAll(scenario: Scenario, played: Played): (ErrorCode | 'ok')[] {
  const { endings, events } = played;
  const ends: (ErrorCode | 'ok')[] = [];
  // Every call has an outcome.
  expect(endings).toHaveLength(scenario.calls.length);
  for (const ending of endings) {
    const own = events.filter((event) => event.transactionId === ending.transactionId);
    ends.push(...checkEnding(scenario, ending, own));
    checkTelling(scenario, ending, own);
  }
  checkDones(played);
  checkRequests(played);
  checkNothingLeft(played);
  return ends;
}

/** What may come of calls because of what users have added. */
function added({ use, useEach, strategy }: Scenario): ReadonlySet<string> {
  const entries = [...[...use, ...useEach].map((name) => userMiddleware[name]), strategies[strategy]];
  return new Set(entries.flatMap(({ ends }) => (ends === undefined ? [] : [ends])));
}

function checkEnding(scenario: Scenario, ending: Ending, own: readonly TransportEvent[]): (ErrorCode | 'ok')[] {
  const { plan, transactionId, text, read, errors } = ending;
  const may = added(scenario);
  const ends: (ErrorCode | 'ok')[] = [];
  for (const error of errors) {
    expect(error).toBeInstanceOf(TransportError);
    const { code, attempts, partial, transactionId: stamped, message } = error as TransportError;
    ends.push(code);
    expect(stamped).toBe(transactionId);
    expect(code, message).not.toBe('internal');
    for (const of of ['middleware', 'budget_exceeded']) if (!may.has(of)) expect(code, message).not.toBe(of);
    checkLedger(scenario, attempts, own);
    // Of a stream that broke, whoever read on had exactly what the error says.
    if (code === 'stream_interrupted' && toTheEnd.has(plan.reading)) expect(read).toBe(partial?.text);
  }
  // A success is the whole answer and nothing else.
  const prompt = promptOf(plan);
  const whole = plan.schema ? JSON.stringify(sampleOf(schema.jsonSchema, prompt)) : answerTo(prompt, { words });
  const answers = may.has('ok') ? [whole, canned] : [whole];
  // An answer that is no JSON is asked again with what was wrong, and another question has another answer.
  if (may.has('ok') && plan.schema && text !== undefined && isSample(text)) answers.push(text);
  if (text === undefined) expect(errors).not.toEqual([]);
  else {
    ends.push('ok');
    // An answer of theirs that is no JSON is asked again, and what comes is the answer to that.
    const isAskedAgain = plan.schema && may.has('ok') && /^\{"name":"(?:\d+:\S+ ?)*"\}$/.test(text);
    if (!isAskedAgain) expect(answers).toContain(text);
  }
  if (read !== undefined) expect(answers.some((answer) => answer.startsWith(read))).toBe(true);
  if (errors.length === 0 && toTheEnd.has(plan.reading)) expect(read).toBe(text);
  return ends;
}

function isSample(text: string): boolean {
  return /^\{"name":"[^"]+"\}$/.test(text);
}

function checkLedger(scenario: Scenario, attempts: readonly Attempt[], own: readonly TransportEvent[]): void {
  const numbers = attempts.map(({ number }) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
  // Two that run beside each other may be sent in another order than they were begun in.
  // And one that a user's middleware has answered itself has a number, and no line.
  if (!scenario.options.hedge && added(scenario).has('ok')) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  else if (!scenario.options.hedge) expect(numbers).toEqual(attempts.map((_, index) => index + 1));
  const first = attempts.filter(({ reason }) => reason !== 'resume');
  if (!scenario.options.hedge && scenario.options.retry === false) expect(first.length).toBeLessThanOrEqual(1);
  if (!scenario.options.resume) expect(first.length).toBe(attempts.length);
  for (const { outcome, durationMs } of attempts) {
    expect(outcome).toBeDefined();
    expect(durationMs).toBeGreaterThanOrEqual(0);
  }
  const ended = own.flatMap((event) => (event.type === 'attempt:end' ? [event.ledger] : []));
  expect(new Set(ended)).toEqual(new Set(attempts));
}

/** The events of one call. */
function checkTelling(
  scenario: Scenario,
  { transactionId, timeoutMs, errors }: Ending,
  own: readonly TransportEvent[],
) {
  // A call that was refused since the transport was closed never began.
  if (own.length === 0) return expect(errors).toMatchObject([{ code: 'closed' }]);
  expect({ transactionId, wrong: complaints(own) }).toEqual({ transactionId, wrong: [] });
  const hedged = own.filter((event) => event.type === 'attempt:start' && event.ledger.reason === 'hedge').length;
  expect(hedged).toBe(own.filter(({ type }) => type === 'hedge').length);
  if (!scenario.options.hedge) expect(hedged).toBe(0);
  const lasted = (own.at(-1)?.at ?? 0) - (own[0]?.at ?? 0);
  if (timeoutMs !== undefined) expect(lasted).toBeLessThanOrEqual(timeoutMs + graceMs + 1);
}

/** What is wrong with the events of one call; nothing, when all is well. */
function complaints(events: readonly TransportEvent[]): string[] {
  const wrong: string[] = [];
  const types = events.map(({ type }) => type);
  const count = (type: string, attempt?: number): number =>
    events.filter((event) => event.type === type && (attempt === undefined || event.attempt === attempt)).length;
  if (count('call:start') !== 1) wrong.push(`${count('call:start')} call:start`);
  if (count('call:end') !== 1) wrong.push(`${count('call:end')} call:end`);
  if (types[0] !== 'call:start') wrong.push(`begins with ${types[0]}`);
  if (types.at(-1) !== 'call:end') wrong.push(`ends with ${types.at(-1)}`);
  const attempts = new Set(events.filter(({ type }) => type === 'attempt:start').map(({ attempt }) => attempt));
  for (const attempt of attempts) {
    if (count('attempt:start', attempt) !== 1) wrong.push(`attempt ${attempt} starts more than once`);
    if (count('attempt:end', attempt) !== 1)
      wrong.push(`attempt ${attempt} ends ${count('attempt:end', attempt)} times`);
    if (count('attempt:answer', attempt) > 1) wrong.push(`attempt ${attempt} is answered more than once`);
    const order = events
      .filter((event) => event.attempt === attempt && event.type.startsWith('attempt:'))
      .map(({ type }) => type);
    if (order[0] !== 'attempt:start' || order.at(-1) !== 'attempt:end') wrong.push(`attempt ${attempt}: ${order}`);
  }
  if (count('attempt:start') !== count('attempt:end')) wrong.push('an attempt ends that never started');
  return wrong;
}

/** Whatever was answered is done, once. */
function checkDones({ dones, events }: Played): void {
  expect(dones.filter(({ outcomes }) => outcomes.length !== 1)).toEqual([]);
  for (const { transactionId, outcomes } of dones)
    for (const outcome of outcomes)
      if (!outcome.ok) expect([transactionId, TransportError.is(outcome.error)]).toEqual([transactionId, true]);
  const ended = events.filter(({ type }) => type === 'call:end');
  expect(new Set(ended.map(({ transactionId }) => transactionId)).size).toBe(ended.length);
}

/** What the ledger says is what the providers saw. */
function checkRequests({ providers, events }: Played): void {
  const sent = events.flatMap(({ type, ...event }) =>
    type === 'attempt:start' && 'ledger' in event
      ? [`${event.transactionId}/${event.ledger.number} at ${event.ledger.provider}`]
      : [],
  );
  const seen = providers.flatMap(({ name, requests }) =>
    requests.map(({ headers }) => `${headers['x-transaction-id']}/${headers['x-attempt']} at ${name}`),
  );
  // One that refuses to stream is asked again in the same attempt.
  expect([...new Set(seen)].sort()).toEqual(sent.sort());
}

function checkNothingLeft({ providers, health, afterwards, closed, timers, unhandled }: Played): void {
  expect(health.map(({ inFlight, queued }) => [inFlight, queued])).toEqual(health.map(() => [0, 0]));
  expect(providers.map(({ inFlight }) => inFlight)).toEqual(providers.map(() => 0));
  // No place, lease or token is missed.
  expect(afterwards ?? []).toEqual([]);
  expect(closed).toBe(true);
  expect(timers).toBe(0);
  expect(unhandled).toEqual([]);
}
