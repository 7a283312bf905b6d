/** The adapter that docs/extending/provider.md builds, for a wire that does not exist: Acme's. */

// #region provider
import {
  type Chunk,
  type CompletionRequest,
  type Context,
  type ErrorCode,
  type FinishReason,
  type Message,
  type Provider,
  type ProviderAnswer,
  streamingRefused,
  TransportError,
} from 'llm-transport';

/** Which of Acme's models is asked, and with which key. */
export interface AcmeOptions {
  readonly baseURL: string;
  readonly apiKey: string;
  readonly model: string;
  /** Unique in a transport. @default 'acme/<model>' */
  readonly name?: string;
}

/** A provider on Acme's wire. */
export function acme(options: AcmeOptions): Provider {
  const { model, name = `acme/${model}` } = options;
  const endpoint = { ...options, name };
  return {
    name,
    domain: new URL(options.baseURL).host,
    kind: 'acme',
    model,
    traits: { capabilities: ['streaming'] },
    complete: (request, context) => complete(endpoint, request, context),
    stream: (request, context) => stream(endpoint, request, context),
  };
}

type Endpoint = Required<AcmeOptions>;
// #endregion

// #region ask
/** Sends a request, once. The body of what comes back has not been read. */
async function ask(acme: Endpoint, request: CompletionRequest, context: Context, stream: boolean): Promise<Response> {
  const messages = request.messages ?? [{ role: 'user' as const, content: request.prompt ?? '' }];
  const body = {
    model: acme.model,
    turns: messages.map(turnOf),
    limit: request.maxOutputTokens,
    ...request.providerOptions?.acme,
    stream,
  };
  const response = await fetch(new URL('/answer', acme.baseURL), {
    method: 'POST',
    headers: { authorization: `Bearer ${acme.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: context.signal,
  }).catch((error: unknown) => {
    throw lost(acme, error);
  });
  context.received({
    headers: response.headers,
    providerRequestId: response.headers.get('acme-request-id') ?? undefined,
  });
  if (!response.ok) throw await refusal(acme, response);
  return response;
}

function turnOf({ role, content }: Message): object {
  if (role === 'tool' || typeof content !== 'string')
    throw new TransportError('unsupported', "Acme's models take text, and no tools");
  return { from: role, text: content };
}

/** Of an error that `fetch` or a body has thrown. Once the signal is aborted, that is the reason with which it was. */
function lost({ name }: Endpoint, error: unknown): TransportError {
  if (TransportError.is(error)) return error;
  return new TransportError('connection', `The connection to ${name} was lost`, { provider: name, cause: error });
}
// #endregion

// #region refusal
/** What Acme's codes mean to a transport. */
const meanings: Readonly<Record<string, ErrorCode>> = {
  busy: 'overloaded',
  broken: 'server_error',
  slow_down: 'rate_limited',
  no_credit: 'quota_exhausted',
  bad_key: 'authentication',
  no_such_model: 'unsupported',
  too_long: 'context_length_exceeded',
  blocked: 'content_filtered',
};

async function refusal({ name }: Endpoint, response: Response): Promise<TransportError> {
  const { status } = response;
  const { code = '' } = (await response.json().catch(() => ({}))) as { code?: string };
  const seconds = Number(response.headers.get('retry-after'));
  const fields = { provider: name, status, ...(seconds > 0 && { retryAfterMs: seconds * 1_000 }) };
  if (code === 'no_streaming') return streamingRefused(`${name} does not stream`, fields);
  // What Acme says in words stays out of the message: it may quote the prompt, or the key.
  const meaning = meanings[code] ?? (status >= 500 ? 'server_error' : 'invalid_request');
  return new TransportError(meaning, `${name} answered with ${status}`, fields);
}
// #endregion

// #region stream
interface AcmeEvent {
  readonly type?: 'start' | 'text' | 'end' | 'error';
  readonly text?: string;
  readonly code?: string;
  readonly reason?: 'complete' | 'limit' | 'blocked';
  readonly usage?: { readonly in: number; readonly out: number };
}

async function* stream(acme: Endpoint, request: CompletionRequest, context: Context): AsyncGenerator<Chunk> {
  const { name } = acme;
  for await (const event of eventsOf(acme, await ask(acme, request, context, true))) {
    if (event.type === 'text' && event.text) yield { type: 'text', text: event.text };
    if (event.type === 'error')
      throw new TransportError(meanings[event.code ?? ''] ?? 'bad_response', `${name} broke off`, { provider: name });
    if (event.type !== 'end') continue;
    context.received({ raw: event });
    return yield { type: 'finish', ...endOf(event), model: acme.model };
  }
  throw new TransportError('truncated', `${name} ended its answer before it was whole`, { provider: name });
}

/** One JSON object a line. What follows the last line break is no event. */
async function* eventsOf(acme: Endpoint, { body }: Response): AsyncGenerator<AcmeEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const bytes of body ?? []) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield parsed(acme, line);
    }
  } catch (error) {
    throw lost(acme, error);
  }
}

function parsed({ name }: Endpoint, text: string): AcmeEvent {
  try {
    return JSON.parse(text) as AcmeEvent;
  } catch {
    throw new TransportError('bad_response', `${name} sent what is not JSON`, { provider: name });
  }
}

const reasons = { complete: 'stop', limit: 'length', blocked: 'content_filter' } as const;

function endOf({ reason, usage }: AcmeEvent) {
  const finishReason: FinishReason = reason === undefined ? 'unknown' : reasons[reason];
  return { finishReason, usage: usage && { inputTokens: usage.in, outputTokens: usage.out } };
}
// #endregion

// #region complete
async function complete(acme: Endpoint, request: CompletionRequest, context: Context): Promise<ProviderAnswer> {
  const response = await ask(acme, request, context, false);
  const body = await response.text().catch((error: unknown) => {
    throw lost(acme, error);
  });
  const raw = parsed(acme, body);
  return { text: raw.text ?? '', toolCalls: [], reasoning: undefined, ...endOf(raw), model: acme.model, raw };
}
// #endregion
