// Where AWS keys are found when the options have none, each place one function: environment, web identity (IRSA on EKS),
// shared files, the container's endpoint (ECS, EKS Pod Identity), the instance's metadata (EC2, IMDSv2).
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
// In: the environment and a way to ask over HTTP. Out: keys, or undefined where this place does not apply.
// Invariants: replies are capped and checked; what a place answers is never part of an error.

import { readFile } from 'node:fs/promises';
import type { AuthorizeContext, HttpReply } from '@spillway/core';
import { SpillwayError } from '@spillway/core';
import { type Environment, readProfile } from './aws-files.js';
import type { AwsKeys } from './encode/sigv4.js';

/** Keys, and until when they are good. */
export interface FoundKeys extends AwsKeys {
  /** ms since the epoch; unset: no end is known. */
  readonly expiresAt?: number;
}

/** What a place may look at. */
export interface Surroundings {
  readonly env: Environment;
  readonly region: string;
  readonly profile: string | undefined;
  readonly now: number;
  readonly fetch: AuthorizeContext['fetch'];
}

/** One place. */
export type KeySource = (surroundings: Surroundings) => Promise<FoundKeys | undefined>;

/** AWS' own addresses: https outside, plain HTTP only on this machine and its link. */
const containerHosts = /^(localhost|127(\.\d+){3}|\[::1\]|169\.254\.170\.(2|23)|\[fd00:ec2::23\])$/;
/** Files are read again after this time, ms: people and tools write new keys into them. */
const fileLifeMs = 60_000;

/** AWS_ACCESS_KEY_ID and its companions. */
export const fromEnvironment: KeySource = async ({ env }) =>
  keysOf({
    AccessKeyId: env.AWS_ACCESS_KEY_ID,
    SecretAccessKey: env.AWS_SECRET_ACCESS_KEY,
    Token: env.AWS_SESSION_TOKEN,
  });

/** ~/.aws/credentials and ~/.aws/config. */
export const fromFiles: KeySource = async (surroundings) => {
  const { env, now } = surroundings;
  const profile = await readProfile(surroundings.profile ?? (env.AWS_PROFILE || 'default'), env);
  const keys = keysOf({
    AccessKeyId: profile.aws_access_key_id,
    SecretAccessKey: profile.aws_secret_access_key,
    Token: profile.aws_session_token,
  });
  if (keys) return { ...keys, expiresAt: now + fileLifeMs };
  const { role_arn: roleArn, web_identity_token_file: tokenFile, role_session_name: sessionName } = profile;
  return roleArn && tokenFile ? assumeRole({ roleArn, tokenFile, sessionName }, surroundings) : undefined;
};

/** A token of Kubernetes, traded for keys at STS. */
export const fromWebIdentity: KeySource = async (surroundings) => {
  const { env } = surroundings;
  const { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile } = env;
  if (!roleArn || !tokenFile) return undefined;
  return assumeRole({ roleArn, tokenFile, sessionName: env.AWS_ROLE_SESSION_NAME }, surroundings);
};

/** ECS and EKS Pod Identity. */
export const fromContainer: KeySource = async ({ env, fetch }) => {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = env;
  const address = relative ? `http://169.254.170.2${relative}` : full;
  if (!address) return undefined;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || (url.protocol !== 'https:' && !(url.protocol === 'http:' && containerHosts.test(url.hostname)))) {
    throw unusable('AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine');
  }
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile, AWS_CONTAINER_AUTHORIZATION_TOKEN: token } = env;
  const authorization = tokenFile ? await readToken(tokenFile) : token;
  const reply = await fetch(url, { headers: { accept: 'application/json', ...(authorization && { authorization }) } });
  return keysOfReply(reply, 'the container endpoint');
};

