// JSON Web Tokens signed with RSA and SHA-256 (RFC 7515, RFC 7519), as token endpoints take them for an assertion.
// In: claims, a key. Out: a token. Pure: the clock is the caller's. The key never leaves except as a signature.

import { type KeyObject, sign } from 'node:crypto';

/** Header members beside `alg` and `typ`, such as `kid`; claims. */
export interface JwtParts {
  readonly header: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, string | number>>;
}

/** A signed token. */
export function signJwt({ header, claims }: JwtParts, key: KeyObject): string {
  const input = [{ alg: 'RS256', typ: 'JWT', ...header }, claims]
    .map((part) => base64url(JSON.stringify(part)))
    .join('.');
  return `${input}.${signRs256(input, key)}`;
}

/** The signature of a token's first two parts. */
function signRs256(input: string, key: KeyObject): string {
  return sign('RSA-SHA256', Buffer.from(input), key).toString('base64url');
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
