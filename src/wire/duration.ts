const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const piece = /(\d+(?:\.\d+)?|\.\d+)\s*([a-zµμ]+)/giy;

/**
 * Milliseconds, rounded up, of a duration as Go prints it (`6m0s`, `20m52.666s`, `261ms`, `11.354999999s`;
 * https://pkg.go.dev/time#Duration.String), also with the units spelled out (`1 minute 20 seconds`). `undefined` when it is none.
 */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  let total = 0;
  let at = 0;
  while (at < trimmed.length) {
    while (trimmed[at] === ' ' || trimmed[at] === ',') at += 1;
    piece.lastIndex = at;
    const match = piece.exec(trimmed);
    if (match === null) return undefined;
    const unit = unitOf(match[2] ?? '');
    if (unit === undefined) return undefined;
    total += Number(match[1]) * unit;
    at = piece.lastIndex;
  }
  if (trimmed === '' || !Number.isFinite(total)) return undefined;
  // 1.1 × 1000 is not exactly 1100: a millionth of a millisecond must not become a whole one.
  return Math.max(0, Math.ceil(total - 1e-6));
}

function unitOf(word: string): number | undefined {
  const lower = word.toLowerCase();
  const short = unitMs[lower];
  if (short !== undefined) return short;
  if (/^(?:milliseconds?|msecs?|millis)$/.test(lower)) return 1;
  if (/^(?:seconds?|secs?)$/.test(lower)) return 1_000;
  if (/^(?:minutes?|mins?)$/.test(lower)) return 60_000;
  if (/^(?:hours?|hrs?)$/.test(lower)) return 3_600_000;
  if (/^days?$/.test(lower)) return 86_400_000;
  return undefined;
}

/** A run of durations inside a sentence, for building patterns: `20s`, `1m2s`, `6 minutes`. */
export const durationPattern =
  '(?:\\d+(?:\\.\\d+)?\\s*(?:milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|[smhd])(?![a-z])\\s*)+';
