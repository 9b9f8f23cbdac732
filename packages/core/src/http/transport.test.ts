import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { authority, batchOf, recordingServer, sendSettings } from '@spillway/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SpillwayError } from '../errors.js';
import { classifyFailure } from '../failure.js';
import { parseOptions } from '../options/parse.js';
import { type Input, object, type Problem } from '../options/schema.js';
import { type Runtime, systemRuntime } from '../runtime.js';
import type { SendSettings } from '../transport.js';
import { httpFields } from './options.js';
import { type HttpDefinition, httpTransport } from './transport.js';
import type { HttpReply } from './types.js';

const schema = object(httpFields(), { doc: '' });
type Options = Input<typeof schema>;
const batch = batchOf(['{"level":30,"msg":"a"}', '{"level":30,"msg":"b"}']);
const large = batchOf(Array.from({ length: 100 }, (_, i) => `{"level":30,"msg":"record ${i}"}`));
const deadline = () => AbortSignal.timeout(15_000);

interface Setup extends Partial<Omit<HttpDefinition, 'options'>> {
  readonly options?: Options;
  readonly settings?: Partial<SendSettings>;
  readonly runtime?: Runtime;
}

/** A transport of raw lines, opened. */
function connect(url: string, { options = {}, settings, runtime = systemRuntime, ...definition }: Setup = {}) {
  const transport = httpTransport({
    name: 'test',
    url: `${url}/logs?stream=a`,
    options: parseOptions(schema, options),
    limits: { maxBytes: 1e6, maxRecords: 1000, maxRecordBytes: 1e5, overheadBytes: 0 },
    idempotency: 'none',
    encodings: ['gzip'],
    headers: { 'content-type': 'application/x-ndjson' },
    encode: ({ bytes, id }) => ({ body: bytes, headers: { 'idempotency-key': id } }),
    ...definition,
  });
  const sender = transport.open(runtime, { ...sendSettings, ...settings });
  opened.push(sender);
  return {
    transport,
    sender,
    send: (what = batch, signal = deadline()) => sender.send(transport.encode(what), signal),
    failure: async (what = batch, signal = deadline()) => {
      const error = await sender.send(transport.encode(what), signal).then(
        ({ status }) => `reply ${status}`,
        (thrown: unknown) => thrown,
      );
      return classifyFailure(error);
    },
  };
}

const opened: { close(): Promise<void> }[] = [];
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spillway-http-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sender) => sender.close()));
  await rm(directory, { recursive: true, force: true });
});

describe('a request', () => {
  it('is one buffer with a length, with the headers of the transport, the batch and the user', async () => {
    await using server = await recordingServer();
    const { send } = connect(server.url, { options: { headers: { 'X-Team': 'a', 'Content-Type': 'text/plain' } } });
    expect(await send()).toMatchObject({ status: 204 });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/logs?stream=a', body: batch.bytes });
    expect(request?.headers).toMatchObject({
      'content-length': String(batch.bytes.length),
      'content-type': 'text/plain',
      'idempotency-key': batch.id,
      'x-team': 'a',
    });
    expect(request?.headers).not.toHaveProperty('transfer-encoding');
  });

  it('goes where the wire says, if it says so', async () => {
    await using server = await recordingServer();
    const { send } = connect(server.url, {
      method: 'PUT',
      encode: ({ bytes }) => ({ body: bytes, headers: {}, path: '/bucket/a%20b?x=1' }),
    });
    await send();
    expect(server.requests[0]).toMatchObject({ method: 'PUT', path: '/bucket/a%20b?x=1' });
  });

  it('keeps a path that begins with two slashes, as after a base that ends in one', async () => {
    await using server = await recordingServer();
    await connect(`${server.url}/`).send();
    expect(server.requests[0]?.path).toBe('//logs?stream=a');
  });

  it('is compressed once, with the same bytes at every attempt', async () => {
    await using server = await recordingServer([{ status: 503 }, {}]);
    const { sender, transport, send } = connect(server.url);
    const wire = transport.encode(large);
    await sender.send(wire, deadline());
    await sender.send(wire, deadline());
    const [first, second] = server.requests;
    expect(first?.headers['content-encoding']).toBe('gzip');
    expect(first?.body.equals(large.bytes)).toBe(true);
    expect(second?.raw.equals(first!.raw)).toBe(true);
    await send();
    expect(server.requests[2]?.headers).not.toHaveProperty('content-encoding');
  });

  it('is compressed with zstd where this Node.js has it, else with the next best', async () => {
    await using server = await recordingServer();
    await connect(server.url, { encodings: ['zstd', 'gzip'] }).send(large);
    expect(server.requests[0]?.headers['content-encoding']).toBe('zstdCompress' in zlib ? 'zstd' : 'gzip');
    expect(server.requests[0]?.body.equals(large.bytes)).toBe(true);
    await connect(server.url, { settings: { compression: 'none' } }).send(large);
    expect(server.requests[1]?.raw.equals(large.bytes)).toBe(true);
    expect(() => connect(server.url, { settings: { compression: 'deflate' } })).toThrow(
      "to be 'auto' | 'none' | 'gzip'",
    );
  });
});

