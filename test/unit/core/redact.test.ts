import { describe, expect, it } from 'vitest';
import { scrub, textsOf } from '../../../src/core/redact.ts';

const prompt =
  'Our internal code name is Bluebird Seven.\nPlease write "hello" to the whole board, but do not mention the merger — jamais !';

describe('credentials in a text', () => {
  it.each([
    ['OpenAI', 'sk-proj-Ab3dEf6hIj9lMnOpQrStUvWxYz'],
    ['OpenAI, old', 'sk-abcdefghijklmnopqrstuvwx'],
    ['Anthropic', 'sk-ant-api03-AbCd_efGh-ijKlMnOp'],
    ['OpenRouter', 'sk-or-v1-0123456789abcdef0123456789abcdef'],
    ['Google', 'AIzaSyA-bCdEfGhIjKlMnOpQrStUvWxYz12345'],
    ['Google OAuth', 'ya29.a0AfH6SMBx-abcdefgh_ijkl'],
    ['Groq', 'gsk_AbCdEfGhIjKlMnOpQrStUv'],
    ['xAI', 'xai-AbCdEfGhIjKlMnOpQrStUv'],
    ['Hugging Face', 'hf_AbCdEfGhIjKlMnOpQrSt'],
    ['Replicate', 'r8_AbCdEfGhIjKlMnOp'],
    ['Perplexity', 'pplx-0123456789abcdef'],
    ['NVIDIA', 'nvapi-AbCd-EfGh_IjKl'],
    ['Fireworks', 'fw_AbCdEfGhIjKl'],
    ['Together', 'tgp_v1_AbCdEfGhIjKl'],
    ['GitHub', 'ghp_0123456789abcdefABCDEF'],
    ['AWS', 'AKIAIOSFODNN7EXAMPLE'],
    ['Mistral, Azure: letters and digits', '0123456789abcdef0123456789abcdef'],
    ['Cohere: letters and digits', 'aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5hJ7k'],
    ['a UUID', '123e4567-e89b-12d3-a456-426614174000'],
    ['a JSON web token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_ghi'],
    ['Slack', 'xoxb-abcdefghij'],
    ['letters alone that keep changing their case', 'aBcDeFgHiJkLmNoPqRsTuVwXyZaBcD'],
    ['the same with a longer run of either', 'ABcdEfgHIjklMNopQRstUVwxYZabCDefGH'],
    ['a long run of letters and digits with slashes', 'abc/def+0123456789/ghiJKLmno=='],
  ])('are taken out by their look: %s', (_, key) => {
    for (const message of [`Incorrect value ${key}.`, `{"detail":"no such thing: '${key}'"}`, key, `(${key})`]) {
      const clean = scrub(message);
      expect(clean).toContain('[redacted]');
      // Not even most of it.
      expect(clean).not.toContain(key.slice(4, 14));
    }
  });

  it.each([
    ['Authorization: Bearer hunter2hunter', 'hunter2'],
    ['authorization=Basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
    ['{"x-api-key":"hunter22"}', 'hunter22'],
    ["headers['api-key'] = 'hunter22'", 'hunter22'],
    ['Malformed header: "Bearer hunter2hunter"', 'hunter2'],
    ['The API key provided is hunter22 and it is wrong', 'hunter22'],
    ['GET https://host/v1?key=hunter22&alt=sse', 'hunter22'],
    ['access_token: hunter22', 'hunter22'],
    ['password is "hunter22"', 'hunter22'],
    ['Cookie: session=hunter22', 'hunter22'],
    ['proxy http://user:hunter22@proxy.local:8080 refused', 'hunter22'],
    ['Incorrect API key provided: hunter22.', 'hunter22'],
    ['Sent with Bearer   hunter2hunter', 'hunter2'],
    ['Sent with bearer abc.~+/=', 'abc.'],
    ['api key  :  "hunter22"', 'hunter22'],
    ['authorization: Bearer  hunter22', 'hunter22'],
    ['the api key  provided: hunter22', 'hunter22'],
    ['secrets was: hunter22, token is (hunter23)', 'hunter2'],
  ])('are taken out by what introduces them: %s', (message, secret) => {
    expect(scrub(message)).not.toContain(secret);
  });

  it('are taken out exactly when they are known, also when encoded', () => {
    const secret = 'pa ss/wörd';
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
    for (const form of forms) expect(scrub(`saw ${form} there`, { secrets: [secret] })).toBe('saw [redacted] there');
  });

  it.each(['', 'a:', 'api:', 'user:', 'account:'])(
    'are taken out of base64 whatever stands before them: %j',
    (before) => {
      for (const encoding of ['base64', 'base64url'] as const) {
        for (const after of ['', ':x', ':realm']) {
          const encoded = Buffer.from(`${before}hunter?>22${after}`).toString(encoding);
          const text = `refused (${encoded}) at once`;
          expect(scrub(text, { secrets: ['hunter?>22'] })).toBe('refused ([redacted]) at once');
        }
      }
    },
  );

  it('are taken out where they are part of a user name and password in base64', () => {
    const basic = Buffer.from('api:hunter22').toString('base64');
    expect(scrub(`saw ${basic}`, { secrets: ['hunter22'] })).not.toContain(basic);
  });

  it('are too common to be taken out when they have less than four characters', () => {
    const secrets = ['abc', 'abcd'];
    expect(scrub('saw abcd and abc there', { secrets })).toBe('saw [redacted] and abc there');
  });

  it('leaves sentences as they are', () => {
    for (const sentence of [
      'Sent with bearer in it, or basic auth.',
      'This is theAntidisestablishmentarianismOfThings in one word.',
      'see https://example.com/docs/a: b@c',
      'gpt-5.5 is overloaded (503): try again in 20 s',
      'The model `claude-sonnet-5` does not exist or you do not have access to it.',
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      'Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1.',
      "This model's maximum context length is 128000 tokens.",
      'connect ECONNREFUSED 127.0.0.1:443',
    ]) {
      expect(scrub(sentence)).toBe(sentence);
    }
  });

  it('keeps it short', () => {
    const just = 'word '.repeat(100);
    expect(just).toHaveLength(500);
    expect(scrub(just)).toBe(just);
    expect(scrub(`${just}x`)).toBe(`${just}…`);
    expect(scrub('word '.repeat(10_000))).toBe(`${just}…`);
  });

  it.each([
    ['part of a longer word', 'x_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcD'],
    ['shorter than 28', 'aBcDeFgHiJkLmNoPqRsTuVwXyZa'],
    ['without six changes of case', 'TheQuickBrownFoxJumpsoverthelazydogs'],
  ])('are not seen in letters alone that are %s', (_, word) => {
    expect(scrub(`see ${word} there`)).toBe(`see ${word} there`);
  });

  it('are taken out to the last letter, and nothing else is', () => {
    expect(scrub('see (aBcDeFgHiJkLmNoPqRsTuVwXyZaBcD) there')).toBe('see ([redacted]) there');
    expect(scrub('see aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDef there')).toBe('see [redacted] there');
    expect(scrub('see (0123456789abcdefghij==) there')).toBe('see ([redacted]) there');
  });

  it('looks at the beginning only of what is very long', () => {
    const run = 'word1'.repeat(1_000);
    expect(scrub(`${run} and so on`)).toBe('[redacted]');
    expect(scrub(`${run.slice(0, 1_900)} and so on`)).toBe('[redacted] and so on');
  });
});

describe('the words of a prompt in a text', () => {
  const known = { texts: ['You are a helpful bot.', prompt] };
  const words = ['Bluebird', 'internal code', 'merger', 'whole board'];

  it.each([
    ['quoted', `Invalid content: "${prompt}"`],
    ['quoted twice', `Invalid content: "${prompt}" in "${prompt}"`],
    ['without its ends', `Invalid content: ${prompt.slice(9, -20)}…`],
    ['as JSON', JSON.stringify({ error: { input: prompt } })],
    ['as JSON, without its ends', JSON.stringify(prompt).slice(5, -25)],
    ['in two pieces', `${prompt.slice(0, 60)} […] ${prompt.slice(60)}`],
    ['with white space around it', `  ${prompt}\n\n`],
  ])('are taken out: %s', (_, message) => {
    const clean = scrub(message, known);
    expect(clean).toContain('[prompt]');
    for (const word of words) expect(clean).not.toContain(word);
  });

  it('are taken out wherever they are, also of a prompt that is the same in JSON', () => {
    const plain = 'The bluebird sings at the bottom of the mine, where nobody is meant to hear it.';
    const message = `near "${plain}": invalid input "${plain}", got ${plain.slice(10, 60)}`;
    expect(scrub(message, { texts: [plain] })).toBe('near "[prompt]": invalid input "[prompt]", got [prompt]');
  });

  it('are taken out when the prompt is short', () => {
    expect(scrub("unknown city 'Paris'", { texts: ['Paris'] })).toBe("unknown city '[prompt]'");
  });

  it('leave what is around them', () => {
    expect(scrub(`Invalid content: "${prompt}" at messages[0]`, known)).toBe(
      'Invalid content: "[prompt]" at messages[0]',
    );
  });

  it('are not seen in a message that has none of them', () => {
    const message = "Unsupported value: 'temperature' does not support 0.2 with this model.";
    expect(scrub(message, known)).toBe(message);
  });

  it('are found anywhere in a very long prompt', { tags: ['load'] }, () => {
    const filler = Array.from({ length: 60_000 }, (_, n) => `word${n * 7919}`).join(' ');
    for (const at of [0, 250_000, 400_000]) {
      const long = `${filler.slice(0, at)} ${prompt} ${filler.slice(at)}`;
      expect(long.length).toBeGreaterThan(400_000);
      const clean = scrub(`Invalid content: ${prompt}`, { texts: [long] });
      for (const word of words) expect(clean).not.toContain(word);
    }
  });

  it('are looked for in a time that grows with the prompt and no faster, also when it repeats itself', {
    tags: ['load'],
  }, () => {
    // The worst for a search of repeats: every run of the prompt is everywhere in the message. Quadratic, this takes minutes.
    for (const unit of ['a', 'ab', 'na na ', '.    \n']) {
      const clean = scrub(unit.repeat(5_000), { texts: [unit.repeat(400_000), unit.repeat(10_000)] });
      expect(clean.trim()).toMatch(/^\[prompt\]\W{0,15}$/);
    }
  });
});

describe('textsOf', () => {
  it('finds every string of some length, however deep, once around every circle', () => {
    const value: Record<string, unknown> = {
      ...{ a: 'hello', nothing: null, missing: undefined, count: 7, d: Buffer.from('bytes') },
      b: [{ c: 'world' }, 'abc', null, 'four'],
    };
    value.self = value;
    value.last = 'the end';
    expect(textsOf(value)).toEqual(['hello', 'world', 'four', 'the end']);
  });

  it('leaves names out, which an error should keep', () => {
    expect(textsOf({ model: 'gpt-5.5', role: 'user', type: 'text', text: 'hello', name: 'look' })).toEqual([
      ...['hello', 'look'],
    ]);
  });

  it('has what it found before something threw', () => {
    const thrower = {
      get b(): never {
        throw new Error('in a getter');
      },
    };
    expect(textsOf(['hello', thrower, 'world'])).toEqual(['hello']);
  });

  it('stops at a limit', () => {
    expect(textsOf(['word1', 'word2', 'word3'], 2)).toEqual(['word1', 'word2']);
  });
});
