import type { ErrorCode } from './types.ts';

/** Can another attempt help: nowhere, only at another provider, or also at this one? */
export type RetryJudgement = 'never' | 'elsewhere' | 'again';
/** Who is at fault. Only `provider` counts against a circuit. */
export type Blame = 'provider' | 'caller' | 'transport';

interface Judgement {
  readonly retry: RetryJudgement;
  readonly blame: Blame;
  /** For `docs/errors.md`. */
  readonly meaning: string;
}

/** The error table. Policies read the two judgements, never a status code; `docs/errors.md` is made from it. */
export const errorTable: Readonly<Record<ErrorCode, Judgement>> = {
  overloaded: {
    retry: 'again',
    blame: 'provider',
    meaning: 'The provider has no capacity now: 503, 529, 498, overload events.',
  },
  server_error: { retry: 'again', blame: 'provider', meaning: 'The provider failed: other 5xx, 408, 409.' },
  connection: {
    retry: 'again',
    blame: 'provider',
    meaning: 'No connection, or it was lost: DNS, TLS, refused, reset.',
  },
  timeout: {
    retry: 'again',
    blame: 'provider',
    meaning: 'No first content in time, or silence between chunks before anything was delivered.',
  },
  bad_response: {
    retry: 'again',
    blame: 'provider',
    meaning: 'The answer could not be read: malformed, or an error inside a 200.',
  },
  empty_response: { retry: 'again', blame: 'provider', meaning: 'The answer ended normally with nothing in it.' },
  truncated: { retry: 'again', blame: 'provider', meaning: 'The answer ended without its terminal event.' },
  rate_limited: {
    retry: 'again',
    blame: 'caller',
    meaning: '429 with a way back: the provider is left alone until then.',
  },
  quota_exhausted: {
    retry: 'elsewhere',
    blame: 'caller',
    meaning: '429 or 402 with no way back (money, daily quota): the provider is quarantined.',
  },
  authentication: {
    retry: 'elsewhere',
    blame: 'caller',
    meaning: 'The key is not accepted: the provider is quarantined.',
  },
  permission: {
    retry: 'elsewhere',
    blame: 'caller',
    meaning: 'The key has no access to this model: the provider is quarantined.',
  },
  unsupported: {
    retry: 'elsewhere',
    blame: 'caller',
    meaning: 'This provider does not know the model or the feature.',
  },
  context_length_exceeded: { retry: 'elsewhere', blame: 'caller', meaning: 'The prompt is too long for this model.' },
  circuit_open: {
    retry: 'elsewhere',
    blame: 'transport',
    meaning: 'Refused here because the provider is failing; nothing was sent.',
  },
  queue_full: {
    retry: 'elsewhere',
    blame: 'transport',
    meaning: 'Refused here because too many calls wait, or the line was dissolved; nothing was sent.',
  },
  invalid_request: {
    retry: 'never',
    blame: 'caller',
    meaning: 'The request is wrong: other 4xx, or found before anything was sent.',
  },
  content_filtered: {
    retry: 'never',
    blame: 'caller',
    meaning: 'Refused by policy. Another vendor is asked only with `retry.contentFiltered: "elsewhere"`.',
  },
  schema_mismatch: { retry: 'again', blame: 'caller', meaning: "The answer does not match the request's schema." },
  stream_interrupted: {
    retry: 'never',
    blame: 'provider',
    meaning: 'A stream broke after it was answered; `partial` has what had arrived, `cause` the original error.',
  },
  budget_exceeded: {
    retry: 'never',
    blame: 'caller',
    meaning: 'A spending limit of yours was reached; nothing was sent.',
  },
  deadline_exceeded: { retry: 'never', blame: 'caller', meaning: '`timeoutMs` is over.' },
  cancelled: { retry: 'never', blame: 'caller', meaning: 'Your signal was aborted, or you left the stream.' },
  no_provider: {
    retry: 'never',
    blame: 'transport',
    meaning: "Nobody is left to ask; `cause` is the last attempt's error.",
  },
  middleware: {
    retry: 'never',
    blame: 'transport',
    meaning:
      'A middleware, a strategy or a schema of yours threw (`cause` says what), or a strategy chose no candidate.',
  },
  closed: { retry: 'never', blame: 'transport', meaning: 'The transport was closed.' },
  internal: { retry: 'never', blame: 'transport', meaning: 'A bug in the transport or an adapter; `cause` says what.' },
};
