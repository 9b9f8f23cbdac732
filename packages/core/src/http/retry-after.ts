// Reads Retry-After (RFC 9110, section 10.2.3).
// In: reply headers. Out: milliseconds to wait, or nothing when the destination did not say or what it said is garbage.
// Dates are measured against the reply's own Date header, so a wrong clock on either side does not matter.

/** Longest wait that a destination may ask for: 5 minutes. */
const maxRetryAfterMs = 300_000;

/** Milliseconds to wait before the next attempt, from 0 to {@link maxRetryAfterMs}. */
export function retryAfterMs(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['retry-after']?.trim();
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return clamp(Number(value) * 1000);
  // Date.parse takes almost anything, even "-5": only the shapes of HTTP dates count.
  if (!/^[A-Za-z]{3,9},? /.test(value)) return undefined;
  const at = Date.parse(value);
  const sent = Date.parse(headers.date ?? '');
  return Number.isNaN(at) || Number.isNaN(sent) ? undefined : clamp(at - sent);
}

function clamp(ms: number): number {
  return Math.min(Math.max(Math.round(ms), 0), maxRetryAfterMs);
}
