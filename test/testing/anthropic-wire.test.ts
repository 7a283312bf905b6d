import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import {
  answerTo,
  type SimulatedServer,
  type SimulatedServerOptions,
  simulatedServer,
} from '../../src/testing/index.ts';
import { anthropicOf, apiKey, messaging, raw } from './sdks.ts';

const servers: SimulatedServer[] = [];
async function start(options?: SimulatedServerOptions): Promise<SimulatedServer> {
  const server = await simulatedServer(options);
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const weather = {
  name: 'get_weather',
  input_schema: { type: 'object' as const, properties: { city: { type: 'string' }, days: { type: 'integer' } } },
};
const time = { name: 'get_time', input_schema: { type: 'object' as const } };

async function refusedBy(server: SimulatedServer): Promise<InstanceType<typeof Anthropic.APIError>> {
  const error = await anthropicOf(server)
    .messages.create(messaging('Hello'))
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Anthropic.APIError);
  return error as InstanceType<typeof Anthropic.APIError>;
}

describe("Anthropic's SDK", () => {
  it('reads a whole answer with its usage and its ids', async () => {
    const server = await start();
    const { data, request_id } = await anthropicOf(server).messages.create(messaging('Hello')).withResponse();
    expect(data).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'claude-test',
      content: [{ type: 'text', text: answerTo('Hello') }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, output_tokens: 60, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
    });
    expect(data.id).toMatch(/^msg_/);
    expect(request_id).toBe(server.requests[0]?.requestId);
    expect(server.requests[0]).toMatchObject({ stream: false, model: 'claude-test', prompt: 'Hello', whole: true });
  });

  it('reads a stream: message, block, deltas, usage that is cumulative, stop', async () => {
    const server = await start({ tokenMs: 1 });
    const types: string[] = [];
    const usages: number[] = [];
    for await (const event of await anthropicOf(server).messages.create({ ...messaging('Hello'), stream: true })) {
      if (types.at(-1) !== event.type) types.push(event.type);
      if (event.type === 'message_start') usages.push(event.message.usage.output_tokens);
      if (event.type === 'message_delta') usages.push(event.usage.output_tokens);
    }
    expect(types).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(usages).toEqual([1, 60]);
    const message = await anthropicOf(server).messages.stream(messaging('Hello')).finalMessage();
    expect(message.content).toEqual([{ type: 'text', text: answerTo('Hello') }]);
    expect(message.usage).toMatchObject({ input_tokens: 1, output_tokens: 60 });
  });

  it('is pinged, and its events are padded', async () => {
    const { response } = await raw('anthropic', await start(), { stream: true });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const text = await response.text();
    expect(text).toContain('event: ping\ndata: {"type":"ping"}');
    expect(text).toMatch(/} +\n\n/);
  });

  it.each(['whole', 'streamed'])('reads parallel tool calls, %s', async (how) => {
    const server = await start();
    const client = anthropicOf(server);
    const body = { ...messaging('Use get_weather and get_time, please'), tools: [time, weather] };
    const message =
      how === 'whole' ? await client.messages.create(body) : await client.messages.stream(body).finalMessage();
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content).toMatchObject([
      { type: 'tool_use', id: 'call_1', name: 'get_weather', input: { city: expect.any(String), days: 42 } },
      { type: 'tool_use', id: 'call_2', name: 'get_time', input: {} },
    ]);
  });

  it('streams the input of a tool in fragments, and answers its result with text', async () => {
    const server = await start();
    const client = anthropicOf(server);
    const tools = [weather];
    const stream = client.messages.stream({ ...messaging('Hello'), tools, tool_choice: { type: 'any' } });
    const fragments: string[] = [];
    stream.on('inputJson', (fragment) => fragments.push(fragment));
    await stream.finalMessage();
    expect(fragments.length).toBeGreaterThan(2);

    const answer = await client.messages.create({
      ...messaging('Hello'),
      system: 'Be brief',
      tools,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'get_weather' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          ],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'get_weather', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: 'rain' }] },
      ],
    });
    expect(answer.content).toEqual([{ type: 'text', text: answerTo('Be brief\nget_weather\n\nrain') }]);
  });

  it('gets JSON of the shape it asks for, and no more tokens than it allows', async () => {
    const client = anthropicOf(await start());
    const schema = { type: 'object', properties: { name: { type: 'string' } } };
    const shaped = await client.messages.create({
      ...messaging('Hello'),
      output_config: { format: { type: 'json_schema', schema } },
    });
    const [block] = shaped.content;
    expect(JSON.parse(block?.type === 'text' ? block.text : '')).toEqual({ name: expect.any(String) });
    const short = await client.messages.create({ ...messaging('Hello'), max_tokens: 4 });
    expect(short).toMatchObject({ stop_reason: 'max_tokens', content: [{ text: answerTo('Hello', { words: 4 }) }] });
  });

  it.each(['whole', 'streamed'])('reads thinking before text, signed, %s', async (how) => {
    const client = anthropicOf(await start({ answer: () => ({ reasoning: 'let me think', text: 'done' }) }));
    const message =
      how === 'whole'
        ? await client.messages.create(messaging('Hello'))
        : await client.messages.stream(messaging('Hello')).finalMessage();
    expect(message.content).toEqual([
      { type: 'thinking', thinking: 'let me think', signature: expect.stringMatching(/./) },
      { type: 'text', text: 'done' },
    ]);
    expect(message.usage).toMatchObject({ output_tokens: 4, output_tokens_details: { thinking_tokens: 3 } });
  });

  it('must say how many tokens it wants', async () => {
    const { status, response } = await raw('anthropic', await start(), { prompt: '' });
    expect(status).toBe(200);
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] });
    const refused = await fetch(response.url, { method: 'POST', body });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ type: 'error', error: { message: 'max_tokens: Field required' } });
  });
});

