/** What the provider contract promises of everything that can go wrong. */

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { errorTable } from '../core/error-table.ts';
import { TransportError } from '../core/errors.ts';
import type { CompletionRequest, ErrorCode } from '../core/types.ts';
import { ask, type Bench, type Rule, type Seen, type Way } from './contract-bench.ts';
import { type FaultCase, type FaultName, faultCases } from './fault-cases.ts';

const hello: CompletionRequest = { prompt: 'A canary in the prompt: tsip-tsip-9f41' };

/** Milliseconds after which a silent provider is given up, as the timeout layer does. */
const silenceMs = 120;

/** Adapters hand on what the answer says, and leave it to the transport to find it empty. */
const judgedAbove: readonly FaultName[] = ['empty-answer', 'reasoning-only'];
/** Answered, or the transport is asked to ask again without a stream. */
const mayRefuseStreaming: readonly FaultName[] = ['streaming-refused', 'stream-ignored', 'stream-options-refused'];

function rule(faultCase: FaultCase, way: Way): Rule {
  const { name, code } = faultCase;
  const end = code === undefined ? 'answers all the same' : `ends as ${code}`;
  return {
    name: `${name}, ${way}: ${end}`,
    async run(bench) {
      await bench.server.setFault?.(name);
      const controller = new AbortController();
      const reason = new TransportError('timeout', 'The caller has waited long enough');
      const timer = code === 'timeout' ? setTimeout(() => controller.abort(reason), silenceMs) : undefined;
      try {
        check(bench, faultCase, way, await ask(bench, way, hello, controller.signal));
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function check(bench: Bench, { name, fault, code }: FaultCase, way: Way, seen: Seen): void {
  const { error, finishReason } = seen;
  if (error !== undefined) keepsSecrets(bench, error);
  if (code === undefined) return harmless(bench, name, way, seen);
  if (judgedAbove.includes(name) && error === undefined) {
    assert.ok(finishReason, 'the answer did not finish');
    return assert.equal(seen.text, '');
  }
  // A refusal may be told by error or by finish reason.
  if (code === 'content_filtered' && error === undefined) return assert.equal(finishReason, 'content_filter');
  assert.equal(finishReason, undefined, `it was taken for a whole answer (${finishReason})`);
  // A stream may just end: without its finish chunk it is truncated, and is judged so.
  if (error === undefined && way === 'streamed' && code === 'truncated') return;
  assert.ok(error, 'there is no error');
  if (fault.kind === 'cut' || fault.kind === 'streamError') assert.ok(seen.chunks.length <= fault.afterTokens + 1);
  assertJudged(error, code);
  const toldMs = fault.kind === 'status' ? fault.retryAfter?.ms : undefined;
  // Dates are in whole seconds, and some of the time has passed.
  if (toldMs !== undefined)
    assert.ok(
      (error.retryAfterMs ?? 0) >= toldMs / 2,
      `it says to come back after ${error.retryAfterMs} ms, told were ${toldMs}`,
    );
}

function harmless({ textOf }: Bench, name: FaultName, way: Way, { error, finishReason, text }: Seen): void {
  if (error !== undefined && way === 'streamed' && mayRefuseStreaming.includes(name))
    return assert.equal(error.code, 'unsupported', `it is ${error.code}, not a refusal to stream`);
  if (error !== undefined) assert.fail(`expected an answer, got ${error.code}: ${error.message}`);
  assert.ok(finishReason, 'the answer did not finish');
  if (name === 'length') assert.equal(finishReason, 'length');
  else if (textOf !== undefined) assert.equal(text, textOf(hello.prompt ?? ''));
}

/** The code itself, or another one with the same judgements: half an event and a lost connection, say, can look the same. */
function assertJudged(error: TransportError, code: ErrorCode): void {
  if (error.code === code) return;
  const { retry, blame } = errorTable[code];
  const message = `expected ${code} (retry ${retry}, blame ${blame}), got ${error.code} (retry ${error.retry}, blame ${error.blame}): ${error.message}`;
  assert.deepEqual([error.retry, error.blame], [retry, blame], message);
}

/** Whoever prints an error must not print a key or a prompt. */
function keepsSecrets({ secrets }: Bench, error: TransportError): void {
  const printed = [
    error.message,
    error.stack,
    JSON.stringify(error),
    JSON.stringify(error.cause),
    inspect(error, { depth: 8 }),
    inspect(error.cause, { depth: 8, showHidden: true }),
  ].join('\n');
  for (const secret of secrets) assert.ok(!printed.includes(secret), 'the error gives the key away');
  assert.ok(!printed.includes(hello.prompt ?? ''), 'the error gives the prompt away');
}

/** The rules of faults, those given, each way. */
export function faultRules(ways: readonly Way[], faults: readonly FaultName[]): Rule[] {
  return faultCases
    .filter(({ name }) => faults.includes(name))
    .flatMap((faultCase) => ways.filter((way) => meets(faultCase, way)).map((way) => rule(faultCase, way)));
}

/** An answer in one piece has no event that could be missing. */
function meets({ name }: FaultCase, way: Way): boolean {
  return way === 'streamed' || name !== 'missing-terminal-event';
}
