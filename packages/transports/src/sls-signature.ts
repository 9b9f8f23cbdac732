// Signatures of Alibaba Cloud Log Service, version 1 (HMAC-SHA1) and version 4 (HMAC-SHA256, for a region).
// https://www.alibabacloud.com/help/en/sls/developer-reference/request-signatures
// In: a request with its headers, keys, a time. Out: the headers that sign it. Pure: the clock and the keys are the caller's.

import { createHash, createHmac } from 'node:crypto';
import { encodeRfc3986 } from './encode/sigv4.js';

/** Keys of Alibaba Cloud. */
export interface SlsKeys {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Of temporary credentials. */
  readonly securityToken?: string | undefined;
}

/** What is signed. */
export interface SlsRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Signs with version 1; `now` in ms since the epoch. */
export function signSlsV1(
  { method, url, headers, body }: SlsRequest,
  keys: SlsKeys,
  now: number,
): Record<string, string> {
  const added = {
    date: new Date(now).toUTCString(),
    'content-md5': createHash('md5').update(body).digest('hex').toUpperCase(),
    'x-log-signaturemethod': 'hmac-sha1',
    ...tokenOf(keys),
  };
  const all: Record<string, string> = { ...headers, ...added };
  const own = Object.keys(all).filter(isOwn).sort();
  const query = [...url.searchParams].map(([name, value]) => `${name}=${value}`).sort();
  const text = [
    method,
    added['content-md5'],
    all['content-type'] ?? '',
    added.date,
    ...own.map((name) => `${name}:${all[name]!.trim()}`),
    `${decodeURIComponent(url.pathname)}${query.length > 0 ? `?${query.join('&')}` : ''}`,
  ].join('\n');
  const signature = createHmac('sha1', keys.accessKeySecret).update(text).digest('base64');
  return { ...added, authorization: `LOG ${keys.accessKeyId}:${signature}` };
}

/** For what a signature of version 4 is good. */
export interface SlsScope {
  readonly region: string;
  /** ms since the epoch. */
  readonly now: number;
}

/** Signs with version 4. */
export function signSlsV4(request: SlsRequest, keys: SlsKeys, { region, now }: SlsScope): Record<string, string> {
  const { method, url, headers, body } = request;
  const date = `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const hash = sha256(body);
  const added = { 'x-log-date': date, 'x-log-content-sha256': hash, ...tokenOf(keys) };
  const all: Record<string, string> = { ...headers, ...added, host: url.host };
  const signed = Object.keys(all)
    .filter((name) => isOwn(name) || name === 'content-type' || name === 'host')
    .sort();
  const query = [...url.searchParams]
    .map(([name, value]) => (value === '' ? name : `${name}=${encodeRfc3986(value)}`))
    .sort();
  const canonical = [
    method,
    decodeURIComponent(url.pathname),
    query.join('&'),
    ...signed.map((name) => `${name}:${all[name]!.trim()}`),
    '',
    signed.join(';'),
    hash,
  ].join('\n');
  const day = date.slice(0, 8);
  const scope = `${day}/${region}/sls/aliyun_v4_request`;
  const key = [day, region, 'sls', 'aliyun_v4_request'].reduce<Buffer>(
    (derived, part) => createHmac('sha256', derived).update(part).digest(),
    Buffer.from(`aliyun_v4${keys.accessKeySecret}`),
  );
  const text = ['SLS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const signature = createHmac('sha256', key).update(text).digest('hex');
  return { ...added, authorization: `SLS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope},Signature=${signature}` };
}

function isOwn(name: string): boolean {
  return name.startsWith('x-log-') || name.startsWith('x-acs-');
}

function tokenOf({ securityToken }: SlsKeys): Record<string, string> {
  return securityToken ? { 'x-acs-security-token': securityToken } : {};
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
