// AWS Signature Version 4, in headers: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// In: a request with all headers that are to be signed, credentials, a scope, a time. Out: the headers that sign it.
// Pure: the clock and the credentials are the caller's. The secret never leaves except as a signature.

import { createHash, createHmac } from 'node:crypto';

/** Keys of AWS. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
}

/** For what a signature is good. */
export interface SigningScope {
  readonly region: string;
  /** As AWS calls it in signatures, such as `logs`, `s3`, `es`. */
  readonly service: string;
}

/** What is signed. */
export interface SigningRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. All of them are signed, and `host` beside them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const algorithm = 'AWS4-HMAC-SHA256';
/** These want the hash of the body in a header too. */
const wantHash = new Set(['s3', 's3-object-lambda', 's3-outposts', 's3express', 'aoss']);

/** The headers that sign a request; `now` in ms since the epoch. */
export function signV4(
  request: SigningRequest,
  { region, service, keys, now }: SigningScope & { readonly keys: AwsKeys; readonly now: number },
): Record<string, string> {
  const date = amzDate(now);
  const day = date.slice(0, 8);
  const hash = sha256(request.body);
  const added: Record<string, string> = {
    'x-amz-date': date,
    ...(wantHash.has(service) && { 'x-amz-content-sha256': hash }),
    ...(keys.sessionToken && { 'x-amz-security-token': keys.sessionToken }),
  };
  const { url } = request;
  const headers: Record<string, string> = { ...request.headers, ...added, host: url.host };
  const names = Object.keys(headers).sort();
  const signedHeaders = names.join(';');
  const canonical = [
    request.method,
    service === 's3' ? objectPath(url.pathname) : servicePath(url.pathname),
    canonicalQuery(url.searchParams),
    ...names.map((name) => `${name}:${headers[name]!.trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders,
    hash,
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const signature = hmac(
    signingKey(keys.secretAccessKey, [day, region, service]),
    [algorithm, date, scope, sha256(canonical)].join('\n'),
  ).toString('hex');
  const credential = `${keys.accessKeyId}/${scope}`;
  return {
    ...added,
    authorization: `${algorithm} Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  };
}

/** RFC 3986: everything but unreserved characters. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `20231114T221320Z` */
function amzDate(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** S3 signs the name of the object, encoded once, whichever way the URL had it. */
function objectPath(path: string): string {
  return path
    .split('/')
    .map((segment) => encodeRfc3986(decodeURIComponent(segment)))
    .join('/');
}

/** The others sign the path of the URL, encoded once more, without empty segments. */
function servicePath(path: string): string {
  return path
    .replace(/\/{2,}/g, '/')
    .split('/')
    .map(encodeRfc3986)
    .join('/');
}

function canonicalQuery(params: URLSearchParams): string {
  return [...params]
    .map(([name, value]) => [encodeRfc3986(name), encodeRfc3986(value)] as const)
    .sort(([a, x], [b, y]) => order(a, b) || order(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function signingKey(secret: string, scope: readonly string[]): Buffer {
  return [...scope, 'aws4_request'].reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`));
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
