// What a credentials file is traded for, by its type: an assertion signed with a service account's key, a refresh token of
// gcloud, a token of somebody else's that Google trusts (workload identity federation).
// In: the members of the file, a way to ask over HTTP. Out: a token.
// Invariants: secrets go to https addresses only, or to this machine; nothing of the file is part of an error.
// https://google.aip.dev/auth/4112 (service accounts), 4113 (people), 4117 (external accounts)

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { signJwt } from './encode/jwt.js';
import { type GoogleKey, type GoogleSurroundings, type GoogleToken, scope } from './google-key.js';
import { isPlain, objectOfReply, parseObject, textOfReply, tokenOfReply, unusable } from './google-token-replies.js';

/** Life of an assertion and of an impersonated token, s: the longest that Google takes. */
const lifeSeconds = 3600;
/** This machine and the platform's own addresses, where plain HTTP reaches nobody else. */
const nearby = /^(localhost|127(\.\d+){3}|\[::1\]|169\.254(\.\d+){2}|\[fd00:ec2::254\]|metadata\.google\.internal)$/;
const wholePlatform = 'https://www.googleapis.com/auth/cloud-platform';

type Exchange = (key: GoogleKey, surroundings: GoogleSurroundings) => Promise<GoogleToken>;

/** Trades the contents of a credentials file for a token. */
export function exchangeKey(key: GoogleKey, surroundings: GoogleSurroundings): Promise<GoogleToken> {
  const exchange = Object.hasOwn(exchanges, String(key.type)) ? exchanges[String(key.type)] : undefined;
  if (!exchange) throw unusable(`a file of another type than ${Object.keys(exchanges).join(', ')}`);
  return exchange(key, surroundings);
}

/** RFC 7523, section 2.1. */
const serviceAccount: Exchange = async (key, { now, fetch }) => {
  const endpoint = addressOf(key.token_uri ?? 'https://oauth2.googleapis.com/token', 'token_uri');
  const iat = Math.floor(now / 1000);
  const claims = { iss: textOf(key, 'client_email'), scope, aud: endpoint.href, iat, exp: iat + lifeSeconds };
  const header = typeof key.private_key_id === 'string' ? { kid: key.private_key_id } : {};
  const assertion = signJwt({ header, claims }, privateKey(textOf(key, 'private_key')));
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
  return tokenOfReply(await fetch(endpoint, formOf(form)), now, 'the token endpoint');
};

/** What `gcloud auth application-default login` leaves behind. */
const person: Exchange = async (key, { now, fetch }) => {
  const endpoint = addressOf(key.token_uri ?? 'https://oauth2.googleapis.com/token', 'token_uri');
  const form = {
    grant_type: 'refresh_token',
    client_id: textOf(key, 'client_id'),
    client_secret: textOf(key, 'client_secret'),
    refresh_token: textOf(key, 'refresh_token'),
  };
  const token = tokenOfReply(await fetch(endpoint, formOf(form)), now, 'the token endpoint');
  return isPlain(key.quota_project_id) ? { ...token, userProject: key.quota_project_id } : token;
};

/** RFC 8693, then the service account that stands behind the identity, if there is one. */
const externalAccount: Exchange = async (key, surroundings) => {
  const { now, fetch } = surroundings;
  const endpoint = addressOf(key.token_url ?? 'https://sts.googleapis.com/v1/token', 'token_url');
  const impersonated = key.service_account_impersonation_url;
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: textOf(key, 'audience'),
    // Who acts for somebody else needs the right to ask for that; what it then gets is as narrow as ever.
    scope: impersonated === undefined ? scope : wholePlatform,
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: await subjectToken(key, surroundings),
    subject_token_type: textOf(key, 'subject_token_type'),
  };
  const token = tokenOfReply(await fetch(endpoint, formOf(form)), now, 'the security token service');
  return impersonated === undefined ? token : impersonate(token, impersonated, surroundings);
};

/** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
async function impersonate({ token }: GoogleToken, url: unknown, { fetch }: GoogleSurroundings): Promise<GoogleToken> {
  const place = 'the impersonation endpoint';
  const reply = await fetch(addressOf(url, 'service_account_impersonation_url'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: Buffer.from(JSON.stringify({ scope: [scope], lifetime: `${lifeSeconds}s` })),
  });
  const { accessToken, expireTime } = objectOfReply(reply, place);
  const expiresAt = typeof expireTime === 'string' ? Date.parse(expireTime) : Number.NaN;
  if (!isPlain(accessToken) || !Number.isFinite(expiresAt)) throw unusable(`${place} answered without a token`);
  return { token: accessToken, expiresAt };
}

/** The token of somebody else's, from a file (Kubernetes) or an address (Azure). */
async function subjectToken({ credential_source: source }: GoogleKey, { fetch }: GoogleSurroundings): Promise<string> {
  const { file, url, headers, format } = isObject(source) ? source : {};
  const place = 'the source of the subject token';
  let text: string;
  if (typeof file === 'string') {
    text = await readFile(file, 'utf8').catch((cause: { code?: unknown }) => {
      throw unusable(`cannot read the file of the subject token (${cause.code})`);
    });
  } else if (url !== undefined) {
    const given = isObject(headers)
      ? Object.entries(headers).map(([name, value]) => [name.toLowerCase(), `${value}`])
      : [];
    text = textOfReply(
      await fetch(addressOf(url, 'credential_source.url'), { headers: Object.fromEntries(given) }),
      place,
    );
  } else throw unusable('subject tokens are read from files and addresses only');
  const { type, subject_token_field_name: field } = isObject(format) ? format : {};
  const token = type === 'json' ? parseObject(text, place)[String(field)] : text.trim();
  if (typeof token !== 'string' || token === '' || token.length > 65_536) throw unusable(`${place} holds no token`);
  return token;
}

const exchanges: Readonly<Record<string, Exchange>> = {
  service_account: serviceAccount,
  authorized_user: person,
  external_account: externalAccount,
};

function privateKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {}
  throw unusable('`private_key` is not an RSA key in PEM form');
}

function addressOf(text: unknown, member: string): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === 'https:' || (url.protocol === 'http:' && nearby.test(url.hostname)))) return url;
  throw unusable(`\`${member}\` is neither https nor on this machine`);
}

function textOf(key: GoogleKey, member: string): string {
  const value = key[member];
  if (typeof value === 'string' && value !== '') return value;
  throw unusable(`the credentials file has no \`${member}\``);
}

function formOf(fields: Readonly<Record<string, string>>) {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { method: 'POST', headers, body: Buffer.from(new URLSearchParams(fields).toString()) } as const;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