describe("Anthropic's errors", () => {
  it.each([
    ['http-500', 500, 'api_error', 'Internal server error'],
    ['http-503', 503, 'api_error', 'overloaded'],
    ['http-529', 529, 'overloaded_error', 'Overloaded'],
    ['context-length', 400, 'invalid_request_error', /prompt is too long: \d+ tokens > 200000 maximum/],
    ['content-policy', 400, 'invalid_request_error', 'content filtering policy'],
    ['invalid-request', 400, 'invalid_request_error', 'temperature'],
    ['unauthorized', 401, 'authentication_error', 'invalid x-api-key'],
    ['payment-required', 402, 'billing_error', 'Insufficient balance'],
    ['forbidden', 403, 'permission_error', 'permission'],
    ['model-not-found', 404, 'not_found_error', 'model: claude-test'],
    ['too-large', 413, 'request_too_large', 'too large'],
    ['unprocessable', 422, 'invalid_request_error', 'Unprocessable'],
    ['rate-limited', 429, 'rate_limit_error', 'rate limit'],
    ['insufficient-quota', 429, 'rate_limit_error', 'spend limit'],
  ] as const)('%s is a %i of type %s', async (fault, status, type, message) => {
    const server = await start({ fault });
    const error = await refusedBy(server);
    expect(error).toMatchObject({ status, type, requestID: server.requests[0]?.requestId });
    expect(error.error).toMatchObject({ type: 'error', request_id: server.requests[0]?.requestId });
    expect(error.apiMessage).toMatch(message);
    expect(server.requests[0]?.status).toBe(status);
    expect(server.billed).toEqual({ inputTokens: 0, outputTokens: 0 });
  });

  it('says money by a code in the details, and when to come back by a header', async () => {
    expect(await refusedBy(await start({ fault: 'insufficient-quota' }))).toMatchObject({
      errorCode: 'enforced_spend_limit_reached',
    });
    const error = await refusedBy(await start({ fault: 'rate-limited' }));
    expect(error).toBeInstanceOf(Anthropic.RateLimitError);
    expect(error.headers?.get('retry-after')).toBe('1');
    expect(error.headers?.get('x-should-retry')).toBe('true');
    const refused = await refusedBy(await start({ fault: 'unauthorized' }));
    expect(refused.headers?.get('x-should-retry')).toBe('false');
  });

  it('tells limits by headers: four of them, with moments in RFC 3339', async () => {
    const limits = {
      requestsPerMinute: 60,
      burstRatio: 1 / 60,
      inputTokensPerMinute: 600,
      outputTokensPerMinute: 6_000,
    };
    const server = await start({ limits });
    const { response } = await anthropicOf(server).messages.create(messaging('Hello')).withResponse();
    expect(response.headers.get('anthropic-ratelimit-requests-limit')).toBe('60');
    expect(response.headers.get('anthropic-ratelimit-requests-remaining')).toBe('0');
    expect(response.headers.get('anthropic-ratelimit-input-tokens-limit')).toBe('600');
    const reset = response.headers.get('anthropic-ratelimit-requests-reset') ?? '';
    expect(reset).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Date.parse(reset)).toBeGreaterThan(Date.now());
    const error = await refusedBy(server);
    expect(error).toMatchObject({ status: 429, type: 'rate_limit_error' });
    expect(Number(error.headers?.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(error.headers?.get('retry-after-ms')).toBeNull();
  });

  it('sends retry-after with a success when it is to', async () => {
    const server = await start({ headers: { 'retry-after': '17' } });
    const { data, response } = await anthropicOf(server).messages.create(messaging('Hello')).withResponse();
    expect([data.stop_reason, response.headers.get('retry-after')]).toEqual(['end_turn', '17']);
  });

  it('can say what is not in the list of faults, in its own words', async () => {
    const body = { type: 'error', error: { type: 'rate_limit_error', details: { error_code: 'ramp_limit_exceeded' } } };
    const server = await start({ fault: { kind: 'status', status: 429, body, headers: { 'retry-after': '9' } } });
    const error = await refusedBy(server);
    expect([error.errorCode, error.headers?.get('retry-after')]).toEqual(['ramp_limit_exceeded', '9']);
  });

  it('accepts one key only, however it is sent, and repeats it only when it is to', async () => {
    const server = await start({ requireKey: 'sk-right' });
    expect(await refusedBy(server)).toMatchObject({ status: 401, type: 'authentication_error' });
    await anthropicOf(server, 'sk-right').messages.create(messaging('Hello'));
    const { status } = await raw('anthropic', server);
    expect(status).toBe(401);
    const careless = await refusedBy(await start({ fault: 'unauthorized-repeats-key' }));
    expect(careless.apiMessage).toContain(apiKey);
  });
});