describe('a header of the user', () => {
  it('can be sent where it is accepted, whatever its name and its value are', async () => {
    await using server = await recordingServer();
    const character = fc.integer({ min: 0, max: 0x120 }).map((code) => String.fromCharCode(code));
    const value = fc.string({ unit: character, maxLength: 6 });
    const known = [
      'x-team',
      'keep-alive',
      'connection',
      'host',
      'te',
      'trailer',
      'expect',
      'upgrade',
      'cookie',
      'date',
    ];
    const name = fc.oneof(fc.constantFrom(...known), fc.string({ minLength: 1, maxLength: 3 }));
    await fc.assert(
      fc.asyncProperty(name, value, async (header, content) => {
        const options = { headers: { [header]: content } };
        const problems: Problem[] = [];
        schema.parse(options, '', problems);
        if (problems.length === 0) expect(await connect(server.url, { options }).send()).toMatchObject({ status: 204 });
      }),
    );
  });

  it('is refused where it is given twice, in different case', () => {
    const problems: Problem[] = [];
    schema.parse({ headers: { 'X-Team': 'a', 'x-team': 'b' } }, '', problems);
    expect(problems).toEqual([
      { path: 'headers', expected: 'an object with each name once, in whatever case', got: 'X-Team and x-team' },
    ]);
  });

  it.each(['日志', 'a\nb', 'a\rb', 'a\0b', 'Ā', '\ufeffx'])(
    'is refused at once where it cannot be sent: %j',
    (value) => {
      const text =
        'to be a non-empty string without control characters and without characters beyond U+00FF, got a string';
      expect(() => connect('http://h', { options: { headers: { 'x-team': value } } })).toThrow(
        `Expected \`headers.x-team\` ${text}`,
      );
    },
  );

  it.each(['日志', 'a b', 'a\n', ' a', '\ufeffa'])(
    'is refused as a token where that cannot be one: %j',
    (bearerToken) => {
      expect(() => connect('http://h', { options: { bearerToken } })).toThrow(
        'Expected `bearerToken` to be a token: printable ASCII characters without spaces, got a string',
      );
    },
  );
});

describe('a reply', () => {
  it('is kept up to 64 KiB, and the rest read so that the connection lives on', async () => {
    await using server = await recordingServer([{ status: 400, body: 'x'.repeat(300_000) }]);
    const { send } = connect(server.url, { settings: { maxInFlight: 1 } });
    for (let i = 0; i < 3; i++) expect((await send()).body).toHaveLength(65_536);
    expect(server.connections).toBe(1);
  });

  it('is kept as far as the transport asks for', async () => {
    await using server = await recordingServer([{ body: 'x'.repeat(3_000_000), status: 200 }]);
    const { send } = connect(server.url, { maxReplyBytes: 2_000_000 });
    expect((await send()).body).toHaveLength(2_000_000);
  });

  it('is not awaited when it never ends', async () => {
    await using server = await recordingServer([{ status: 500, body: 'x'.repeat(8_000_000) }]);
    const { send } = connect(server.url);
    expect(await send()).toMatchObject({ status: 500 });
    expect((await send()).body).toHaveLength(65_536);
  });

  it('that redirects is not followed', async () => {
    await using elsewhere = await recordingServer();
    await using server = await recordingServer([{ status: 307, headers: { location: elsewhere.url } }]);
    const { transport, send } = connect(server.url);
    expect(transport.classify(await send(), batch)).toMatchObject({ outcome: 'hold' });
    expect(elsewhere.requests).toHaveLength(0);
  });

  it('counts when it refuses and then breaks off, but not when it accepts and breaks off', async () => {
    await using server = await recordingServer([
      { status: 413, body: 'too large', reset: 'midReply' },
      { status: 200, body: 'ok', reset: 'midReply' },
    ]);
    const { transport, send, failure } = connect(server.url);
    expect(transport.classify(await send(), batch)).toEqual({ outcome: 'split', reason: '413: too large' });
    expect(await failure()).toMatchObject({ outcome: 'retry' });
  });

  it('that comes before the body was read counts', async () => {
    await using server = await recordingServer([{ status: 413, refuseEarly: true }]);
    const { transport, send } = connect(server.url);
    expect(transport.classify(await send(), batch)).toMatchObject({ outcome: 'split' });
  });
});

