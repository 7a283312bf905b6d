import type { ErrorCode } from '../core/types.ts';
import { normalisedCode } from './error-body.ts';

/**
 * What machine-readable codes, types and reasons mean, over all vendors. Generic ones (`invalid_request_error`,
 * `INVALID_ARGUMENT`) are absent on purpose: with those the status and the text decide.
 */
const meanings: Readonly<Partial<Record<ErrorCode, string>>> = {
  content_filtered: `
    content_filter content_policy_violation content_filtered ResponsibleAIPolicyViolation moderation_blocked
    safety_violation data_inspection_failed DataInspectionFailed content_moderation content_blocked
    cyber_policy_violation sensitive_content guardrail_intervened bio_policy misalignment_policy_violation
    image_content_policy_violation`,
  authentication: `
    invalid_api_key API_KEY_INVALID API_KEY_EXPIRED authentication_error invalid_authentication
    UNAUTHENTICATED unauthorized invalid_token account_deactivated UnrecognizedClientException
    ExpiredTokenException InvalidSignatureException IncompleteSignature ACCESS_TOKEN_EXPIRED
    invalid_credentials PermissionDeniedInvalidKey AI_LoadAPIKeyError missing_api_key OAuthError
    SubjectTokenProviderError MODEL_AUTHENTICATION`,
  quota_exhausted: `
    insufficient_quota billing_not_active billing_hard_limit_reached billing_error credit_balance_exhausted
    usage_limit_exceeded usage_limit_reached project_spend_limit_exceeded organization_spend_limit_exceeded
    organization_usage_limit_exceeded contract_spend_limit_reached enforced_spend_limit_reached
    linked_organization_spend_limit_reached linked_organization_billing_unavailable billing_unavailable
    BILLING_DISABLED insufficient_credits insufficient_balance insufficient_funds payment_required
    ServiceQuotaExceededException spend_limit_exceeded dailyLimitExceeded quota_exceeded_daily`,
  context_length_exceeded: `
    context_length_exceeded TOO_MANY_TOKENS string_above_max_length request_too_large prompt_too_long
    context_window_exceeded model_context_window_exceeded tokens_limit_reached
    exceed_context_size_error`,
  overloaded: `
    overloaded_error overloaded server_overloaded engine_overloaded slow_down service_unavailable
    UNAVAILABLE ServiceUnavailableException ServiceUnavailable flex_unavailable resource_unavailable
    capacity_exceeded service_tier_capacity_exceeded ModelNotReadyException over_capacity model_overloaded
    NoCapacity insufficient_system_resource service_unavailable_error`,
  rate_limited: `
    rate_limit_exceeded rate_limit_error RateLimitReached rate_limited too_many_requests ThrottlingException
    TooManyRequestsException throttled ramp_limit_exceeded in_flight_budget_exhausted rateLimitExceeded
    userRateLimitExceeded RESOURCE_EXHAUSTED MODEL_RATE_LIMIT`,
  unsupported: `
    model_not_found DeploymentNotFound not_found_error model_decommissioned model_not_available
    model_deprecated unsupported_model unknown_model ResourceNotFoundException NOT_FOUND invalid_model
    model_not_supported OperationNotSupported UNIMPLEMENTED image_dimensions_too_large AI_NoSuchModelError
    AI_UnsupportedFunctionalityError MODEL_NOT_FOUND data_residency_mismatch image_too_large image_too_small
    image_file_too_large unsupported_image_media_type failed_to_download_image`,
  permission: `
    permission_error PERMISSION_DENIED permission_denied AccessDeniedException
    unsupported_country_region_territory access_denied forbidden SERVICE_DISABLED API_KEY_SERVICE_BLOCKED
    API_KEY_HTTP_REFERRER_BLOCKED API_KEY_IP_ADDRESS_BLOCKED project_denied model_access_denied
    organization_on_hold cmek_key_disabled cmek_key_network_blocked`,
  server_error: `
    timeout_error request_timeout DEADLINE_EXCEEDED ModelTimeoutException gateway_timeout
    server_error api_error internal_error internal_server_error INTERNAL InternalServerException
    ModelErrorException ModelStreamErrorException model_error provider_error bad_gateway ABORTED
    cmek_key_unreachable cmek_context_unavailable InternalServerError vector_store_timeout upstream_error`,
  bad_response: `
    tool_use_failed json_validate_failed AI_TypeValidationError AI_JSONParseError
    AI_InvalidResponseDataError`,
  invalid_request: `
    invalid_request bad_request BadRequestError validation_error ValidationException FAILED_PRECONDITION
    OUT_OF_RANGE AI_InvalidPromptError AI_InvalidArgumentError invalid_prompt invalid_image invalid_image_format
    invalid_base64_image invalid_image_url image_parse_error invalid_image_mode empty_image_file
    image_file_not_found`,
};

const byCode: ReadonlyMap<string, ErrorCode> = new Map(
  Object.entries(meanings).flatMap(([meaning, codes]) =>
    codes
      .trim()
      .split(/\s+/)
      .map((code) => [normalisedCode(code), meaning as ErrorCode] as const),
  ),
);

/** What the codes mean, each of them; a code that says nothing is left out. */
export function meaningsOf(codes: readonly string[]): ReadonlySet<ErrorCode> {
  const found = new Set<ErrorCode>();
  for (const code of codes) {
    const meaning = byCode.get(code);
    if (meaning !== undefined) found.add(meaning);
  }
  return found;
}
