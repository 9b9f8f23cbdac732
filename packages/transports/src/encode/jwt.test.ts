import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signJwt } from './jwt.js';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

describe('a token', () => {
  it('has its parts in base64url, and a signature over them', () => {
    const claims = { iss: 'ü@example.com', iat: 1_700_000_000 };
    const token = signJwt({ header: { kid: 'k1' }, claims }, privateKey);
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(read(header)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
    expect(read(payload)).toEqual(claims);
    const key = createPublicKey(privateKey);
    const checked = (input: string) =>
      verify('RSA-SHA256', Buffer.from(input), key, Buffer.from(signature, 'base64url'));
    expect(checked(`${header}.${payload}`)).toBe(true);
    expect(checked(`${header}.${payload}x`)).toBe(false);
  });
});
