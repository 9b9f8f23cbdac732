import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classifyFailure, httpFields, httpTransport, object, parseOptions, systemRuntime } from '@spillway/core';
import { batchOf, type RecordingServer, recordingServer, sendSettings } from '@spillway/testing';
import aws4 from 'aws4';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { awsAuthorize, regionOf } from './aws-authorize.js';
import type { AwsCredentials } from './aws-keys.js';

const batch = batchOf(['{"level":30,"msg":"a"}']);
const later = '2100-01-01T00:00:00Z';
let directory: string;
let skewMs = 0;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spillway-aws-'));
  skewMs = 0;
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('HOME', directory);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

/** Sends a batch a few times; the keys that signed each, or what came instead of a reply. */
async function send(server: RecordingServer, credentials?: AwsCredentials, times = 1) {
  const transport = httpTransport({
    name: 'test',
    url: `${server.url}/a b/_bulk?x=1,2`,
    options: parseOptions(object(httpFields(), { doc: '' }), {}),
    limits: { maxBytes: 1e6, maxRecords: 1000, maxRecordBytes: 1e5, overheadBytes: 0 },
    idempotency: 'none',
    encodings: [],
    headers: { 'content-type': 'application/x-ndjson' },
    encode: ({ bytes }) => ({ body: bytes, headers: {} }),
    authorize: awsAuthorize({ region: 'eu-west-1', service: 'es', credentials }),
  });
  const sender = transport.open({ ...systemRuntime, now: () => Date.now() + skewMs }, sendSettings);
  const outcomes: unknown[] = [];
  for (let i = 0; i < times; i++) {
    const sent = sender.send(transport.encode(batch), AbortSignal.timeout(15_000));
    outcomes.push(
      await sent.then(
        ({ status }) => status,
        (error: unknown) => classifyFailure(error),
      ),
    );
  }
  await sender.close();
  return outcomes;
}

