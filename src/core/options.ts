import * as z from 'zod/mini';
import { failed, OptionsError, TransportError, withFields } from './errors.ts';
import { type Checkable, type Elsewhere, wrong } from './option-mistakes.ts';
import type { CallOptions, CompletionRequest, TransportOptions } from './types.ts';

const finite = ({ input }: { input?: unknown }) =>
  `expected a number${typeof input === 'number' ? ' below Infinity' : ''}`;
/** Durations, counts: zero and more, `Infinity` is no limit. */
const amount = z.number({ error: finite }).check(z.gte(0, 'expected a number that is not negative'));
const infinite = z.literal(Number.POSITIVE_INFINITY);
/** zod's `number()` refuses `Infinity`, which here says "no limit". */
const milliseconds = z.union([amount, infinite], { error: 'expected milliseconds, 0 or more (Infinity: no limit)' });
const count = z.union([z.int().check(z.nonnegative()), infinite], {
  error: 'expected a whole number, 0 or more (Infinity: no limit)',
});
const limit = z.union([z.number().check(z.positive()), infinite], {
  error: 'expected a number above 0 (Infinity: no limit)',
});
const ratio = z.number({ error: 'expected a share between 0 and 1' }).check(z.gte(0), z.lte(1));
const name = z.string({ error: 'expected a name' }).check(z.minLength(1));
const fn = (what: string) => z.custom<unknown>((value) => typeof value === 'function', { error: `expected ${what}` });
const optional = z.optional;

const capability = z.enum(['streaming', 'tools', 'schema', 'images', 'files', 'reasoning']);
const price = z.strictObject({
  input: amount,
  output: amount,
  cachedInput: optional(amount),
  cacheWriteInput: optional(amount),
});

const limitsSchema = z.strictObject({
  requestsPerMinute: optional(limit),
  tokensPerMinute: optional(limit),
  inputTokensPerMinute: optional(limit),
  outputTokensPerMinute: optional(limit),
  concurrency: optional(
    z.union([z.int().check(z.positive()), infinite], { error: 'expected a whole number above 0 (Infinity: no limit)' }),
  ),
});

const traitsSchema = z.strictObject({
  contextWindow: optional(limit),
  maxOutputTokens: optional(limit),
  capabilities: optional(z.array(capability)),
  region: optional(z.string()),
  tags: optional(z.array(z.string())),
  price: optional(price),
  promptCache: optional(z.strictObject({ ttlMs: amount, minTokens: amount })),
  weight: optional(amount),
});

const provider = z.looseObject(
  {
    name,
    domain: name,
    kind: name,
    model: z.string(),
    limits: optional(limitsSchema),
    traits: optional(traitsSchema),
    complete: fn('a function complete(request, context)'),
    stream: optional(fn('a function stream(request, context)')),
  },
  { error: 'expected a provider, as openai({ client, model }) makes' },
);

const off = z.literal(false);
const layer = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  optional(z.union([z.strictObject(shape), off], { error: 'expected an object of options, or false' }));

const resume = layer({
  mode: optional(z.enum(['error', 'restart', 'continue'])),
  otherwise: optional(z.enum(['error', 'restart'])),
  maxResumes: optional(count),
});

const store = z.object(
  { get: fn('a function'), set: fn('a function'), delete: fn('a function') },
  { error: 'expected a store with get, set and delete, such as a Keyv' },
);

const layers = {
  route: optional(fn('a strategy, as priority() makes')),
  retry: layer({
    retries: optional(count),
    maxWaitMs: optional(milliseconds),
    contentFiltered: optional(z.enum(['never', 'elsewhere'])),
  }),
  hedge: layer({ afterMs: optional(milliseconds) }),
  validate: layer({ maxReasks: optional(count) }),
  resume,
  transaction: layer({
    replayMs: optional(amount),
    maxEntries: optional(count),
    maxCharacters: optional(count),
    store: optional(store),
    storeTimeoutMs: optional(amount),
    by: optional(z.object({ id: z.symbol() }, { error: "expected a key, as contextKey('tenant', 'anonymous') makes" })),
  }),
  timeout: layer({
    firstContentMs: optional(milliseconds),
    idleMs: optional(milliseconds),
    responseMs: optional(milliseconds),
    abandonedMs: optional(milliseconds),
  }),
  circuitBreaker: layer({
    failureRatio: optional(ratio),
    minAttempts: optional(count),
    windowMs: optional(z.number().check(z.positive())),
    openMs: optional(amount),
    maxOpenMs: optional(amount),
  }),
  rateLimit: layer({ maxQueued: optional(count), maxQueuedTokens: optional(count) }),
  priceOf: optional(fn('a function ({ model, usage, … }) => US dollars')),
  use: optional(z.array(fn('a middleware (next, mount) => handler'))),
  useEach: optional(z.array(fn('a middleware (next, mount) => handler'))),
};