describe('without a reply', () => {
  it('a refused connection is retried', async () => {
    const server = await recordingServer();
    await server.close();
    expect(await connect(server.url).failure()).toEqual({
      outcome: 'retry',
      reason: 'connection refused (ECONNREFUSED)',
    });
  });

  it('an unknown host is retried', async () => {
    expect(await connect('http://host.invalid').failure()).toMatchObject({ outcome: 'retry' });
  });

  it('a connection that was new and breaks is a failed attempt', async () => {
    await using server = await recordingServer([{ reset: 'afterBody' }]);
    expect(await connect(server.url).failure()).toMatchObject({ outcome: 'retry' });
    expect(server.requests).toHaveLength(1);
  });

  it('a reused connection that breaks is replaced at once, and only once', async () => {
    await using server = await recordingServer([{}, { reset: 'afterBody' }, {}, { reset: 'afterBody' }]);
    const { send, failure } = connect(server.url, { settings: { maxInFlight: 1 } });
    await send();
    // The second request meets a reset on the reused connection, and goes again on a new one, unseen.
    expect(await send()).toMatchObject({ status: 204 });
    expect(server.requests).toHaveLength(3);
    expect(server.connections).toBe(2);
    expect(await failure()).toMatchObject({ outcome: 'retry' });
    expect(server.requests).toHaveLength(5);
  });

  it('connections that the server closed while idle do not matter', async () => {
    await using server = await recordingServer();
    const { send } = connect(server.url);
    for (let i = 0; i < 5; i++) {
      await send();
      server.dropConnections();
    }
    expect(server.requests).toHaveLength(5);
  });

  it('an aborted signal ends the wait, for a reply and for a free connection', async () => {
    await using server = await recordingServer([{ hang: true }]);
    const { send } = connect(server.url, { settings: { maxInFlight: 1 } });
    const controller = new AbortController();
    const both = Promise.allSettled([send(batch, controller.signal), send(batch, controller.signal)]);
    await server.received(1);
    controller.abort(new Error('given up'));
    for (const result of await both)
      expect(result).toMatchObject({ status: 'rejected', reason: { message: 'given up' } });
    server.script({});
    expect(await send()).toMatchObject({ status: 204 });
  });

  it('closing ends what is under way, and what comes later', async () => {
    await using server = await recordingServer([{ hang: true }]);
    const { sender, send, failure } = connect(server.url);
    const pending = send().then(
      () => 'replied',
      () => 'ended',
    );
    await server.received(1);
    await sender.close();
    await sender.close();
    expect(await pending).toBe('ended');
    expect(await failure()).toMatchObject({ outcome: 'retry' });
  });
});

describe('connections', () => {
  it('are reused, and no more than are allowed', async () => {
    await using server = await recordingServer([{ delayMs: 5 }]);
    const { send } = connect(server.url, { settings: { maxInFlight: 3 } });
    await Promise.all(Array.from({ length: 12 }, () => send()));
    expect(server.requests).toHaveLength(12);
    expect(server.connections).toBe(3);
  });

  it('are made anew with age, letting requests under way finish', async () => {
    await using server = await recordingServer([{ delayMs: 100 }, {}]);
    let elapsed = 0;
    const runtime = { ...systemRuntime, monotonic: () => elapsed, random: () => 0.5 };
    const { send } = connect(server.url, { runtime, options: { maxConnectionAgeMs: 60_000 } });
    const slow = send();
    await server.received(1);
    elapsed = 59_000;
    await send();
    elapsed = 61_000;
    await send();
    expect(await slow).toMatchObject({ status: 204 });
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 2, 3]);
  });
});

