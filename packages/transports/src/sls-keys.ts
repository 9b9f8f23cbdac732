// Where keys of Alibaba Cloud are found when the options have none: the environment, an address that hands them out, the
// RAM role of an ECS instance. https://www.alibabacloud.com/help/en/sdk/developer-reference/v2-manage-node-js-access-credentials
// In: the environment and a way to ask over HTTP. Out: keys. What a place answers is never part of an error.

import { type AuthorizeContext, type HttpReply, SpillwayError } from '@spillway/core';
import type { Ending } from './renewed.js';
import type { SlsKeys } from './sls-signature.js';

/** What a search may look at. */
export interface SlsSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: number;
  readonly fetch: AuthorizeContext['fetch'];
}

type Found = SlsKeys & Ending;

const metadata = 'http://100.100.100.200/latest';

/** Finds keys.
 * @throws SpillwayError `SPILLWAY_CREDENTIALS` when there are none
 */
export async function findSlsKeys(surroundings: SlsSurroundings): Promise<Found> {
  const { env, fetch } = surroundings;
  const given = keysOf({
    AccessKeyId: env.ALIBABA_CLOUD_ACCESS_KEY_ID,
    AccessKeySecret: env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
    SecurityToken: env.ALIBABA_CLOUD_SECURITY_TOKEN,
  });
  if (given) return given;
  const address = env.ALIBABA_CLOUD_CREDENTIALS_URI;
  if (address) {
    if (!URL.canParse(address)) throw unusable('ALIBABA_CLOUD_CREDENTIALS_URI is no address');
    return keysOfReply(await fetch(new URL(address), {}), 'ALIBABA_CLOUD_CREDENTIALS_URI');
  }
  if (env.ALIBABA_CLOUD_ECS_METADATA_DISABLED?.toLowerCase() === 'true') throw unusable('none in the environment');
  return fromInstance(surroundings);
}

/** https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata, in the mode that asks for a token first. */
async function fromInstance({ env, fetch }: SlsSurroundings): Promise<Found> {
  const place = "the instance's metadata";
  const ttl = { 'x-aliyun-ecs-metadata-token-ttl-seconds': '21600' };
  const token = await fetch(new URL(`${metadata}/api/token`), { method: 'PUT', headers: ttl }).catch(
    (cause: unknown) => {
      throw new SpillwayError(
        'SPILLWAY_CREDENTIALS',
        'No Alibaba Cloud credentials in options, environment and instance metadata',
        { cause },
      );
    },
  );
  const headers = { 'x-aliyun-ecs-metadata-token': plain(textOf(token, place), place) };
  const roles = `${metadata}/meta-data/ram/security-credentials/`;
  const role = env.ALIBABA_CLOUD_ECS_METADATA || plain(textOf(await fetch(new URL(roles), { headers }), place), place);
  return keysOfReply(await fetch(new URL(`${roles}${encodeURIComponent(role)}`), { headers }), place);
}

function keysOfReply(reply: HttpReply, place: string): Found {
  let found: Found | undefined;
  const text = textOf(reply, place);
  try {
    found = keysOf(JSON.parse(text) as Record<string, unknown>);
  } catch {}
  if (!found) throw unusable(`${place} answered without keys`);
  return found;
}

function keysOf({
  AccessKeyId,
  AccessKeySecret,
  SecurityToken,
  Expiration,
}: Record<string, unknown>): Found | undefined {
  if (!isPlain(AccessKeyId) || !isPlain(AccessKeySecret)) return undefined;
  const expiresAt = typeof Expiration === 'string' ? Date.parse(Expiration) : Number.NaN;
  return {
    accessKeyId: AccessKeyId,
    accessKeySecret: AccessKeySecret,
    ...(isPlain(SecurityToken) && { securityToken: SecurityToken }),
    ...(Number.isFinite(expiresAt) && { expiresAt }),
  };
}

/** A refusal needs a person; trouble of the place itself passes. */
function textOf({ status, body }: HttpReply, place: string): string {
  if (status === 200) return body.toString();
  if (status >= 500 || status === 429) {
    throw Object.assign(new Error(`${place}: ${status}`), { code: `ALIBABA_KEYS_${status}` });
  }
  throw unusable(`${place} answered ${status}`);
}

function plain(text: string, place: string): string {
  const word = text.trim();
  if (!isPlain(word)) throw unusable(`${place} holds no keys`);
  return word;
}

function isPlain(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,16384}$/.test(value);
}

function unusable(what: string): SpillwayError {
  return new SpillwayError('SPILLWAY_CREDENTIALS', `No Alibaba Cloud credentials: ${what}`);
}