const transportOptions = z.strictObject({
  providers: z
    .array(provider, { error: 'expected an array of at least one provider' })
    .check(z.minLength(1, { error: 'expected at least one provider' })),
  ...layers,
});

const wrapOptions = z.strictObject({
  ...layers,
  describe: optional(fn('a function (result) => what is known of it')),
  classify: optional(fn('a function (error) => TransportError | undefined')),
});

const places = { error: 'expected an array of at least one { baseURL }' };
const fetchOptions = z.strictObject({
  ...layers,
  fetch: optional(fn('a function')),
  targets: optional(z.array(z.unknown(), places).check(z.minLength(1, places))),
  failures: optional(z.enum(['auto', 'response', 'throw'])),
});

const namedCalls = z.strictObject({
  calls: z
    .array(
      z.strictObject(
        {
          name,
          domain: optional(name),
          limits: optional(limitsSchema),
          traits: optional(traitsSchema),
          call: fn('a function (input, info) => Promise'),
        },
        { error: 'expected { name, call }' },
      ),
      { error: 'expected a function, or an array of at least one { name, call }' },
    )
    .check(z.minLength(1, { error: 'expected a function, or an array of at least one { name, call }' })),
});

const bytes = z.instanceof(Uint8Array);
const source = z.union([z.string(), bytes], { error: 'expected a URL or bytes' });
const part = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text'), text: z.string() }),
    z.strictObject({ type: z.literal('image'), image: source, mediaType: optional(z.string()) }),
    z.strictObject({ type: z.literal('file'), data: source, mediaType: z.string(), filename: optional(z.string()) }),
  ],
  { error: "expected a part of type 'text', 'image' or 'file'" },
);
const toolCall = z.strictObject({ id: z.string(), name: z.string(), input: z.unknown() });
const message = z.discriminatedUnion(
  'role',
  [
    z.strictObject({ role: z.literal('system'), content: z.string() }),
    z.strictObject({
      role: z.literal('user'),
      content: z.union([z.string(), z.array(part)], { error: 'expected a string or an array of parts' }),
    }),
    z.strictObject({ role: z.literal('assistant'), content: z.string(), toolCalls: optional(z.array(toolCall)) }),
    z.strictObject({
      role: z.literal('tool'),
      toolCallId: z.string(),
      content: z.string(),
      isError: optional(z.boolean()),
    }),
  ],
  { error: "expected a message with role 'system', 'user', 'assistant' or 'tool'" },
);

const schemaOption = z.custom<unknown>(
  (value) =>
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    ('~standard' in value || 'jsonSchema' in value),
  { error: 'expected a Standard Schema (such as one of zod), or { jsonSchema }' },
);
const record = z.record(z.string(), z.unknown());
const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'expected a string, a number or a boolean' });

const completionRequest = z
  .strictObject({
    prompt: optional(z.string()),
    messages: optional(z.array(message).check(z.minLength(1, { error: 'expected at least one message' }))),
    model: optional(z.string()),
    stream: optional(z.boolean()),
    tools: optional(z.array(z.strictObject({ name, description: optional(z.string()), inputSchema: schemaOption }))),
    toolChoice: optional(
      z.union([z.enum(['auto', 'none', 'required']), z.strictObject({ tool: z.string() })], {
        error: "expected 'auto', 'none', 'required' or { tool }",
      }),
    ),
    schema: optional(schemaOption),
    maxOutputTokens: optional(z.int().check(z.positive())),
    temperature: optional(z.number()),
    topP: optional(z.number()),
    seed: optional(z.int()),
    stopSequences: optional(z.array(z.string())),
    reasoning: optional(z.enum(['none', 'low', 'medium', 'high'])),
    require: optional(
      z.strictObject({
        tags: optional(z.array(z.string())),
        region: optional(z.string()),
        capabilities: optional(z.array(capability)),
      }),
    ),
    metadata: optional(z.record(z.string(), scalar, 'expected an object of strings, numbers and booleans')),
    providerOptions: optional(z.record(z.string(), record)),
  })
  .check(
    z.refine((request) => (request.prompt === undefined) !== (request.messages === undefined), {
      error: 'expected exactly one of prompt and messages',
    }),
  );