describe('credentials', () => {
  it('come from the URL, which then no longer shows them', async () => {
    await using server = await recordingServer();
    const { transport, send } = connect(server.url.replace('http://', 'http://joe:p%40ss@'));
    await send();
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('joe:p@ss').toString('base64')}`);
    expect(transport.destination).toBe(`${server.url}/logs`);
  });

  it.each([
    ['joe:50%off', 'joe:50%off'],
    ['joe:%ff%40', 'joe:%ff%40'],
    ['joe:%C3%A9%', 'joe:é%'],
  ])('come from the URL also where a percent sign is just that: %s', async (written, meant) => {
    await using server = await recordingServer();
    await connect(server.url.replace('http://', `http://${written}@`)).send();
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from(meant).toString('base64')}`);
  });

  it('come from files, which are read again when they change', async () => {
    await using server = await recordingServer();
    const [token, headers] = [join(directory, 'token'), join(directory, 'headers')];
    await writeFile(token, 'first\n');
    await writeFile(headers, '# rotated hourly\nX-Key: one\n');
    const { send } = connect(server.url, { options: { bearerTokenFile: token, headersFile: headers } });
    await send();
    await writeFile(token, 'second, longer'.replace(', ', '-'));
    await writeFile(headers, 'X-Key: three\n');
    await send();
    expect(server.requests.map(({ headers: sent }) => [sent.authorization, sent['x-key']])).toEqual([
      ['Bearer first', 'one'],
      ['Bearer second-longer', 'three'],
    ]);
    await rm(token);
    expect(await send()).toMatchObject({ status: 204 });
  });

  it.each([
    [{ bearerToken: 'hunter2', bearerTokenFile: '/run/token' }, 'bearerToken', 'bearerTokenFile'],
    [
      { basicAuth: { username: 'joe', password: 'hunter2', passwordFile: '/run/password' } },
      'basicAuth.password',
      'basicAuth.passwordFile',
    ],
  ])('are refused in two forms: %j', (options, one, other) => {
    expect(() => connect('http://h', { options })).toThrow(
      new RegExp(`^Expected \`${one}\` to be left out where \`${other}\` is given, got a string$`),
    );
  });

  it('come from files that begin with a mark and end in a line, as some editors write them', async () => {
    await using server = await recordingServer();
    const file = async (name: string, text: string) => {
      await writeFile(join(directory, name), text);
      return join(directory, name);
    };
    const options = {
      bearerTokenFile: await file('token', '\ufefftoken\r\n'),
      headersFile: await file('headers', '\ufeff# rotated hourly\r\n X-Key: one\r\n\r\n'),
    };
    await connect(server.url, { options }).send();
    expect(server.requests[0]?.headers).toMatchObject({ authorization: 'Bearer token', 'x-key': 'one' });
    await file('headers', 'X-Key: 日志\n');
    expect(await connect(server.url, { options }).failure()).toMatchObject({ outcome: 'hold' });
    const basicAuth = { username: 'jo', passwordFile: await file('password', '\ufeff日志\r\n') };
    for (const each of [basicAuth, { username: 'jo', password: '日志' }])
      await connect(server.url, { options: { basicAuth: each } }).send();
    const sent = `Basic ${Buffer.from('jo:日志').toString('base64')}`;
    expect(server.requests.slice(1).map(({ headers }) => headers.authorization)).toEqual([sent, sent]);
  });

  it('come from a secret of the transport, given as it is or as a file', async () => {
    await using server = await recordingServer();
    const secret = { name: 'authorization', option: 'apiKey', format: (text: string) => `ApiKey ${text}` };
    await connect(server.url, { secretHeader: { ...secret, value: 'first', file: undefined } }).send();
    const file = join(directory, 'key');
    await writeFile(file, 'second\n');
    const { send, failure } = connect(server.url, { secretHeader: { ...secret, value: undefined, file } });
    await send();
    await writeFile(file, 'third');
    await send();
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'ApiKey first',
      'ApiKey second',
      'ApiKey third',
    ]);
    await writeFile(file, 'two words');
    expect(await failure()).toEqual({ outcome: 'hold', reason: 'The file of `apiKeyFile` does not hold one secret' });
  });

  it('that cannot be read are a hold that names the option', async () => {
    await using server = await recordingServer();
    const passwordFile = join(directory, 'none');
    const { failure } = connect(server.url, { options: { basicAuth: { username: 'joe', passwordFile } } });
    expect(await failure()).toEqual({
      outcome: 'hold',
      reason: 'Cannot read the file of `basicAuth.passwordFile` (ENOENT)',
    });
  });

  it('are renewed once after a 401, and the verdict stands then', async () => {
    await using server = await recordingServer([{ status: 401 }]);
    const asked: boolean[] = [];
    const { send } = connect(server.url, {
      authorize: (_, { refresh }) => {
        asked.push(refresh);
        return { authorization: `Bearer ${asked.length}` };
      },
    });
    expect(await send()).toMatchObject({ status: 401 });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer 1', 'Bearer 2']);
    expect(asked).toEqual([false, true]);
  });

  it('that did not change are not tried twice', async () => {
    await using server = await recordingServer([{ status: 401 }]);
    const { send } = connect(server.url, { options: { bearerToken: 'same' } });
    expect(await send()).toMatchObject({ status: 401 });
    expect(server.requests).toHaveLength(1);
  });

  it('can sign the request as it goes out, and be fetched from elsewhere', async () => {
    await using tokens = await recordingServer([{ status: 200, body: 'fetched' }]);
    await using server = await recordingServer();
    let signed: Buffer | undefined;
    const { send } = connect(server.url, {
      async authorize({ method, url, headers, body }, context) {
        signed = body;
        const reply: HttpReply = await context.fetch(new URL('/token?a=1', tokens.url), { method: 'POST' });
        return { authorization: `${method} ${url.pathname} ${headers['content-encoding']} ${reply.body}` };
      },
    });
    await send(large);
    expect(server.requests[0]?.headers.authorization).toBe('POST /logs gzip fetched');
    expect(server.requests[0]?.raw.equals(signed!)).toBe(true);
    expect(tokens.requests[0]).toMatchObject({ method: 'POST', path: '/token?a=1' });
  });

  it('are renewed too when the destination has its own way to refuse them, and it is told what was said', async () => {
    await using server = await recordingServer([{ status: 400, body: 'expired' }, { status: 204 }, { status: 400 }]);
    const refusals: (string | undefined)[] = [];
    const { send } = connect(server.url, {
      refuses: ({ status, body }) => status === 400 && body.toString() === 'expired',
      authorize: (_, { refusal }) => {
        refusals.push(refusal?.body.toString());
        return { authorization: `Token ${refusals.length}` };
      },
    });
    expect(await send()).toMatchObject({ status: 204 });
    expect(await send()).toMatchObject({ status: 400 });
    expect(refusals).toEqual([undefined, 'expired', undefined]);
  });

  it('of this machine are asked for without the proxy', async () => {
    await using proxy = await recordingServer([{ status: 502 }]);
    await using tokens = await recordingServer([{ body: 'fetched', status: 200 }]);
    let status = 0;
    const { send } = connect('http://logs.example', {
      options: { proxy: proxy.url },
      authorize: async (_, context) => {
        ({ status } = await context.fetch(new URL('/token', tokens.url), {}));
        return {};
      },
    });
    expect(await send()).toMatchObject({ status: 502 });
    expect(status).toBe(200);
    expect(proxy.requests).toHaveLength(1);
  });

  it('that are asked for in vain leave time for the request, as those that are at hand may do', async () => {
    await using tokens = await recordingServer([{ hang: true }]);
    await using server = await recordingServer();
    // A minute in a second.
    const after: Runtime['after'] = (ms, callback, more) => systemRuntime.after(ms / 60, callback, more);
    const { send } = connect(server.url, {
      runtime: { ...systemRuntime, after },
      authorize: async (_, { fetch }) => {
        const failed = await fetch(new URL(tokens.url), {}).catch(classifyFailure);
        expect(failed).toEqual({ outcome: 'retry', reason: 'timed out waiting for the reply (SPILLWAY_TIMEOUT)' });
        return { authorization: 'at hand' };
      },
    });
    expect(await send(batch, AbortSignal.timeout(5000))).toMatchObject({ status: 204 });
    expect(server.requests[0]?.headers.authorization).toBe('at hand');
  });

  it('that are not to be had are a hold with the words of who looked for them', async () => {
    await using server = await recordingServer();
    const { failure } = connect(server.url, {
      authorize: () => Promise.reject(new SpillwayError('SPILLWAY_CREDENTIALS', 'No service account')),
    });
    expect(await failure()).toEqual({ outcome: 'hold', reason: 'No service account' });
  });
});

