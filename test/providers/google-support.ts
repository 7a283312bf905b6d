import type { ServerResponse } from 'node:http';
import { GoogleGenAI, type HttpOptions } from '@google/genai';
import type { Provider } from '../../src/core/types.ts';
import { type GoogleOptions, google } from '../../src/providers/google.ts';
import type { Answer, Server } from './support.ts';

export const apiKey = 'AIzaSyCanary0123456789abcdefghijklmnop';

export function clientOf(server: Server, httpOptions: HttpOptions = {}): GoogleGenAI {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `http://${server.host}`, ...httpOptions } });
}

export function providerOf(server: Server, options: Partial<GoogleOptions> = {}): Provider {
  return google({ client: clientOf(server), model: 'gemini-test', name: 'primary', ...options });
}

/** A chunk as Gemini sends it. */
export function chunk(parts: readonly object[], candidate: object = {}, rest: object = {}) {
  return {
    candidates: [{ content: { parts, role: 'model' }, index: 0, ...candidate }],
    modelVersion: 'gemini-test-2026',
    responseId: 'resp_1',
    ...rest,
  };
}

export const usage = {
  promptTokenCount: 12,
  candidatesTokenCount: 5,
  thoughtsTokenCount: 20,
  cachedContentTokenCount: 4,
  toolUsePromptTokenCount: 3,
  totalTokenCount: 40,
};
export const counted = { inputTokens: 15, outputTokens: 25, cachedInputTokens: 4, reasoningTokens: 20 };

export const stop = { finishReason: 'STOP' };
export const good = [
  chunk([{ text: 'Hel' }], {}, { usageMetadata: { promptTokenCount: 12 } }),
  chunk([{ text: 'lo' }]),
  chunk([{ text: '' }], stop, { usageMetadata: usage }),
];
export const whole = chunk([{ text: 'Hello' }], stop, { usageMetadata: usage });

/** Events as Gemini writes them: CRLF CRLF, no names, no good-bye. A text is written as it is. */
export function event(value: unknown): string {
  return typeof value === 'string' ? value : `data: ${JSON.stringify(value)}\r\n\r\n`;
}

export function stream(
  events: readonly unknown[],
  {
    headers = {},
    end = (response) => response.end(),
  }: { headers?: Record<string, string>; end?: (response: ServerResponse) => void } = {},
): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
    response.flushHeaders();
    for (const value of events) response.write(Buffer.isBuffer(value) ? value : event(value));
    end(response);
  };
}

/** An error as Google answers it. */
export function failure(code: number, status: string, message: string, details: readonly object[] = []) {
  return { error: { code, message, status, ...(details.length > 0 && { details }) } };
}

export const retryInfo = (retryDelay: string) => ({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay });
export const quotaFailure = (quotaId: string) => ({
  '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
  violations: [{ quotaMetric: 'generativelanguage.googleapis.com/requests', quotaId }],
});
export const errorInfo = (reason: string) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason });
