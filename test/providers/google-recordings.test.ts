import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorTable } from '../../src/core/error-table.ts';
import type { ErrorCode, Usage } from '../../src/core/types.ts';
import { chunk, errorInfo, event, failure, providerOf, quotaFailure, retryInfo } from './google-support.ts';
import { answering, contextFor, hello, read, type Server } from './support.ts';

interface Recorded {
  readonly status: number;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly body?: string;
  readonly sse?: string;
  readonly body_json?: unknown;
}

interface Expected {
  readonly text?: string;
  readonly toolCalls?: readonly object[];
  readonly finishReason?: string;
  readonly usage?: Usage;
  readonly requestId?: string;
  readonly error?: { readonly code: ErrorCode; readonly retryAfterMs?: number };
}

/** What the recorded answers of Google are, whether or not they are here. */
const expected: Readonly<Record<string, Expected>> = {
  'gemini/generate-success': {
    text: 'The capital of France is **Paris**.',
    finishReason: 'stop',
    usage: { inputTokens: 8, outputTokens: 29, reasoningTokens: 21 },
    requestId: 'C7-FaoWPIdia28oP_fKq2AU',
  },
  'gemini/stream': {
    text: '1, 2, 3',
    finishReason: 'stop',
    usage: { inputTokens: 8, outputTokens: 27, reasoningTokens: 20 },
    requestId: '6r6FarDODNmynsEP8cLCoQk',
  },
  'gemini/stream-function-call': {
    text: '',
    toolCalls: [{ name: 'weather', input: { latitude: '52.5200', longitude: '13.4050' } }],
    finishReason: 'tool_calls',
    usage: { inputTokens: 103, outputTokens: 73, reasoningTokens: 43 },
    requestId: 'U7-Fao_EK_-VvdIP1-aJ8Qo',
  },
  'gemini/generate-blocked-safety': { error: { code: 'content_filtered' } },
  'vertex/generate-blocked-model-armor': { error: { code: 'content_filtered' } },
  'gemini/error-400-api-key-invalid': { error: { code: 'authentication' } },
  'gemini/error-429-resource-exhausted-retryinfo': { error: { code: 'rate_limited', retryAfterMs: 48_940 } },
};

const counted = (prompt: number, candidates: number, thoughts: number) => ({
  usageMetadata: {
    promptTokenCount: prompt,
    candidatesTokenCount: candidates,
    thoughtsTokenCount: thoughts,
    totalTokenCount: prompt + candidates + thoughts,
  },
});
const place = { functionCall: { name: 'weather', args: { latitude: '52.5200', longitude: '13.4050' } } };
const end = { finishReason: 'STOP' };

/** Answers of our own making in which the same is said. */
const made: Readonly<Record<string, Recorded>> = {
  'gemini/generate-success': {
    status: 200,
    body_json: chunk([{ text: 'The capital of France is **Paris**.' }], end, {
      ...counted(8, 8, 21),
      responseId: 'C7-FaoWPIdia28oP_fKq2AU',
    }),
  },
  'gemini/stream': {
    status: 200,
    sse: event(chunk([{ text: '1, 2, 3' }], end, { ...counted(8, 7, 20), responseId: '6r6FarDODNmynsEP8cLCoQk' })),
  },
  'gemini/stream-function-call': {
    status: 200,
    sse: event(
      chunk(
        [{ ...place, thoughtSignature: 'c2lnbmF0dXJl' }],
        { ...end, finishMessage: 'Model generated function call(s).' },
        {
          ...counted(103, 30, 43),
          responseId: 'U7-Fao_EK_-VvdIP1-aJ8Qo',
        },
      ),
    ),
  },
  'gemini/generate-blocked-safety': {
    status: 200,
    body_json: { candidates: [{ content: {}, finishReason: 'SAFETY' }], usageMetadata: { promptTokenCount: 14 } },
  },
  'vertex/generate-blocked-model-armor': {
    status: 200,
    body_json: { promptFeedback: { blockReason: 'MODEL_ARMOR' }, usageMetadata: { trafficType: 'ON_DEMAND' } },
  },
  'gemini/error-400-api-key-invalid': {
    status: 400,
    body_json: failure(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
      errorInfo('API_KEY_INVALID'),
    ]),
  },
  'gemini/error-429-resource-exhausted-retryinfo': {
    status: 429,
    body_json: failure(
      429,
      'RESOURCE_EXHAUSTED',
      'You exceeded your current quota, please check your plan and billing details.\nPlease retry in 48.939935699s.',
      [quotaFailure('GenerateContentPaidTierInputTokensPerModelPerMinute'), retryInfo('48s')],
    ),
  },
};