describe('TLS', () => {
  const ours = authority();
  const theirs = authority('Other authority');

  it('verifies servers, also where the environment says not to', async () => {
    await using server = await recordingServer([], ours.issue());
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      expect(await connect(server.url).failure()).toMatchObject({
        outcome: 'hold',
        reason: expect.stringContaining('TLS'),
      });
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
    expect(server.requests).toHaveLength(0);
    expect(await connect(server.url, { options: { tls: { ca: ours.cert } } }).send()).toMatchObject({ status: 204 });
  });

  it('is refused where nothing speaks it, but not where the proxy does', () => {
    const options = { tls: { ca: 'ca.pem' } };
    expect(() => connect('http://h', { options })).toThrow(
      'Expected no `test.tls` with http://, where it has no effect',
    );
    expect(() => connect('http://h', { options: { ...options, proxy: 'https://proxy:3128' } })).not.toThrow();
  });

  it('refuses a certificate for another name', async () => {
    await using server = await recordingServer([], ours.issue('other.example'));
    expect(await connect(server.url, { options: { tls: { ca: ours.cert } } }).failure()).toMatchObject({
      outcome: 'hold',
    });
    const tls = { ca: ours.cert, serverName: 'other.example' };
    expect(await connect(server.url, { options: { tls } }).send()).toMatchObject({ status: 204 });
  });

  it('shows a client certificate, and another one when the file changed', async () => {
    await using server = await recordingServer([], { ...ours.issue(), ca: ours.cert });
    const files = { ca: join(directory, 'ca.pem'), cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
    const write = ({ cert, key }: { cert: string; key: string }) =>
      Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)]);
    await writeFile(files.ca, ours.cert);
    await write(theirs.issue('client of another authority'));
    const { send, failure } = connect(server.url, { options: { tls: files } });
    expect((await failure()).outcome).not.toBe('ack');
    expect(server.requests).toHaveLength(0);
    await write(ours.issue('client'));
    expect(await send()).toMatchObject({ status: 204 });
    expect(await connect(server.url, { options: { tls: { ca: files.ca } } }).failure()).not.toMatchObject({
      outcome: 'ack',
    });
  });

  it('towards a server without TLS is a hold', async () => {
    await using server = await recordingServer();
    const url = server.url.replace('http://127.0.0.1', 'https://localhost');
    expect(await connect(url).failure()).toMatchObject({ outcome: 'hold' });
  });
});

describe('a proxy', () => {
  /** A real one: forwards plain requests, tunnels CONNECT, and notes to where. */
  async function tunnel(refusal?: string) {
    const targets: string[] = [];
    const sockets = new Set<net.Socket>();
    const server = createHttpServer((request, response) => {
      targets.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
      const { method, headers } = request;
      const forwarded = httpRequest(request.url!, { method: method!, headers }, (answer) => {
        response.writeHead(answer.statusCode!);
        answer.pipe(response);
      });
      forwarded.on('error', () => response.destroy());
      request.pipe(forwarded);
    });
    server.on('connect', (request, client: net.Socket) => {
      if (refusal) return void client.end(`HTTP/1.1 ${refusal}\r\n\r\n`);
      targets.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
      const [host, port] = request.url!.split(':');
      const upstream = net.connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        client.pipe(upstream).pipe(client);
      });
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => socket.destroy());
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      port: (server.address() as AddressInfo).port,
      targets,
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  it('forwards plain HTTP, and its refusal is a hold', async () => {
    await using proxy = await tunnel();
    await using server = await recordingServer();
    const { send } = connect(server.url, { options: { proxy: `http://joe:pw@127.0.0.1:${proxy.port}` } });
    expect(await Promise.all([send(), send(), send()])).toMatchObject([
      { status: 204 },
      { status: 204 },
      { status: 204 },
    ]);
    expect(server.requests.map(({ body }) => body.equals(batch.bytes))).toEqual([true, true, true]);
    expect(new Set(proxy.targets)).toEqual(
      new Set([`${server.url}/logs?stream=a Basic ${Buffer.from('joe:pw').toString('base64')}`]),
    );
    await using closed = await recordingServer([{ status: 407 }]);
    expect((await connect(server.url, { options: { proxy: closed.url } }).failure()).outcome).toBe('hold');
  });

  it.each([
    ['407 Proxy Authentication Required', 'hold'],
    ['502 Bad Gateway', 'retry'],
  ])('that answers a tunnel with %s is a %s', async (refusal, outcome) => {
    await using proxy = await tunnel(refusal);
    const options = { proxy: `http://127.0.0.1:${proxy.port}` };
    expect(await connect('https://localhost:9', { options }).failure()).toEqual({
      outcome,
      reason: `the proxy answered ${refusal.slice(0, 3)}`,
    });
  });

  it.each([
    ['token', 'token:'],
    ['joe:50%off', 'joe:50%off'],
    ['joe:p%40ss', 'joe:p@ss'],
  ])('is told its credentials, also where they are %s', async (written, meant) => {
    await using proxy = await tunnel();
    await using server = await recordingServer();
    const { send } = connect(server.url, { options: { proxy: `http://${written}@127.0.0.1:${proxy.port}` } });
    expect(await send()).toMatchObject({ status: 204 });
    expect(proxy.targets).toEqual([`${server.url}/logs?stream=a Basic ${Buffer.from(meant).toString('base64')}`]);
  });

  it('gets no more connections than are allowed, for plain HTTP too', async () => {
    await using proxy = await recordingServer([{ delayMs: 5 }]);
    const { send } = connect('http://logs.example', { options: { proxy: proxy.url }, settings: { maxInFlight: 2 } });
    await Promise.all(Array.from({ length: 8 }, () => send()));
    expect(proxy.connections).toBe(2);
  });

  it.each([{ reset: 'afterBody' } as const, { reset: 'beforeBody' } as const])(
    'that breaks a reused connection gets another one at once: %j',
    async (broken) => {
      await using proxy = await recordingServer([{}, broken, {}]);
      const { send } = connect('http://logs.example', { options: { proxy: proxy.url }, settings: { maxInFlight: 1 } });
      await send();
      expect(await send()).toMatchObject({ status: 204 });
      expect(proxy.connections).toBe(2);
    },
  );

  it('that breaks a reused tunnel gets another one at once, but not a new one', async () => {
    const ours = authority();
    await using proxy = await tunnel();
    await using server = await recordingServer([{}, { reset: 'afterBody' }, {}], ours.issue());
    const options = { tls: { ca: ours.cert }, proxy: `http://127.0.0.1:${proxy.port}` };
    const { send } = connect(server.url, { options, settings: { maxInFlight: 1 } });
    await send();
    expect(await send()).toMatchObject({ status: 204 });
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
    server.script({ reset: 'afterBody' });
    expect(await connect(server.url, { options }).failure()).toMatchObject({ outcome: 'retry' });
    expect(server.requests).toHaveLength(4);
  });

  it('that wants other credentials is named, for plain HTTP too', async () => {
    await using proxy = await recordingServer([{ status: 407 }]);
    expect(await connect('http://logs.example', { options: { proxy: proxy.url } }).failure()).toEqual({
      outcome: 'hold',
      reason: 'the proxy answered 407',
    });
  });

  it('that does not answer is given up like a connection, so that the next attempt makes a new one', async () => {
    const sockets: net.Socket[] = [];
    const silent = net.createServer((socket) => sockets.push(socket.on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const proxy = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const settings = { maxInFlight: 1 };
    const { failure } = connect('https://localhost:9', { settings, options: { proxy, connectTimeoutMs: 200 } });
    for (const connections of [1, 2]) {
      expect(await failure(batch, AbortSignal.timeout(5000))).toEqual({
        outcome: 'retry',
        reason: 'timed out waiting for the reply (UND_ERR_HEADERS_TIMEOUT)',
      });
      expect(sockets).toHaveLength(connections);
    }
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('is used when the option or the environment says so, with its credentials, and TLS goes through it', async () => {
    const ours = authority();
    await using proxy = await tunnel();
    await using server = await recordingServer([], ours.issue());
    const { host } = new URL(server.url);
    const tls = { ca: ours.cert };
    await connect(server.url, { options: { tls, proxy: `http://joe:pw@127.0.0.1:${proxy.port}` } }).send();
    process.env.HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`;
    try {
      await connect(server.url, { options: { tls } }).send();
      await connect(server.url, { options: { tls, proxy: false } }).send();
    } finally {
      delete process.env.HTTPS_PROXY;
    }
    expect(proxy.targets).toEqual([`${host} Basic ${Buffer.from('joe:pw').toString('base64')}`, host]);
    expect(server.requests).toHaveLength(3);
  });
});
