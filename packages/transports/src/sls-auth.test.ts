import type { HttpFetch } from '@spillway/core';
import { classifyFailure, systemRuntime, type Verdict } from '@spillway/core';
import { batchOf, type RecordingServer, recordingServer, sendSettings } from '@spillway/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SlsOptions, sls } from './sls.js';
import { findSlsKeys } from './sls-keys.js';
import { signSlsV1, signSlsV4 } from './sls-signature.js';

const keys = { accessKeyId: 'mockAccessKeyID', accessKeySecret: 'mockAccessKeySecret' };
const withToken = { ...keys, securityToken: 'token1' };
const now = Date.UTC(2023, 10, 14, 22, 13, 20);
const request = (path: string) => ({
  method: 'POST',
  url: new URL(`https://proj.cn-hangzhou.log.aliyuncs.com/logstores/shop/shards/${path}`),
  headers: {
    'user-agent': 'spillway',
    'content-type': 'application/x-protobuf',
    'x-log-apiversion': '0.6.0',
    'x-log-bodyrawsize': '74',
    'x-log-compresstype': 'lz4',
  },
  body: Buffer.from([0x0a, 0x23, 0x08]),
});
const lb = request('lb');
const route = request('route?key=0123456789abcdef0123456789abcdef');

describe('signatures', () => {
  // Made by the vendor's aliyun-log-python-sdk 0.9.52, of the same requests at the same time.
  it.each([
    [lb, keys, 'I99nx+z4sGpsTZTID0utyUP8cT0='],
    [route, keys, 'Jn1RZRTE6tdozkb3TQrJWHhaUOw='],
    [lb, withToken, 'p9WuX+j8ldS4S6SiYyMCBgeQAGc='],
    [route, withToken, '5Xrs8iJyU+DYaV+glKVyjyFwZcU='],
  ])('of version 1 are those of the vendor: %#', (asked, given, signature) => {
    expect(signSlsV1(asked, given, now)).toMatchObject({
      authorization: `LOG mockAccessKeyID:${signature}`,
      date: 'Tue, 14 Nov 2023 22:13:20 GMT',
      'content-md5': 'CDCD64A211221FCC7469DD6F8D1A7F34',
      'x-log-signaturemethod': 'hmac-sha1',
    });
  });

  it.each([
    [lb, keys, '1411c57aab8af91bda0c34ef8cca47d51d28664d9bffcc5cfa8158dd670618a9'],
    [route, keys, '149a0d8ffd984c86189650927b2acc7bb5ad5851bc7fd057be0044354155e763'],
    [lb, withToken, 'e18982417c2df4da0182094b003c51ff18a629a1cd400a6b56ff06fd4d39621e'],
    [route, withToken, '336280684dcbf1205966b2ccdaeb256a791afe0f8bbcb269d66105f43a365216'],
  ])('of version 4 are those of the vendor: %#', (asked, given, signature) => {
    const scope = '20231114/cn-hangzhou/sls/aliyun_v4_request';
    expect(signSlsV4(asked, given, { region: 'cn-hangzhou', now })).toMatchObject({
      authorization: `SLS4-HMAC-SHA256 Credential=mockAccessKeyID/${scope},Signature=${signature}`,
      'x-log-date': '20231114T221320Z',
      'x-log-content-sha256': '9b59469f35c2a00da31f58c10afa512531baa17b6ba9d9855f6d40fb1fdbb503',
    });
  });
});

const batch = batchOf(['{"level":30,"msg":"a"}']);
const ok = { status: 200 };
let skewMs = 0;

beforeEach(() => {
  skewMs = 0;
  for (const name of Object.keys(process.env)) if (name.startsWith('ALIBABA_')) vi.stubEnv(name, undefined);
  vi.stubEnv('ALIBABA_CLOUD_ECS_METADATA_DISABLED', 'true');
});
afterEach(() => vi.unstubAllEnvs());

/** Sends a batch a few times; what came of each. */
async function send(server: RecordingServer, given: Partial<SlsOptions> = {}, times = 1): Promise<Verdict[]> {
  const transport = sls({ endpoint: server.url, project: 'shop', logstore: 'api', region: 'cn-hangzhou', ...given });
  const sender = transport.open({ ...systemRuntime, now: () => Date.now() + skewMs }, sendSettings);
  const verdicts: Verdict[] = [];
  for (let i = 0; i < times; i++) {
    const sent = sender.send(transport.encode(batch), AbortSignal.timeout(15_000));
    verdicts.push(await sent.then((reply) => transport.classify(reply, batch), classifyFailure));
    skewMs += 1_000_000;
  }
  await sender.close();
  return verdicts;
}
const ack: Verdict = { outcome: 'ack' };
const signers = ({ requests }: RecordingServer) =>
  requests.map(({ headers }) => /Credential=(\w+)\//.exec(headers.authorization ?? '')?.[1]);
const error = (status: number, errorCode: string, headers = {}) => ({
  status,
  headers,
  body: JSON.stringify({ errorCode, errorMessage: 'so' }),
});

describe('a request', () => {
  it('is signed as it arrives, by either version', async () => {
    await using server = await recordingServer([ok]);
    expect(await send(server, { credentials: withToken })).toEqual([ack]);
    expect(await send(server, { credentials: withToken, signature: 'v1' })).toEqual([ack]);
    const [v4, v1] = server.requests;
    for (const { headers, path, raw } of server.requests) {
      const url = new URL(path, server.url);
      const { authorization, 'x-acs-security-token': token } = headers;
      expect(token).toBe('token1');
      const again = { method: 'POST', url, headers, body: raw };
      const at = Date.parse(
        headers.date ?? headers['x-log-date']!.replace(/(....)(..)(..T..)(..)(..)/, '$1-$2-$3:$4:$5'),
      );
      const theirs =
        headers === v1?.headers
          ? signSlsV1(again, withToken, at)
          : signSlsV4(again, withToken, { region: 'cn-hangzhou', now: at });
      expect(theirs.authorization).toBe(authorization);
    }
    expect(v4?.headers.authorization).toMatch(/^SLS4-HMAC-SHA256 /);
    expect(v1?.headers.authorization).toMatch(/^LOG mockAccessKeyID:/);
  });

  it('takes the time of a service that refuses a signature for its time', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    await using server = await recordingServer([error(400, 'RequestTimeTooSkewed', { date }), ok]);
    expect(await send(server, { credentials: keys })).toEqual([ack]);
    const [before, after] = server.requests.map(({ headers }) => headers['x-log-date']!);
    expect(after! > before!).toBe(true);
  });

  it('is not signed again for a quota', async () => {
    await using server = await recordingServer([error(403, 'WriteQuotaExceed'), ok]);
    expect(await send(server, { credentials: keys })).toEqual([
      { outcome: 'retry', reason: '403 WriteQuotaExceed: so' },
    ]);
    expect(server.requests).toHaveLength(1);
  });
});

