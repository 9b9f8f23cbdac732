import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classifyFailure, systemRuntime, type Verdict } from '@spillway/core';
import { batchOf, type RecordedRequest, type RecordingServer, recordingServer, sendSettings } from '@spillway/testing';
import { Compute, ExternalAccountClient, OAuth2Client, UserRefreshClient } from 'google-auth-library';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GoogleCloudOptions, googleCloud } from './google-cloud.js';

const scope = 'https://www.googleapis.com/auth/logging.write';
const batch = batchOf(['{"level":30,"msg":"a"}']);
const ok = { status: 200, body: '{}' };
const granted = (token: string, seconds = 3600) => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ access_token: token, expires_in: seconds, token_type: 'Bearer' }),
});
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
let directory: string;
let skewMs = 0;

beforeAll(() => {
  vi.stubEnv('GCP_METADATA_DETECTION', 'assume-present');
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spillway-google-'));
  skewMs = 0;
  for (const name of Object.keys(process.env))
    if (/^(GOOGLE|GCLOUD|GCE|CLOUDSDK)_/.test(name)) vi.stubEnv(name, undefined);
  vi.stubEnv('HOME', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

type Given = Partial<GoogleCloudOptions>;

/** Sends a batch a few times; what came of each. */
async function send(server: RecordingServer, given: Given = {}, times = 1): Promise<Verdict[]> {
  const transport = googleCloud({ logName: 'shop', projectId: 'p', endpoint: server.url, ...given });
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
const hold = (what: string): Verdict => ({ outcome: 'hold', reason: `No Google credentials: ${what}` });
const formOf = ({ body }: RecordedRequest) => Object.fromEntries(new URLSearchParams(body.toString()));
const tokensOf = ({ requests }: RecordingServer) => requests.map(({ headers }) => headers.authorization);
const key = (server: RecordingServer, more: object = {}) => ({
  type: 'service_account',
  client_email: 'writer@p.iam.gserviceaccount.com',
  private_key_id: 'key1',
  private_key: privateKey,
  token_uri: `${server.url}/token`,
  ...more,
});

describe('a service account', () => {
  it("signs what Google's own library accepts", async () => {
    await using server = await recordingServer([granted('token1'), ok]);
    expect(await send(server, { credentials: key(server) })).toEqual([ack]);
    const [asked, written] = server.requests;
    expect(asked).toMatchObject({ method: 'POST', path: '/token' });
    const { grant_type, assertion } = formOf(asked!);
    expect(grant_type).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const audience = `${server.url}/token`;
    const issuer = 'writer@p.iam.gserviceaccount.com';
    const verify = (certificate: string) =>
      new OAuth2Client().verifySignedJwtWithCertsAsync(assertion!, { key1: certificate }, audience, [issuer]);
    const payload = (await verify(publicKey)).getPayload();
    expect(payload).toMatchObject({ iss: issuer, aud: audience, scope });
    expect(payload!.exp - payload!.iat).toBe(3600);
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    await expect(verify(String(other))).rejects.toThrow('Invalid token signature');
    expect(written).toMatchObject({ method: 'POST', path: '/v2/entries:write' });
    expect(written?.headers.authorization).toBe('Bearer token1');
  });

  it('is asked for a token once as long as it lasts, and again before it ends', async () => {
    await using server = await recordingServer([granted('token1', 3100), ok, ok, ok, granted('token2'), ok]);
    expect(await send(server, { credentials: key(server) }, 4)).toEqual([ack, ack, ack, ack]);
    expect(tokensOf(server)).toEqual([undefined, ...Array(3).fill('Bearer token1'), undefined, 'Bearer token2']);
  });

  it('goes on with a token that holds while no new one can be had', async () => {
    await using server = await recordingServer([granted('token1', 1100), ok, { status: 503 }, ok]);
    expect(await send(server, { credentials: key(server) }, 2)).toEqual([ack, ack]);
    expect(tokensOf(server)).toEqual([undefined, 'Bearer token1', undefined, 'Bearer token1']);
  });

  it('is asked once more when its token is refused', async () => {
    const refused = { status: 401, body: '{"error":{"code":401,"status":"UNAUTHENTICATED","message":"x"}}' };
    await using server = await recordingServer([granted('token1'), refused, granted('token2'), ok]);
    expect(await send(server, { credentials: key(server) })).toEqual([ack]);
    expect(tokensOf(server)).toEqual([undefined, 'Bearer token1', undefined, 'Bearer token2']);
  });

  it('is read from its file, named by an option or by the environment', async () => {
    await using server = await recordingServer([granted('token1'), ok, granted('token2'), ok, granted('token3'), ok]);
    const path = join(directory, 'key.json');
    await writeFile(path, JSON.stringify(key(server)));
    expect(await send(server, { credentialsFile: path })).toEqual([ack]);
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', path);
    expect(await send(server)).toEqual([ack]);
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
    await mkdir(join(directory, '.config/gcloud'), { recursive: true });
    await writeFile(
      join(directory, '.config/gcloud/application_default_credentials.json'),
      JSON.stringify(key(server)),
    );
    expect(await send(server)).toEqual([ack]);
  });
});

describe('a person', () => {
  it("asks as Google's own client does, and names the project that pays", async () => {
    await using server = await recordingServer([granted('token1'), ok]);
    const fields = { client_id: 'id', client_secret: 'hunter2', refresh_token: 'hunter3' };
    const credentials = {
      type: 'authorized_user',
      ...fields,
      token_uri: `${server.url}/token`,
      quota_project_id: 'payer',
    };
    expect(await send(server, { credentials })).toEqual([ack]);
    expect(server.requests[1]?.headers).toMatchObject({
      authorization: 'Bearer token1',
      'x-goog-user-project': 'payer',
    });
    await using theirs = await recordingServer([granted('token1')]);
    const client = new UserRefreshClient({
      clientId: 'id',
      clientSecret: 'hunter2',
      refreshToken: 'hunter3',
      endpoints: { oauth2TokenUrl: `${theirs.url}/token` },
    });
    await client.getAccessToken();
    expect(formOf(server.requests[0]!)).toEqual(formOf(theirs.requests[0]!));
  });
});

describe('the metadata server', () => {
  it("is asked as Google's own client asks", async () => {
    const flavor = { 'metadata-flavor': 'Google' };
    const answer = { ...granted('token1'), headers: { ...flavor, 'content-type': 'application/json' } };
    await using server = await recordingServer([answer, ok]);
    await using theirs = await recordingServer([answer]);
    vi.stubEnv('GCE_METADATA_HOST', new URL(server.url).host);
    expect(await send(server)).toEqual([ack]);
    expect(server.requests[1]?.headers.authorization).toBe('Bearer token1');
    vi.stubEnv('GCE_METADATA_HOST', new URL(theirs.url).host);
    await new Compute({ scopes: [scope] }).getAccessToken();
    const [ours, google] = [server.requests[0]!, theirs.requests[0]!];
    const url = ({ path }: RecordedRequest) => decodeURIComponent(path);
    expect([ours.method, url(ours), ours.headers['metadata-flavor']]).toEqual([
      google.method,
      url(google),
      google.headers['metadata-flavor'],
    ]);
  });
});

describe('workload identity federation', () => {
  const config = (server: RecordingServer, source: object, more: object = {}) => ({
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${server.url}/v1/token`,
    credential_source: source,
    ...more,
  });
  /** What Google's own client asks, with the same configuration. */
  async function asGoogle(credentials: object): Promise<void> {
    const client = ExternalAccountClient.fromJSON(credentials as never)!;
    client.scopes = [scope];
    await client.getAccessToken();
  }
  const exchanged = granted('federated');

  it("trades the token of a file as Google's own client does", async () => {
    const file = join(directory, 'token');
    await writeFile(file, 'subject\n');
    await using server = await recordingServer([exchanged, ok]);
    await using theirs = await recordingServer([exchanged]);
    expect(await send(server, { credentials: config(server, { file }) })).toEqual([ack]);
    await writeFile(file, 'subject');
    await asGoogle(config(theirs, { file }));
    expect(server.requests[0]?.path).toBe(theirs.requests[0]?.path);
    expect(formOf(server.requests[0]!)).toEqual(formOf(theirs.requests[0]!));
    expect(server.requests[1]?.headers.authorization).toBe('Bearer federated');
  });

  it("reads JSON of an address and acts for a service account as Google's own client does", async () => {
    const subject = {
      status: 200,
      body: '{"access_token":"subject"}',
      headers: { 'content-type': 'application/json' },
    };
    const expireTime = new Date(Date.now() + 3_600_000).toISOString();
    const acting = { status: 200, body: JSON.stringify({ accessToken: 'acting', expireTime }) };
    await using server = await recordingServer([subject, exchanged, acting, ok]);
    await using theirs = await recordingServer([
      subject,
      exchanged,
      { ...acting, headers: { 'content-type': 'application/json' } },
    ]);
    const full = (at: RecordingServer) =>
      config(
        at,
        {
          url: `${at.url}/metadata/identity`,
          headers: { Metadata: 'True' },
          format: { type: 'json', subject_token_field_name: 'access_token' },
        },
        { service_account_impersonation_url: `${at.url}/sa:generateAccessToken` },
      );
    expect(await send(server, { credentials: full(server) })).toEqual([ack]);
    await asGoogle(full(theirs));
    const [asked, traded, acted, written] = server.requests;
    expect(asked).toMatchObject({ method: 'GET', path: '/metadata/identity', headers: { metadata: 'True' } });
    expect(formOf(traded!)).toEqual(formOf(theirs.requests[1]!));
    expect(acted).toMatchObject({ path: theirs.requests[2]!.path, headers: { authorization: 'Bearer federated' } });
    expect(JSON.parse(acted!.body.toString())).toEqual(JSON.parse(theirs.requests[2]!.body.toString()));
    expect(written?.headers.authorization).toBe('Bearer acting');
  });

  it.each([
    ['no file', { file: '/nowhere' }, 'cannot read the file of the subject token (ENOENT)'],
    ['a command', { executable: {} }, 'subject tokens are read from files and addresses only'],
    [
      'a strange address',
      { url: 'http://example.com/' },
      '`credential_source.url` is neither https nor on this machine',
    ],
  ])('says what is wrong with its source: %s', async (_, source, reason) => {
    await using server = await recordingServer([ok]);
    expect(await send(server, { credentials: config(server, source) })).toEqual([hold(reason)]);
    expect(server.requests).toHaveLength(0);
  });
});

describe('without a token', () => {
  it.each([
    [
      'refused',
      { status: 400, body: '{"error":"invalid_grant","error_description":"hunter2"}' },
      'the token endpoint answered 400 invalid_grant',
    ],
    ['refused in other words', { status: 404, body: 'hunter2' }, 'the token endpoint answered 404'],
    ['no token', { status: 200, body: '{"access_token":"a b"}' }, 'the token endpoint answered without a token'],
    ['no JSON', { status: 200, body: 'hunter2' }, 'the token endpoint answered something else than JSON'],
  ])('the data is kept: %s', async (_, answer, reason) => {
    await using server = await recordingServer([answer]);
    expect(await send(server, { credentials: key(server) })).toEqual([hold(reason)]);
  });

  it('trouble of the endpoint passes', async () => {
    await using server = await recordingServer([{ status: 503 }]);
    expect(await send(server, { credentials: key(server) })).toEqual([
      { outcome: 'retry', reason: 'GOOGLE_TOKEN_503' },
    ]);
  });

  it.each([
    [
      'another type',
      { type: 'executable' },
      'a file of another type than service_account, authorized_user, external_account',
    ],
    [
      'a strange endpoint',
      { token_uri: 'http://example.com/hunter2' },
      '`token_uri` is neither https nor on this machine',
    ],
    ['no key', { private_key: 'hunter2' }, '`private_key` is not an RSA key in PEM form'],
    ['no account', { client_email: undefined }, 'the credentials file has no `client_email`'],
  ])('a file is named for what it is: %s', async (_, more, reason) => {
    await using server = await recordingServer([ok]);
    expect(await send(server, { credentials: key(server, more) })).toEqual([hold(reason)]);
    expect(server.requests).toHaveLength(0);
  });

  it('a file that is not there, or is none, is said', async () => {
    await using server = await recordingServer([ok]);
    const path = join(directory, 'key.json');
    const missing = { outcome: 'hold', reason: 'Cannot read the file of `credentialsFile` (ENOENT)' };
    expect(await send(server, { credentialsFile: path })).toEqual([missing]);
    await writeFile(path, '[]');
    expect(await send(server, { credentialsFile: path })).toEqual([
      hold('the file of `credentialsFile` is not a credentials file'),
    ]);
  });

  it('what answers in the place of a metadata server is not believed', async () => {
    await using server = await recordingServer([granted('token1')]);
    vi.stubEnv('GCE_METADATA_HOST', new URL(server.url).host);
    expect(await send(server)).toEqual([hold('what answered is not a metadata server of Google')]);
    await server.close();
    expect(await send(server)).toEqual([
      { outcome: 'hold', reason: 'No Google credentials in options, environment, gcloud or a metadata server' },
    ]);
  });

  it('none is looked for where a file of headers has them', async () => {
    await using server = await recordingServer([ok]);
    vi.stubEnv('GCE_METADATA_HOST', new URL(server.url).host);
    const headersFile = join(directory, 'headers');
    await writeFile(headersFile, 'Authorization: Bearer ours\n');
    expect(await send(server, { headersFile })).toEqual([ack]);
    expect(tokensOf(server)).toEqual(['Bearer ours']);
  });

  it('none is looked for where one was given', async () => {
    await using server = await recordingServer([ok]);
    expect(await send(server, { bearerToken: 'mine' })).toEqual([ack]);
    expect(await send(server, { headers: { Authorization: 'Own thing' } })).toEqual([ack]);
    expect(tokensOf(server)).toEqual(['Bearer mine', 'Own thing']);
  });
});
