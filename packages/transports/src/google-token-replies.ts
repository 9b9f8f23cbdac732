// What Google's token endpoints, and those of others that identities come from, answer.
// In: a reply. Out: a token or text, checked; or an error that says who answered what, but nothing of what it holds.

import { type HttpReply, SpillwayError } from '@spillway/core';
import type { GoogleToken } from './google-key.js';

/** Lives of tokens, ms: none is kept for longer than a day, whatever is promised. */
const maxLifeMs = 86_400_000;

/** A token as OAuth 2.0 gives it (RFC 6749, section 5.1). */
export function tokenOfReply(reply: HttpReply, now: number, place: string): GoogleToken {
  const { access_token: token, expires_in: seconds } = objectOfReply(reply, place);
  if (!isPlain(token)) throw unusable(`${place} answered without a token`);
  const life = typeof seconds === 'number' && seconds > 0 ? Math.min(seconds * 1000, maxLifeMs) : 0;
  return { token, expiresAt: now + life };
}

/** The object that a 200 holds. */
export function objectOfReply(reply: HttpReply, place: string): Readonly<Record<string, unknown>> {
  return parseObject(textOfReply(reply, place), place);
}

/** The text that a 200 holds. A refusal needs a person; trouble of the place itself passes. */
export function textOfReply({ status, body }: HttpReply, place: string): string {
  if (status === 200) return body.toString();
  if (status >= 500 || status === 429) {
    throw Object.assign(new Error(`${place}: ${status}`), { code: `GOOGLE_TOKEN_${status}` });
  }
  // RFC 6749, section 5.2: a word such as invalid_grant, which tells a wrong key from a wrong clock or a wrong account.
  const word = /"error"\s*:\s*"(\w{1,64})"/.exec(body.toString('utf8', 0, 4096))?.[1];
  throw unusable(`${place} answered ${status}${word ? ` ${word}` : ''}`);
}

/** An object of JSON text. */
export function parseObject(text: string, place: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {}
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw unusable(`${place} answered something else than JSON`);
}

/** Text that may stand in a header. */
export function isPlain(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,16384}$/.test(value);
}

/** There are no credentials to be had here. */
export function unusable(what: string): SpillwayError {
  return new SpillwayError('SPILLWAY_CREDENTIALS', `No Google credentials: ${what}`);
}