function signersOf(server: RecordingServer): (string | undefined)[] {
  return server.requests.map(({ headers }) => /Credential=(\w+)\//.exec(headers.authorization ?? '')?.[1]);
}

function keysFor(id: string, extra: object = { Expiration: later }): string {
  return JSON.stringify({ AccessKeyId: id, SecretAccessKey: 'hunter2', Token: 'token1', ...extra });
}

describe('a request', () => {
  it('is signed as aws4 signs what arrived', async () => {
    await using server = await recordingServer();
    await send(server, { accessKeyId: 'AKID', secretAccessKey: 'hunter2', sessionToken: 'token1' });
    const [{ headers, path, raw, method } = expect.fail()] = server.requests;
    const theirs = aws4.sign(
      {
        method,
        host: headers.host!,
        path,
        body: raw,
        service: 'es',
        region: 'eu-west-1',
        headers: { 'Content-Type': headers['content-type']!, 'X-Amz-Date': headers['x-amz-date']! },
        extraHeadersToIgnore: { 'content-length': true },
      } as aws4.Request,
      { accessKeyId: 'AKID', secretAccessKey: 'hunter2', sessionToken: 'token1' },
    );
    expect(headers.authorization).toBe(theirs.headers?.Authorization);
    expect(headers['x-amz-security-token']).toBe('token1');
  });

  it('is signed again with the time of the destination when that is not ours', async () => {
    await using server = await recordingServer([{ status: 403 }, { status: 200 }]);
    skewMs = -3_600_000;
    expect(await send(server, { accessKeyId: 'AKID', secretAccessKey: 'hunter2' }, 2)).toEqual([200, 200]);
    const dates = server.requests.map(({ headers }) =>
      Date.parse(headers['x-amz-date']!.replace(/(....)(..)(..T..)(..)(..Z)/, '$1-$2-$3:$4:$5')),
    );
    expect(dates).toHaveLength(3);
    expect(dates[1]! - dates[0]!).toBeGreaterThan(3_000_000);
    expect(dates[2]! - dates[0]!).toBeGreaterThan(3_000_000);
  });

  it.each([[{ accessKeyId: 'AKID' }], [{ secretAccessKey: 'hunter2' }], [{ sessionToken: 'token1' }]])(
    'needs both halves of the keys: %j',
    (credentials) => {
      expect(() => awsAuthorize({ region: 'r', service: 'es', credentials })).toThrow('together, or neither');
    },
  );
});

describe('the region', () => {
  it('comes from the option or the environment', () => {
    expect(() => regionOf(undefined, 's3')).toThrow('`s3.region` or AWS_REGION');
    vi.stubEnv('AWS_DEFAULT_REGION', 'b');
    expect(regionOf(undefined, 's3')).toBe('b');
    vi.stubEnv('AWS_REGION', 'a');
    expect(regionOf(undefined, 's3')).toBe('a');
    expect(regionOf('c', 's3')).toBe('c');
  });
});

describe('keys', () => {
  it('come from the environment, and follow it', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'ENV1');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hunter2');
    await using server = await recordingServer();
    await send(server);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'ENV2');
    await send(server);
    expect(signersOf(server)).toEqual(['ENV1', 'ENV2']);
  });

  it('come from the shared files, by profile', async () => {
    const credentials = join(directory, 'credentials');
    const config = join(directory, 'config');
    await writeFile(
      credentials,
      '# ours\n[default]\naws_access_key_id = FILE1\naws_secret_access_key=hunter2\r\n\n[ other ]\naws_access_key_id = FILE2\naws_secret_access_key = hunter2\n',
    );
    await writeFile(
      config,
      '[profile third]\nregion = x\ns3 =\n  nested = 1\naws_access_key_id = FILE3\naws_secret_access_key = hunter2\n',
    );
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', credentials);
    vi.stubEnv('AWS_CONFIG_FILE', config);
    await using server = await recordingServer();
    await send(server);
    await send(server, { profile: 'other' });
    vi.stubEnv('AWS_PROFILE', 'third');
    await send(server);
    expect(signersOf(server)).toEqual(['FILE1', 'FILE2', 'FILE3']);
    expect(await send(server, { profile: 'missing' })).toEqual([
      { outcome: 'hold', reason: 'No AWS credentials in the profile of the shared files' },
    ]);
  });

  it('come from where they usually are if the environment names no place, also by an empty variable', async () => {
    for (const name of ['PROFILE', 'SHARED_CREDENTIALS_FILE', 'CONFIG_FILE']) vi.stubEnv(`AWS_${name}`, '');
    await mkdir(join(directory, '.aws'));
    const profile = '[default]\naws_access_key_id = FILE1\naws_secret_access_key = hunter2\n';
    await writeFile(join(directory, '.aws', 'credentials'), profile);
    await using server = await recordingServer();
    expect(await send(server)).toEqual([204]);
    expect(signersOf(server)).toEqual(['FILE1']);
  });

  it('are traded at STS for the token of a service account', async () => {
    await using server = await recordingServer();
    await using sts = await recordingServer([
      {
        status: 200,
        body: `<R><Credentials><AccessKeyId>STS1</AccessKeyId><SecretAccessKey>hunter2</SecretAccessKey><SessionToken>token1</SessionToken><Expiration>${later}</Expiration></Credentials></R>`,
      },
    ]);
    await writeFile(join(directory, 'token'), 'web-token\n');
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::1:role/logs');
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', join(directory, 'token'));
    vi.stubEnv('AWS_ENDPOINT_URL_STS', sts.url);
    expect(await send(server, undefined, 3)).toEqual([204, 204, 204]);
    expect(signersOf(server)).toEqual(['STS1', 'STS1', 'STS1']);
    expect(sts.requests).toHaveLength(1);
    expect(Object.fromEntries(new URLSearchParams(sts.requests[0]!.body.toString()))).toEqual({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: 'arn:aws:iam::1:role/logs',
      RoleSessionName: 'spillway',
      WebIdentityToken: 'web-token',
    });
    sts.script({ status: 403, body: 'no hunter2' }, { status: 503 });
    expect(await send(server)).toEqual([{ outcome: 'hold', reason: 'No AWS credentials: STS answered 403' }]);
    expect(await send(server)).toEqual([{ outcome: 'retry', reason: 'AWS_KEYS_503' }]);
  });

  it('come from the endpoint of the container, and are renewed when they are refused', async () => {
    await using server = await recordingServer([{}, {}, {}, { status: 403 }, {}]);
    await using container = await recordingServer([
      { status: 200, body: keysFor('POD1', { Expiration: new Date(Date.now() + 200).toISOString() }) },
      { status: 200, body: keysFor('POD2') },
      { status: 200, body: keysFor('POD3') },
    ]);
    await writeFile(join(directory, 'token'), 'pod-token');
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${container.url}/v1/credentials`);
    vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', join(directory, 'token'));
    expect(await send(server)).toEqual([204]);
    expect(await send(server, undefined, 3)).toEqual([204, 204, 204]);
    expect(signersOf(server)).toEqual(['POD1', 'POD2', 'POD2', 'POD2', 'POD3']);
    expect(container.requests[0]).toMatchObject({ path: '/v1/credentials', headers: { authorization: 'pod-token' } });
  });

  it('are not asked for at a container endpoint that is elsewhere without TLS', async () => {
    await using server = await recordingServer();
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', 'http://keys.example/');
    expect(await send(server)).toEqual([
      {
        outcome: 'hold',
        reason: 'No AWS credentials: AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine',
      },
    ]);
  });

  it('come from the metadata of the instance, with a token', async () => {
    await using server = await recordingServer();
    await using metadata = await recordingServer([
      { status: 200, body: 'imds-token' },
      { status: 200, body: 'role/one\n' },
      { status: 200, body: keysFor('EC2') },
    ]);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'false');
    vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', metadata.url);
    expect(await send(server)).toEqual([204]);
    expect(signersOf(server)).toEqual(['EC2']);
    expect(metadata.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'PUT /latest/api/token',
      'GET /latest/meta-data/iam/security-credentials/',
      'GET /latest/meta-data/iam/security-credentials/role%2Fone',
    ]);
    expect(metadata.requests[0]?.headers['x-aws-ec2-metadata-token-ttl-seconds']).toBe('21600');
    expect(metadata.requests[2]?.headers['x-aws-ec2-metadata-token']).toBe('imds-token');
    metadata.script({ status: 200, body: 'imds-token' }, { status: 200, body: 'role' }, { status: 200, body: '<xml>' });
    expect(await send(server)).toEqual([
      { outcome: 'hold', reason: 'No AWS credentials: the instance metadata answered without credentials' },
    ]);
  });

  it('that still hold are used while new ones are not to be had', async () => {
    await using container = await recordingServer([
      { status: 200, body: keysFor('OLD', { Expiration: new Date(Date.now() + 120_000).toISOString() }) },
      { status: 500 },
    ]);
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', container.url);
    const authorize = awsAuthorize({ region: 'r', service: 'es', credentials: undefined });
    const signerAt = async (now: number) => {
      const request = { method: 'POST', url: new URL('https://a.example/'), headers: {}, body: batch.bytes };
      const context = {
        refresh: false,
        now,
        signal: AbortSignal.timeout(15_000),
        fetch: async (url: URL) => {
          const reply = await fetch(url);
          return { status: reply.status, headers: {}, body: Buffer.from(await reply.arrayBuffer()) };
        },
      };
      return /Credential=(\w+)/.exec((await authorize(request, context)).authorization!)?.[1];
    };
    const start = Date.now();
    expect(await signerAt(start)).toBe('OLD');
    expect(await signerAt(start + 10_000)).toBe('OLD');
    expect(container.requests).toHaveLength(1);
    expect(await signerAt(start + 60_000)).toBe('OLD');
    expect(container.requests).toHaveLength(2);
    await expect(signerAt(start + 130_000)).rejects.toMatchObject({ code: 'AWS_KEYS_500' });
  });

  it('that are nowhere are a hold that says where they were looked for', async () => {
    await using server = await recordingServer();
    expect(await send(server)).toEqual([
      {
        outcome: 'hold',
        reason:
          'No AWS credentials in options, environment, web identity, shared files, container and instance metadata',
      },
    ]);
    expect(server.requests).toHaveLength(0);
  });
});
