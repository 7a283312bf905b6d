/** Sentences of providers that say more than their codes do. Matched against the provider's text without the caller's words. */
export const texts = {
  contextLength:
    /prompt is too long|maximum context length|context[ _-]?(?:length|window|size)|exceed context limit|input token count.{0,80}exceed|(?:input|prompt|request) (?:is )?too (?:long|large)|too many (?:input |total )?tokens|exceed(?:s|ed)? (?:the )?(?:model'?s? )?(?:maximum|max|token) (?:number of )?(?:input |prompt )?(?:tokens?|limit|length)|(?:tokens?|prompt|input|messages?) (?:exceeds?|exceeded|longer than|greater than)|payload size exceeds|reduce (?:the length|your prompt)/i,
  tooLargeForLimit: /request too large|requested tokens? exceeds?|larger than the (?:rate )?limit/i,
  authentication:
    /(?:incorrect|invalid|wrong|missing|expired|revoked|malformed|no) (?:api[ _-]?key|x-api-key|(?:auth(?:entication|orization)?|bearer|access) ?(?:token|key|header|credentials?)|credentials|subscription key)|api[ _-]?key (?:is )?(?:not valid|not found|invalid|expired|missing|was reported|has been|provided is)|\bunauthori[sz]ed\b|not authenticated|authentication (?:failed|required)|didn'?t provide an api key|no auth credentials|reported as leaked|unregistered callers|\binvalid_grant\b/i,
  money:
    /insufficient_quota|insufficient (?:credit|fund|balance|quota)|(?:credit|account) balance|balance (?:is )?(?:too low|insufficient|not enough)|(?:out of|no|not have (?:any )?|not enough|exhausted (?:your|its|all)?(?: \w+)*|more|requires) credits|add (?:more )?credits|purchase (?:more )?credits|payment required|billing (?:hard limit|details are|is (?:not active|disabled))|(?:monthly |hard |spend(?:ing)? |usage )+(?:limit|cap)|exceeded (?:your )?budget|past[- ]due|arrearage|used all available credits|specified (?:\w+ )?(?:api )?usage limits|regain access on|enable billing/i,
  /** Google's way to say that a model is not in the free tier; its "retry in 40s" means nothing then. */
  noQuota: /\blimit: 0(?![\d.])/i,
  longWindow: /per[- ]?(?:day|week|month)|\b[RT]PD\b|daily|monthly|\/ ?(?:day|month)\b|free-models-per-day/i,
  overloaded:
    /overloaded|over capacity|at capacity|no capacity|capacity exceeded|(?:not enough|insufficient) (?:capacity|resources?)|currently loading|is loading|no (?:healthy|available) (?:upstream|instances?|servers?)|slow down|high demand/i,
  contentFilter:
    /content (?:management|filter|policy|moderation|exists risk)|content_(?:policy|filter)|safety (?:system|filter|polic|guideline)|(?:violat\w+|against) (?:\w+ ){0,6}(?:polic|guideline|terms)|usage polic|(?:was|were|been|is) (?:flagged|blocked) (?:by|as|for|due)|input flagged|flagged (?:by|as|for)|moderation|inappropriate content|responsible ai|prohibited (?:content|use)/i,
  modelUnknown:
    /(?:model|deployment|engine)\b.{0,120}?\b(?:not found|does not exist|doesn'?t exist|not exist|unknown|not available|unavailable for|no longer (?:available|supported)|deprecated|decommissioned|retired|not a valid|is not valid|not recogni[sz]ed)|(?:unknown|no such|invalid|unsupported) model|not a valid model|no endpoints found|not a chat model|no allowed providers/i,
  modelLacks:
    /(?:model|deployment|endpoint)\b.{0,160}?\b(?:does not|doesn'?t|do not|cannot|can'?t|is not able to) (?:support|accept|use|process|handle)|(?:not supported|unsupported|not available|isn'?t supported)\b.{0,40}? (?:by|with|for|in|on) (?:this|the|your|selected|requested|that) (?:\w+ )?(?:model|deployment)|(?:not supported|unsupported|not available) (?:by|with|for|in|on) (?:model|deployment)|(?:deprecated|removed) for this model|maximum allowed number of output tokens for|schemas? (?:is too complex|contains? too many)|image exceeds .{1,20} maximum|(?:does not|doesn'?t) support (?:tools?|functions?|images?|vision|audio|files?|documents?|json|output|structured|reasoning|thinking|system)\b|no endpoints found that support|only works in thinking mode|response mime type.{0,60}unsupported|is not enabled for (?:models?\/|this model)/i,
  elsewhereOnly: /location is not supported|(?:country|region|territory)\b.{0,40}not (?:supported|available)/i,
  accountClosed:
    /(?:account|organi[sz]ation|project|access)\b.{0,40}\b(?:suspended|disabled|deactivated|banned|terminated|restricted)/i,
  rateLimit: /rate[ -]?limit|too many requests|quota exceeded|throttl/i,
  inFlightBudget: /in[_ -]flight[_ -]budget/i,
  streaming:
    /must be verified to stream|verif\w+ .{0,60}\bstream|\bstream(?:ing)?\b['"`]? (?:mode |responses? )?(?:is |are )?(?:not|un)[ -]?(?:supported|available|allowed|enabled)|(?:does not|doesn'?t|not) support stream(?:ing)?\b|unsupported (?:value|parameter)s?:? ['"`]?stream['"`]?(?![_\w])/i,
} as const satisfies Readonly<Record<string, RegExp>>;
