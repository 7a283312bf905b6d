export type {
  Attempt,
  BudgetOptions,
  BudgetState,
  PricedUsage,
  PriceOf,
  UsageBy,
  UsageGroup,
  UsageSum,
} from './core/accounting-types.ts';
export { contextKey } from './core/context.ts';
export { type Blame, errorTable, type RetryJudgement } from './core/error-table.ts';
export {
  type ErrorSummary,
  OptionsError,
  type PartialAnswer,
  streamingRefused,
  TransportError,
  type TransportErrorFields,
} from './core/errors.ts';
export type { TransportEvent } from './core/events.ts';
export { hold, mapChunks, replyFrom } from './core/reply.ts';
export { messagesOf } from './core/request.ts';
export type { TransactionOptions, TransactionStore } from './core/transaction-types.ts';
export type {
  CallInfo,
  CallOptions,
  Candidate,
  Capability,
  Chunk,
  CircuitBreakerOptions,
  Completion,
  CompletionRequest,
  CompletionStream,
  Context,
  ContextEntry,
  ContextKey,
  ErrorCode,
  FilePart,
  FinishReason,
  Handler,
  HealthSnapshot,
  HedgeOptions,
  ImagePart,
  JsonSchema,
  Limits,
  Message,
  Middleware,
  Mount,
  Outcome,
  Priority,
  Provider,
  ProviderAnswer,
  RateLimitOptions,
  ReceivedFacts,
  Reply,
  ResumeOptions,
  RetryOptions,
  Schema,
  SchemaOption,
  Strategy,
  TextPart,
  TimeoutOptions,
  Tool,
  ToolCall,
  ToolChoice,
  Traits,
  Transport,
  TransportOptions,
  Usage,
  ValidateOptions,
} from './core/types.ts';
export { type Budget, budget } from './middleware/budget.ts';
export { leastBusy } from './routing/least-busy.ts';
export { lowestLatency } from './routing/lowest-latency.ts';
export { priority } from './routing/priority.ts';
export { roundRobin } from './routing/round-robin.ts';
export { weighted } from './routing/weighted.ts';
export { createTransport } from './transport.ts';
export { type NamedCall, type WrapOptions, type Wrapped, type WrappedCall, wrap } from './wrap.ts';