describe('keys', () => {
  const answer = (id: string, lifeMs: number) => ({
    status: 200,
    body: JSON.stringify({
      Code: 'Success',
      AccessKeyId: id,
      AccessKeySecret: 'hunter2',
      SecurityToken: 'token1',
      Expiration: new Date(Date.now() + lifeMs).toISOString(),
    }),
  });

  it('come from the environment', async () => {
    vi.stubEnv('ALIBABA_CLOUD_ACCESS_KEY_ID', 'ENV');
    vi.stubEnv('ALIBABA_CLOUD_ACCESS_KEY_SECRET', 'hunter2');
    await using server = await recordingServer([ok]);
    expect(await send(server)).toEqual([ack]);
    expect(signers(server)).toEqual(['ENV']);
  });

  it('come from an address, and are renewed before they end', async () => {
    await using server = await recordingServer([answer('ONE', 2_200_000), ok, ok, answer('TWO', 9_000_000), ok]);
    vi.stubEnv('ALIBABA_CLOUD_CREDENTIALS_URI', `${server.url}/keys`);
    expect(await send(server, {}, 3)).toEqual([ack, ack, ack]);
    expect(signers(server)).toEqual([undefined, 'ONE', 'ONE', undefined, 'TWO']);
    expect(server.requests[1]?.headers['x-acs-security-token']).toBe('token1');
  });

  it('are looked for again when they are refused', async () => {
    await using server = await recordingServer([
      answer('ONE', 9e6),
      error(401, 'Unauthorized'),
      answer('TWO', 9e6),
      ok,
    ]);
    vi.stubEnv('ALIBABA_CLOUD_CREDENTIALS_URI', `${server.url}/keys`);
    expect(await send(server)).toEqual([ack]);
    expect(signers(server)).toEqual([undefined, 'ONE', undefined, 'TWO']);
  });

  it("come from the role of an instance, with its metadata's own token", async () => {
    const asked: string[] = [];
    const place = 'http://100.100.100.200/latest/';
    const fetch = async (url: URL, { method = 'GET', headers = {} }: HttpFetch) => {
      expect(url.href.startsWith(place)).toBe(true);
      const path = url.href.slice(place.length);
      asked.push(`${method} ${path} ${headers['x-aliyun-ecs-metadata-token'] ?? ''}`);
      const bodies: Record<string, string> = {
        'api/token': 'secret\n',
        'meta-data/ram/security-credentials/': 'writer',
      };
      return { status: 200, headers: {}, body: Buffer.from(bodies[path] ?? answer('ROLE', 1e6).body) };
    };
    const found = { accessKeyId: 'ROLE', accessKeySecret: 'hunter2', securityToken: 'token1' };
    expect(await findSlsKeys({ env: {}, now: Date.now(), fetch })).toMatchObject(found);
    const role = 'meta-data/ram/security-credentials/';
    expect(asked).toEqual(['PUT api/token ', `GET ${role} secret`, `GET ${role}writer secret`]);
    asked.length = 0;
    await findSlsKeys({ env: { ALIBABA_CLOUD_ECS_METADATA: 'named' }, now: Date.now(), fetch });
    expect(asked).toEqual(['PUT api/token ', `GET ${role}named secret`]);
  });

  it.each([
    ['a refusal', { status: 404, body: 'hunter2' }, 'ALIBABA_CLOUD_CREDENTIALS_URI answered 404'],
    ['something else', { status: 200, body: 'hunter2' }, 'ALIBABA_CLOUD_CREDENTIALS_URI answered without keys'],
  ])('that cannot be had hold the data: %s', async (_, reply, reason) => {
    await using server = await recordingServer([reply]);
    vi.stubEnv('ALIBABA_CLOUD_CREDENTIALS_URI', server.url);
    expect(await send(server)).toEqual([{ outcome: 'hold', reason: `No Alibaba Cloud credentials: ${reason}` }]);
  });

  it('that are nowhere hold the data, and trouble passes', async () => {
    await using server = await recordingServer([{ status: 503 }]);
    expect(await send(server)).toEqual([
      { outcome: 'hold', reason: 'No Alibaba Cloud credentials: none in the environment' },
    ]);
    vi.stubEnv('ALIBABA_CLOUD_CREDENTIALS_URI', server.url);
    expect(await send(server)).toEqual([{ outcome: 'retry', reason: 'ALIBABA_KEYS_503' }]);
  });
});