/** EC2, by IMDSv2 only: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html */
export const fromInstance: KeySource = async ({ env, fetch }) => {
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') return undefined;
  const v6 = env.AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?.toLowerCase() === 'ipv6';
  const base = env.AWS_EC2_METADATA_SERVICE_ENDPOINT || (v6 ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254');
  const latest = new URL(`${base.replace(/\/+$/, '')}/latest/`);
  const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' };
  const token = await fetch(new URL('api/token', latest), { method: 'PUT', headers: ttl }).catch(() => undefined);
  // Not an instance of EC2, or one whose metadata is closed to us.
  if (token?.status !== 200) return undefined;
  const headers = { 'x-aws-ec2-metadata-token': plain(token.body.toString('latin1'), 'the instance metadata') };
  const roles = new URL('meta-data/iam/security-credentials/', latest);
  const role = await fetch(roles, { headers });
  if (role.status === 404) return undefined;
  if (role.status !== 200) throw answered(role, 'the instance metadata');
  const name = plain(role.body.toString('latin1').split('\n')[0]!, 'the instance metadata');
  return keysOfReply(await fetch(new URL(encodeURIComponent(name), roles), { headers }), 'the instance metadata');
};

interface Role {
  readonly roleArn: string;
  readonly tokenFile: string;
  readonly sessionName: string | undefined;
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html, which needs no signature. */
async function assumeRole(role: Role, { env, region, fetch }: Surroundings): Promise<FoundKeys> {
  const endpoint = env.AWS_ENDPOINT_URL_STS || `https://${awsHost('sts', region)}`;
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role.roleArn,
    RoleSessionName: role.sessionName || 'spillway',
    WebIdentityToken: await readToken(role.tokenFile),
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const reply = await fetch(new URL(endpoint), { method: 'POST', headers, body: Buffer.from(form.toString()) });
  if (reply.status !== 200) throw answered(reply, 'STS');
  const xml = reply.body.toString();
  const element = (name: string) => new RegExp(`<${name}>\\s*([^<\\s]+)\\s*</${name}>`).exec(xml)?.[1];
  const keys = keysOf({
    AccessKeyId: element('AccessKeyId'),
    SecretAccessKey: element('SecretAccessKey'),
    Token: element('SessionToken'),
    Expiration: element('Expiration'),
  });
  if (!keys) throw unusable('STS answered without credentials');
  return keys;
}

/** Hosts of AWS in its usual form; those of China end differently. */
export function awsHost(service: string, region: string): string {
  return `${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function keysOfReply(reply: HttpReply, place: string): FoundKeys {
  if (reply.status !== 200) throw answered(reply, place);
  let found: FoundKeys | undefined;
  try {
    found = keysOf(JSON.parse(reply.body.toString()) as Record<string, unknown>);
  } catch {
    found = undefined;
  }
  if (!found) throw unusable(`${place} answered without credentials`);
  return found;
}

function keysOf(fields: Readonly<Record<string, unknown>>): FoundKeys | undefined {
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = fields;
  if (!isPlain(AccessKeyId) || !isPlain(SecretAccessKey)) return undefined;
  const expiresAt = typeof Expiration === 'string' ? Date.parse(Expiration) : Number.NaN;
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    ...(isPlain(Token) && { sessionToken: Token }),
    ...(Number.isFinite(expiresAt) && { expiresAt }),
  };
}

async function readToken(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SpillwayError('SPILLWAY_CREDENTIALS', 'Cannot read the token file that the environment names for AWS', {
      cause,
    });
  });
  return plain(text.trim(), 'the token file');
}

function isPlain(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,16384}$/.test(value);
}

function plain(text: string, place: string): string {
  if (!isPlain(text)) throw unusable(`${place} holds no token`);
  return text;
}

/** A refusal needs a person; trouble of the place itself passes. */
function answered({ status }: HttpReply, place: string): Error {
  if (status >= 500 || status === 429)
    return Object.assign(new Error(`${place}: ${status}`), { code: `AWS_KEYS_${status}` });
  return unusable(`${place} answered ${status}`);
}

function unusable(what: string): SpillwayError {
  return new SpillwayError('SPILLWAY_CREDENTIALS', `No AWS credentials: ${what}`);
}