const callOptions = z.strictObject({
  signal: optional(z.instanceof(AbortSignal, { error: 'expected an AbortSignal' })),
  timeoutMs: optional(milliseconds),
  transactionId: optional(name),
  priority: optional(z.enum(['interactive', 'default', 'batch'])),
  resume,
  values: optional(z.array(z.object({ id: z.symbol() }))),
});

/** What of one argument of `complete()` is mostly looked for in the other. */
const inSecond: Elsewhere = [callOptions, (name) => `belongs in the second argument: complete(request, { ${name} })`];
const inFirst: Elsewhere = [completionRequest, (name) => `belongs in the first argument: complete({ ${name}, … })`];

/** @throws OptionsError naming the path. */
function demand(schema: Checkable, value: unknown): void {
  const found = wrong(schema, value);
  if (found !== undefined) throw new OptionsError(found.path, found.expected);
}

/** @throws OptionsError when the options of a transport are wrong. */
export function checkTransportOptions(options: TransportOptions): void {
  demand(transportOptions, options);
  demandOwnNames('providers', options.providers);
}

function demandOwnNames(what: string, items: readonly { readonly name: string }[]): void {
  const seen = new Map<string, number>();
  for (const [index, { name }] of items.entries()) {
    const first = seen.get(name);
    if (first !== undefined) {
      throw new OptionsError(`${what}[${index}].name`, `expected a name of its own; '${name}' is ${what}[${first}]'s`);
    }
    seen.set(name, index);
  }
}

/** @throws OptionsError when the options of `wrap()` are wrong. */
export function checkWrapOptions(options: object): void {
  demand(wrapOptions, options);
}

/** @throws OptionsError when the options of `createFetch()` are wrong, those within `targets` aside. */
export function checkFetchOptions(options: object): void {
  demand(fetchOptions, options);
}

/** @throws OptionsError when the functions given to `wrap()` are wrong. */
export function checkNamedCalls<Call extends { readonly name: string }>(calls: readonly Call[]): void {
  demand(namedCalls, { calls });
  demandOwnNames('calls', calls);
}

/** @throws TransportError `invalid_request` when a request is wrong: before anything is sent. */
export function checkRequest(request: CompletionRequest): void {
  // Not compiled: that would save a long request 30 µs, and cost every application 10 kB and its first call 9 ms.
  refuse(wrong(completionRequest, request, inSecond), 'The request');
}

/** @throws TransportError `invalid_request` when a request or its options are wrong: before anything is sent. */
export function checkCall(request: CompletionRequest, options: CallOptions): void {
  try {
    checkRequest(request);
    checkCallOptions(options, inFirst);
  } catch (error) {
    const transactionId = (options as CallOptions | null)?.transactionId;
    throw typeof transactionId === 'string' ? withFields(failed(error), { transactionId }) : failed(error);
  }
}

/** @throws TransportError `invalid_request` when a call's options are wrong: before anything is sent. */
export function checkCallOptions(options: CallOptions, elsewhere?: Elsewhere): void {
  // Mostly there are none, and zod takes a kilobyte and a microsecond to find nothing wrong with nothing.
  if (options?.constructor === Object && Object.keys(options).length === 0) return;
  refuse(wrong(callOptions, options, elsewhere), 'The call option');
}

function refuse(found: { path: string; expected: string } | undefined, what: string): void {
  if (found === undefined) return;
  const at = found.path === '' ? what : `${what} ${found.path}`;
  throw new TransportError('invalid_request', `${at}: ${found.expected}`);
}
