/**
 * How a model is told to think. `budget`: in tokens, off unless asked for (Claude up to 4.5, and what other vendors serve under this
 * API). `adaptive`: by effort. `always`: by effort, and it cannot be turned off (Fable, Mythos).
 */
export type ThinkingStyle = 'budget' | 'adaptive' | 'always';

/** Decided by the name: an API that is asked in the wrong style answers 400 (https://platform.claude.com/docs/en/build-with-claude/thinking). */
export function thinkingStyleOf(model: string): ThinkingStyle {
  const claude = claudeOf(model);
  if (claude === undefined) return 'budget';
  if (claude.family === 'fable' || claude.family === 'mythos') return 'always';
  return claude.version >= 406 ? 'adaptive' : 'budget';
}

/** True for models that take a system message in the middle of the conversation: Claude from Opus 4.8 on. */
export function takesSystemTurns(model: string): boolean {
  return (claudeOf(model)?.version ?? 0) >= 408;
}

/** True for Claude, at whichever cloud: `us.anthropic.claude-opus-4-7`, `claude-sonnet-4-5@20250929`. */
export function isClaude(model: string): boolean {
  return claudeOf(model) !== undefined;
}

/** The version as a number: 4.5 is 405. A date behind the name is none. */
function claudeOf(model: string): { readonly family: string; readonly version: number } | undefined {
  const lower = model.toLowerCase();
  if (!lower.includes('claude')) return undefined;
  const [, family, major, minor] =
    /claude-(opus|sonnet|haiku|fable|mythos)(?:-(\d{1,2})(?!\d)(?:-(\d{1,2})(?!\d))?)?/.exec(lower) ?? [
      undefined,
      'claude',
      undefined,
      undefined,
    ];
  if (major !== undefined) return { family: family as string, version: Number(major) * 100 + Number(minor ?? 0) };
  // Up to Claude 3 the version stood before the family; a name that says nothing is taken for a new one.
  const old = /claude-(?:instant|v?[123]\b)/.test(lower);
  return { family: family as string, version: old ? 300 : 500 };
}
