/** One canned answer in OpenAI's format, whole and as a stream, with as many chunks as is wanted. */

const model = 'gpt-bench';
const head = { id: 'chatcmpl-bench0123456789abcdefghijkl', created: 1_760_000_000, model, service_tier: 'default' };

/** Chunks of a usual stream, and of a long one. */
export const usualChunks = 20;
export const longChunks = 500;

export interface CannedAnswer {
  readonly text: string;
  /** The body of an answer in one piece. */
  readonly json: Uint8Array;
  /** The events of a streamed one: the role, the text in pieces, the end, the usage, the good-bye. */
  readonly events: readonly Uint8Array[];
}

export function cannedAnswer(chunks: number): CannedAnswer {
  const words = Array.from({ length: chunks }, (_, index) => ` word${index % 10}`);
  const text = words.join('');
  const usage = { prompt_tokens: 12, completion_tokens: chunks, total_tokens: chunks + 12 };
  const bytes = new TextEncoder();
  const event = (data: unknown): Uint8Array => bytes.encode(`data: ${JSON.stringify(data)}\n\n`);
  const delta = (content: object, finish_reason: string | null = null): Uint8Array =>
    event({
      ...head,
      object: 'chat.completion.chunk',
      system_fingerprint: 'fp_bench',
      choices: [{ index: 0, delta: content, logprobs: null, finish_reason }],
      usage: null,
      obfuscation: 'a1B2c3D4e5',
    });
  const message = { role: 'assistant', content: text, refusal: null, annotations: [] };
  return {
    text,
    json: bytes.encode(
      JSON.stringify({
        ...head,
        object: 'chat.completion',
        choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
        usage,
      }),
    ),
    events: [
      delta({ role: 'assistant', content: '', refusal: null }),
      ...words.map((content) => delta({ content })),
      delta({}, 'stop'),
      event({ ...head, object: 'chat.completion.chunk', choices: [], usage }),
      bytes.encode('data: [DONE]\n\n'),
    ],
  };
}

const headers = { 'x-request-id': 'req_bench0123456789', 'openai-processing-ms': '5' };
export const jsonHeaders = { 'content-type': 'application/json', ...headers };
export const eventHeaders = { 'content-type': 'text/event-stream; charset=utf-8', ...headers };

/** True for the body of a request that asks for a stream. */
export function asksForStream(body: string): boolean {
  return body.includes('"stream":true');
}

/** A `fetch` without a network: answers what is canned, each event as a piece of its own, as a network mostly does. */
export function stubFetch({ json, events }: CannedAnswer): typeof fetch {
  return async (_url, init) => {
    if (!asksForStream(String(init?.body)))
      return new Response(json as Uint8Array<ArrayBuffer>, { headers: jsonHeaders });
    let next = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const event = events[next];
        next += 1;
        if (event === undefined) controller.close();
        else controller.enqueue(event);
      },
    });
    return new Response(body, { headers: eventHeaders });
  };
}
