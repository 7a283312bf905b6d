import { sleep } from '../core/time.ts';
import type { CompletionRequest, Context, ProviderAnswer } from '../core/types.ts';
import { readAnswer } from './answer-text.ts';
import { type Fields, fieldsOf } from './openai-chat-parts.ts';
import { isResponse, isSettled, readResponse, responseUsage } from './openai-responses-answer.ts';
import {
  cancelResponse,
  type OpenResponse,
  openResponse,
  type ResponsesCall,
  type ResponsesEndpoint,
  responsesFailures,
  retrieveResponse,
} from './openai-responses-call.ts';
import { Looks } from './openai-responses-resume.ts';

/** Asks for a whole answer. One that is made in the background is asked for until it is there. */
export async function completeResponse(
  endpoint: ResponsesEndpoint,
  request: CompletionRequest,
  context: Context,
): Promise<ProviderAnswer> {
  const failures = responsesFailures(endpoint, request);
  const call: ResponsesCall = { endpoint, request, context, signal: context.signal, failures };
  const answer = await readWholeResponse(await openResponse(call, false), call);
  context.received({ raw: answer.raw });
  return answer;
}

/** The rest of a body as an answer, waited for if need be. Ends at once when the signal aborts. */
export async function readWholeResponse(first: OpenResponse, call: ResponsesCall): Promise<ProviderAnswer> {
  const { endpoint, request, failures } = call;
  let body = await readAnswer(first.bytes, call.signal, call.failures);
  if (first.background && isResponse(body) && typeof body.id === 'string') body = await settled(body, body.id, call);
  call.context.received({ usage: responseUsage(fieldsOf(body).usage), usageIsWhole: true });
  const answer = readResponse(body, endpoint.model, failures, request.stopSequences);
  endpoint.thoughts.note(body.output);
  return answer;
}

/** Milliseconds between looks at an answer in the background: soon at first, as most are short. */
const firstLookMs = 500;
const longestLookMs = 5_000;

async function settled(first: Fields, id: string, call: ResponsesCall): Promise<Fields> {
  const { signal } = call;
  const looks = new Looks(signal);
  let body = first;
  try {
    for (let waitMs = firstLookMs; !isSettled(body); waitMs = Math.min(2 * waitMs, longestLookMs)) {
      await sleep(waitMs, signal);
      body = await looks.find(async (own) => {
        const { bytes } = await retrieveResponse({ ...call, signal: own }, id);
        return readAnswer(bytes, own, call.failures);
      });
      looks.restore();
    }
    return body;
  } catch (error) {
    cancelResponse(call, id);
    throw error;
  }
}
