// Where a Redis listens and as whom to log in: `redis://user:password@host:6379/2`, `rediss://…` with TLS, `unix:///path`.
// In: what the user wrote. Out: its parts; undefined when it is none, or has parts that mean nothing here.

import { addressOf, type StreamAddress, type StreamSchemes } from '@spillway/core';

const schemes: StreamSchemes = {
  redis: { over: 'tcp', port: 6379 },
  rediss: { over: 'tls', port: 6379 },
  unix: { over: 'unix' },
};

/** The parts of a Redis URL. */
export interface RedisPlace {
  readonly address: StreamAddress;
  /** The URL without credentials and database. */
  readonly shown: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number | undefined;
}

/** The parts of a Redis URL. */
export function redisPlace(text: string): RedisPlace | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const username = decoded(url.username);
  const password = decoded(url.password);
  const [, digits] = url.protocol === 'unix:' ? [] : (/^\/(\d{1,9})\/?$/.exec(url.pathname) ?? []);
  if (url.protocol !== 'unix:' && digits === undefined && url.pathname.length > 1) return undefined;
  url.username = '';
  url.password = '';
  if (digits !== undefined) url.pathname = '';
  const address = addressOf(url.href, schemes);
  if (!address || username === undefined || password === undefined) return undefined;
  return {
    address,
    shown: url.href,
    username: username || undefined,
    password: password || undefined,
    database: digits === undefined ? undefined : Number(digits),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
