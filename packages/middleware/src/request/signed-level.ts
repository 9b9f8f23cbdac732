// One request may be logged in more detail than the rest: if it carries a header that we signed and that has not expired.
// In: the header of a request. Out: a level, or nothing for whatever is not exactly ours.
// Invariants: the signature covers level and expiry and is compared in constant time; a lifetime beyond the maximum is refused,
// so that a leaked header ends; the text of the header never reaches a log.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { isLevelName, LEVEL_NAMES, type LevelName } from '../levels.js';
import { option, optionError } from '../option-error.js';

/** Who may ask for a level. */
export interface SignedLevelOptions {
  /** The key that signs, of at least 16 characters; several while a new one is rolled out. */
  readonly secret: string | readonly string[];
  /**
   * Name of the header.
   * @default 'x-log-level'
   */
  readonly header?: string;
  /**
   * Longest time, in milliseconds, that a header may still be valid for.
   * @default 86400000
   */
  readonly maxLifetimeMs?: number;
}

/** Reads the header of a request. */
export interface SignedLevel {
  /** Name of the header, lowercase. */
  readonly header: string;
  /** The level that the header asks for, if it is ours and in time. */
  read(value: string): LevelName | undefined;
}

const DAY_MS = 86_400_000;
// level.seconds.signature: an HMAC of 32 bytes is 43 characters of base64url.
const TOKEN = /^(trace|debug|info|warn|error|fatal)\.(\d{1,12})\.([\w-]{43})$/;

function signature(secret: string, level: string, expires: number): Buffer {
  return createHmac('sha256', secret).update(`spillway-log-level\n${level}\n${expires}`).digest();
}

function secretsOf(secret: unknown): readonly string[] {
  const secrets = Array.isArray(secret) ? (secret as unknown[]) : [secret];
  const usable = secrets.every((one) => typeof one === 'string' && one.length >= 16);
  // The error must not show what was given.
  if (!usable || secrets.length === 0)
    throw optionError('secret', 'a string of at least 16 characters, or several', {});
  return secrets as string[];
}

/**
 * Lets single requests ask for a level with a header made by `signLevel`.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 */
export function signedLevel(options: SignedLevelOptions): SignedLevel {
  option.known(options, ['secret', 'header', 'maxLifetimeMs'], 'signedLevel');
  const secrets = secretsOf(options.secret);
  const maxLifetimeMs = option.integer(options.maxLifetimeMs ?? DAY_MS, 'signedLevel.maxLifetimeMs', 1, 31 * DAY_MS);
  return {
    header: option.string(options.header ?? 'x-log-level', 'signedLevel.header').toLowerCase(),
    read(value) {
      const parts = TOKEN.exec(value);
      if (parts === null) return undefined;
      const [, level, seconds, given] = parts as unknown as [string, LevelName, string, string];
      const leftMs = Number(seconds) * 1000 - Date.now();
      if (leftMs <= 0 || leftMs > maxLifetimeMs + 1000) return undefined;
      const bytes = Buffer.from(given, 'base64url');
      const ours = secrets.some((secret) => {
        const expected = signature(secret, level, Number(seconds));
        return expected.length === bytes.length && timingSafeEqual(expected, bytes);
      });
      return ours ? level : undefined;
    },
  };
}

/**
 * Makes the value of the header.
 * @param level the least level of lines that the request is logged with
 * @param secret the key, the same as the service's
 * @param lifetimeMs how long the header is good for, in milliseconds, rounded up to seconds
 * @example curl -H "x-log-level: $(node -p "require('@spillway/middleware').signLevel('debug', process.env.KEY, 600000)")" …
 */
export function signLevel(level: LevelName, secret: string, lifetimeMs: number): string {
  if (!isLevelName(level)) throw optionError('level', `one of ${LEVEL_NAMES.join(', ')}`, level);
  const [key] = secretsOf(secret);
  const expires = Math.ceil((Date.now() + option.number(lifetimeMs, 'lifetimeMs', 1, 31 * DAY_MS)) / 1000);
  return `${level}.${expires}.${signature(key!, level, expires).toString('base64url')}`;
}