const folder = new URL('../../../shared/recordings/', import.meta.url);
const recorded = Object.fromEntries(
  ['gemini', 'vertex'].flatMap((vendor) => {
    const inside = new URL(`${vendor}/`, folder);
    if (!existsSync(inside)) return [];
    return readdirSync(inside).map((file) => [
      `${vendor}/${file.replace('.json', '')}`,
      (JSON.parse(readFileSync(new URL(file, inside), 'utf8')) as { response: Recorded }).response,
    ]);
  }),
) as Readonly<Record<string, Recorded>>;

/** Headers that belong to the recorded connection, not to this one. */
const ofConnection =
  /^(?:content-length|content-encoding|transfer-encoding|connection|alt-svc|set-cookie|keep-alive)$/i;

let server: Server;
beforeAll(async () => {
  server = await answering((response) => response.end());
});
afterAll(() => server.close());

function replay({ status, headers, body, sse, body_json }: Recorded, pieces: number): void {
  server.answer((response) => {
    response.setHeader('content-type', sse === undefined ? 'application/json; charset=UTF-8' : 'text/event-stream');
    for (const [header, values] of Object.entries(headers ?? {}))
      if (!ofConnection.test(header)) response.setHeader(header, values);
    response.statusCode = status;
    const bytes = Buffer.from(body ?? sse ?? JSON.stringify(body_json));
    const size = Math.ceil(bytes.length / pieces);
    for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
    response.end();
  });
}

describe.each([
  ['made', made],
  ['recorded', recorded],
])('an answer of Google that was %s', (_, answers) => {
  test('is one of those whose meaning is known', () => {
    for (const name of Object.keys(answers)) expect(Object.keys(expected)).toContain(name);
  });

  test.each(Object.entries(answers))('%s is read for what it is, in one piece and in many', async (name, answer) => {
    const { error, requestId, ...rest } = expected[name] ?? {};
    for (const pieces of [1, 97]) {
      replay(answer, pieces);
      const got = await read(providerOf(server));
      if (error === undefined) {
        const [finish] = got.finish;
        expect(got.error).toBeUndefined();
        expect([got.text, finish?.finishReason, finish?.usage, got.requestId]).toEqual([
          rest.text,
          rest.finishReason,
          rest.usage,
          requestId,
        ]);
        expect(got.toolCalls).toMatchObject(rest.toolCalls ?? []);
      } else {
        const { retry, blame } = errorTable[error.code];
        expect([got.error?.code, got.error?.retry, got.error?.blame]).toEqual([error.code, retry, blame]);
        expect([got.error?.retryAfterMs, got.chunks]).toEqual([error.retryAfterMs, []]);
      }
    }
  });

  test.each(Object.entries(answers).filter(([, { sse }]) => sse === undefined))(
    '%s is the same for a call that is not streamed',
    async (name, answer) => {
      replay(answer, 3);
      const { error, text, finishReason, usage } = expected[name] ?? {};
      const asking = providerOf(server).complete(hello, contextFor().context);
      if (error === undefined) return expect(await asking).toMatchObject({ text, finishReason, usage });
      const { retry, blame } = errorTable[error.code];
      await expect(asking).rejects.toMatchObject({ code: error.code, retry, blame, retryAfterMs: error.retryAfterMs });
    },
  );
});

test('what is known of the recorded answers is said by those of our own too', () => {
  expect(Object.keys(made)).toEqual(Object.keys(expected));
});
