/** Wires that `simulatedServer()` does not speak, served with the same answers, faults and books: Ollama's lines of JSON, and Cohere's chat. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FinishReason } from '../../src/core/types.ts';
import { hintsOf } from '../../src/testing/faults.ts';
import { answerRequest } from '../../src/testing/http-exchange.ts';
import type { RequestRecord } from '../../src/testing/ledger.ts';
import { openaiWire } from '../../src/testing/openai-wire.ts';
import { BackgroundResponses } from '../../src/testing/responses-background.ts';
import { Service, type ServiceOptions } from '../../src/testing/service.ts';
import { type Piece, serverError, textIn } from '../../src/testing/steps.ts';
import {
  type AnswerFacts,
  type AnswerWriter,
  type Fields,
  listOf,
  stringOf,
  type Wire,
} from '../../src/testing/wire.ts';

/** A server on one of these wires. */
export interface OtherServer {
  readonly url: string;
  readonly requests: readonly RequestRecord[];
  received(count: number): Promise<RequestRecord>;
  close(): Promise<void>;
}

export async function otherServer(wire: Wire, options: ServiceOptions): Promise<OtherServer> {
  const service = new Service(options, undefined);
  const exchange = {
    background: new BackgroundResponses(),
    wireOf: (path: string) => ({ wire, served: path.endsWith('/chat') }),
  };
  const server = createServer((request, response) => {
    answerRequest(service, exchange, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: service.ledger.requests,
    received: (count) => service.ledger.received(count),
    async close() {
      service.ledger.endAll();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const line = (value: object) => `${JSON.stringify(value)}\n`;
const iso = (at: number) => new Date(at).toISOString();

/** An answer of Ollama's: as recorded, without any preamble. */
class OllamaAnswer implements AnswerWriter {
  readonly #facts: AnswerFacts;
  readonly #pieces: Piece[] = [];

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
  }

  opening = () => '';
  done = () => '';
  emptyDelta = () => this.#says('');
  garbage = () => '{"model":"m","message":{"role":"assi\n';
  half = () => this.#says('').slice(0, 40);

  piece(piece: Piece): string {
    this.#pieces.push(piece);
    return piece.type === 'text' ? this.#says(piece.text) : '';
  }

  finish(finishReason: FinishReason): string {
    return line({ ...this.#message(''), ...this.#end(finishReason) });
  }

  body(finishReason: FinishReason | null): string {
    const message = this.#message(textIn(this.#pieces, 'text'));
    return line(finishReason === null ? { ...message, done: false } : { ...message, ...this.#end(finishReason) });
  }

  #says(content: string): string {
    return line({ ...this.#message(content), done: false });
  }

  #message(content: string): Fields {
    const { model, at } = this.#facts;
    return { model, created_at: iso(at), message: { role: 'assistant', content } };
  }

  #end(finishReason: FinishReason): Fields {
    const { inputTokens } = this.#facts;
    return {
      done_reason: finishReason,
      done: true,
      total_duration: 1_000_000,
      load_duration: 1_000,
      prompt_eval_count: inputTokens,
      eval_count: this.#pieces.length,
    };
  }
}

export const ollamaWire: Wire = {
  ...openaiWire,
  contentTypes: { json: 'application/json; charset=utf-8', stream: 'application/x-ndjson' },
  heartbeat: '\n',
  read: (call) => ({ ...openaiWire.read(call), stream: call.body.stream !== false }),
  headers: () => ({}),
  answer: (facts) => new OllamaAnswer(facts),
  error: ({ status, error, hints, shouldRetry }) => ({
    status,
    headers: hintsOf(hints, shouldRetry, Date.now()),
    body: JSON.stringify({ error: error.message ?? serverError.message }),
  }),
  errorEvent: (body) => `${body}\n`,
};

/** An answer of Cohere's, version 2. */
class CohereAnswer implements AnswerWriter {
  readonly #facts: AnswerFacts;
  readonly #pieces: Piece[] = [];

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
  }

  opening(): string {
    const message = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] };
    const content = { type: 'text', text: '' };
    return (
      event({ type: 'message-start', id: this.#facts.requestId, delta: { message } }) +
      event({ type: 'content-start', index: 0, delta: { message: { content } } })
    );
  }

  emptyDelta = () => this.#says('');
  garbage = () => 'event: content-delta\ndata: {"type":"content-delta","index":0,"del\n\n';
  half = () => this.#says('').slice(0, 60);
  done = () => 'data: [DONE]\n\n';

  piece(piece: Piece): string {
    this.#pieces.push(piece);
    return piece.type === 'text' ? this.#says(piece.text) : '';
  }

  finish(finishReason: FinishReason): string {
    const delta = { finish_reason: reasonOf(finishReason), usage: this.#usage() };
    return event({ type: 'content-end', index: 0 }) + event({ type: 'message-end', delta });
  }

  body(finishReason: FinishReason | null): string {
    const text = textIn(this.#pieces, 'text');
    return JSON.stringify({
      id: this.#facts.requestId,
      message: { role: 'assistant', content: text === '' ? [] : [{ type: 'text', text }] },
      finish_reason: finishReason === null ? null : reasonOf(finishReason),
      usage: this.#usage(),
    });
  }

  #says(text: string): string {
    return event({ type: 'content-delta', index: 0, delta: { message: { content: { text } } } });
  }

  #usage(): Fields {
    const counts = { input_tokens: this.#facts.inputTokens, output_tokens: this.#pieces.length };
    return { billed_units: counts, tokens: counts };
  }
}

function event(data: Fields): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function reasonOf(finishReason: FinishReason): string {
  return finishReason === 'length' ? 'MAX_TOKENS' : 'COMPLETE';
}

export const cohereWire: Wire = {
  ...openaiWire,
  heartbeat: ': keep-alive\n\n',
  read(call) {
    const texts = listOf(call.body.messages).map(({ content }) =>
      typeof content === 'string'
        ? content
        : listOf(content)
            .map(({ text }) => stringOf(text))
            .join(''),
    );
    return { ...openaiWire.read(call), prompt: texts.join('\n') };
  },
  headers: () => ({}),
  answer: (facts) => new CohereAnswer(facts),
  error: ({ status, error, hints, shouldRetry, requestId }) => ({
    status,
    headers: hintsOf(hints, shouldRetry, Date.now()),
    body: JSON.stringify({ id: requestId, message: error.message ?? serverError.message }),
  }),
  // Cohere ends such a stream as any other, and says so in its last event.
  errorEvent(body) {
    const { message } = JSON.parse(body) as Fields;
    return event({ type: 'message-end', delta: { finish_reason: 'ERROR', error: message } });
  },
};
