import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decodeMulti, ExtensionCodec, encode } from '@msgpack/msgpack';
import { type Batch, classifyFailure, type SendSettings, systemRuntime } from '@spillway/core';
import {
  authority,
  batchOf,
  linesOf,
  type PeerOptions,
  recordingPeer,
  sendSettings,
  transportContract,
} from '@spillway/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FluentOptions, fluent } from './fluent.js';
import type { FluentWire } from './fluent-entries.js';
import { login } from './fluent-login.js';
import type { FluentReply } from './fluent-session.js';

const extensionCodec = new ExtensionCodec();
extensionCodec.register({
  type: 0,
  encode: () => null,
  decode: (data) => {
    const view = new DataView(data.buffer, data.byteOffset, 8);
    return BigInt(view.getUint32(0)) * 1_000_000_000n + BigInt(view.getUint32(4));
  },
});
type Entry = [ns: bigint, record: Record<string, unknown>];
const entriesOf = (body: Uint8Array) => [...decodeMulti(body, { extensionCodec })] as Entry[];

interface Options {
  readonly size: number;
  readonly chunk?: string;
  readonly compressed?: string;
}
type Message = [tag: string, entries: Uint8Array, options: Options];
/** Whole messages of a stream; what is cut off at the end is left out. */
function messagesOf(data: Buffer): Message[] {
  const messages: Message[] = [];
  try {
    for (const value of decodeMulti(data)) messages.push(value as Message);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return messages.filter((message) => message.length === 3);
}

const url = 'tcp://127.0.0.1:9';

transportContract<FluentOptions, FluentWire, FluentReply>({
  name: 'fluent',
  make: fluent,
  options: { url },
  variants: {
    line: { url, record: 'line', lineField: 'message' },
    ids: { url, idField: 'eid' },
    'line with ids': { url, record: 'line', idField: 'eid' },
  },
  lengthens: true,
  secret: {
    options: {
      url: 'tls://127.0.0.1:9',
      sharedKey: 'hunter2',
      username: 'joe',
      password: 'hunter3',
      tls: { key: 'hunter4' },
    },
    secrets: ['hunter2', 'hunter3', 'hunter4'],
  },
  decode: ({ body, count }) => {
    const entries = entriesOf(body);
    expect(entries).toHaveLength(count);
    return entries;
  },
  expected(batch, i, { record, lineField = 'log', idField }) {
    const fields = record === 'line' ? { [lineField]: batch.line(i).toString() } : batch.fields(i);
    return [
      BigInt(batch.times[i]!) * 1_000_000n + BigInt(batch.nanosecond(i)),
      idField ? { ...fields, [idField]: batch.recordId(i) } : fields,
    ];
  },
  replies: [
    { name: 'acknowledged', reply: { kind: 'acknowledged' }, verdict: 'ack' },
    { name: 'taken, where no acknowledgement was asked for', reply: { kind: 'taken' }, verdict: 'ack' },
    { name: 'silence', reply: { kind: 'unacknowledged', overtaken: false }, verdict: 'retry' },
    { name: 'silence about this one alone', reply: { kind: 'unacknowledged', overtaken: true }, verdict: 'split' },
    {
      name: 'silence about this one alone, a single record',
      reply: { kind: 'unacknowledged', overtaken: true },
      batch: batchOf(['{"msg":"a"}']),
      verdict: 'reject',
    },
    {
      name: 'login refused',
      reply: { kind: 'refused', reason: 'login refused: shared_key mismatch' },
      verdict: { outcome: 'hold', reason: 'login refused: shared_key mismatch' },
    },
    { name: 'no login', reply: { kind: 'noLogin' }, verdict: 'retry' },
  ],
});

const three = batchOf(['{"level":30,"msg":"a"}', '{"level":40,"msg":"b"}', '{"level":50,"msg":"c"}']);
const large = batchOf(Array.from({ length: 200 }, (_, i) => `{"level":30,"n":${i},"msg":"hello"}`));

const listen = async (options: PeerOptions = {}) => {
  const peer = await recordingPeer(options);
  onTestFinished(() => peer.close());
  return peer;
};

function open(options: FluentOptions, settings: Partial<SendSettings> = {}) {
  const transport = fluent(options);
  const sender = transport.open(systemRuntime, { ...sendSettings, ...settings });
  onTestFinished(() => sender.close());
  const send = async (batch: Batch, signal = AbortSignal.timeout(15_000), wire = transport.encode(batch)) => {
    try {
      return transport.classify(await sender.send(wire, signal), batch);
    } catch (error) {
      return classifyFailure(error);
    }
  };
  return { transport, send };
}

/** A receiver that acknowledges what it is told to. */
function acknowledging(wanted: (message: Message) => boolean = () => true): PeerOptions {
  const seen = new WeakMap<object, number>();
  return {
    received(connection) {
      const messages = messagesOf(connection.data);
      for (const message of messages.slice(seen.get(connection) ?? 0)) {
        if (wanted(message)) connection.socket.write(encode({ ack: message[2].chunk }));
      }
      seen.set(connection, messages.length);
    },
  };
}

describe('a chunk', () => {
  it('is what the reference says, byte for byte', async () => {
    const peer = await listen(acknowledging());
    const { send, transport } = open({ url: `tcp://127.0.0.1:${peer.port}`, tag: 'app.web' });
    const batch = batchOf(['{"level":30,"msg":"hi"}'], { times: [1_700_000_000_123], nanos: [0] });
    expect(await send(batch)).toEqual({ outcome: 'ack' });
    const { chunk } = transport.encode(batch);
    expect(Buffer.from(chunk, 'base64')).toHaveLength(16);
    expect(peer.data.toString('hex')).toBe(
      `93a76170702e776562c41a92d7006553f1000754d4c082a56c6576656c1ea36d7367a2686982a473697a6501a56368756e6bb8${Buffer.from(chunk).toString('hex')}`,
    );
  });

  it.each(['auto', 'gzip'] as const)('is compressed where that pays (%s)', async (compression) => {
    const peer = await listen(acknowledging());
    const { send } = open({ url: `tcp://127.0.0.1:${peer.port}`, tag: 'shop' }, { compression });
    expect(await Promise.all([send(large), send(three)])).toEqual([{ outcome: 'ack' }, { outcome: 'ack' }]);
    const messages = messagesOf(peer.data).sort((a, b) => b[2].size - a[2].size);
    expect(messages.map(([tag, , options]) => [tag, options.size, options.compressed])).toEqual([
      ['shop', 200, 'gzip'],
      ['shop', 3, undefined],
    ]);
    expect(entriesOf(gunzipSync(messages[0]![1])).map(([, record]) => record)).toEqual(
      linesOf(large).map((line) => JSON.parse(line)),
    );
  });

  it('has the same id whenever it is sent, and another one for other records', () => {
    const { transport } = open({ url });
    expect(transport.encode(three).chunk).toBe(fluent({ url }).encode(three).chunk);
    const chunks = [three, three.range(0, 2), three.range(1, 3), three.pick([0, 2])].map(
      (b) => transport.encode(b).chunk,
    );
    expect(new Set(chunks).size).toBe(4);
  });

  it('carries a line that is no JSON as it is', () => {
    const odd = batchOf(['{"a":01}', 'not json', '{"b":1}']);
    const records = (options: Partial<FluentOptions>) =>
      entriesOf(fluent({ url, ...options }).encode(odd).body).map(([, record]) => record);
    expect(records({})).toEqual([{ log: '{"a":01}' }, { log: 'not json' }, { b: 1 }]);
    expect(records({ lineField: 'message', idField: 'eid' })).toEqual([
      { message: '{"a":01}', eid: 'w1-1' },
      { message: 'not json', eid: 'w1-2' },
      { b: 1, eid: 'w1-3' },
    ]);
  });

  it('has times that EventTime can hold', () => {
    const batch = batchOf(['{}', '{}', '{}', '{}'], { times: [-5, 0.5, 4e15, Number.NaN], firstSequence: 7 });
    const times = entriesOf(fluent({ url }).encode(batch).body).map(([ns]) => ns);
    expect(times).toEqual([7n, 8n, 4_294_967_295_999_000_009n, 10n]);
  });
});

describe('acknowledgements', () => {
  it('settle each its own chunk, in whatever order and pieces they come', async () => {
    const peer = await listen({
      received({ data, socket }) {
        const messages = messagesOf(data);
        if (messages.length < 3) return;
        const answers = messages
          .reverse()
          .map(([, , { chunk }]) => Buffer.from(encode({ ack: chunk, more: [1, null] })));
        const bytes = Buffer.concat([Buffer.from(encode({ ack: 'of nobody' })), ...answers]);
        socket.write(bytes.subarray(0, 40));
        setImmediate(() => socket.write(bytes.subarray(40)));
      },
    });
    const { send } = open({ url: `tcp://127.0.0.1:${peer.port}` });
    const verdicts = await Promise.all([
      send(three),
      send(large),
      send(batchOf(['{"msg":"d"}'], { firstSequence: 9 })),
    ]);
    expect(verdicts).toEqual([{ outcome: 'ack' }, { outcome: 'ack' }, { outcome: 'ack' }]);
    expect(peer.connections).toHaveLength(1);
  });

  it('that do not come are a retry, of the same bytes on a new connection', async () => {
    const peer = await listen(acknowledging(() => peer.connections.length > 1));
    const { send, transport } = open({ url: `tcp://127.0.0.1:${peer.port}` });
    const limit = new AbortController();
    const wire = transport.encode(three);
    const first = send(three, limit.signal, wire);
    await peer.until(() => messagesOf(peer.data).length === 1, 'the chunk');
    limit.abort();
    expect(await first).toEqual({ outcome: 'retry', reason: 'no acknowledgement in time' });
    expect(await send(three, undefined, wire)).toEqual({ outcome: 'ack' });
    const [before, after] = peer.connections.map(({ data }) => messagesOf(data)[0]);
    expect(after).toEqual(before);
  });

  it('that others get, but one does not, say that it is not wanted', async () => {
    const peer = await listen(acknowledging(([, , { size }]) => size !== 200));
    const { send } = open({ url: `tcp://127.0.0.1:${peer.port}` }, { compression: 'none' });
    const limit = new AbortController();
    const unwanted = send(large, limit.signal);
    await peer.until(() => messagesOf(peer.data).length === 1, 'the unwanted chunk');
    expect(await send(three)).toEqual({ outcome: 'ack' });
    limit.abort();
    expect(await unwanted).toMatchObject({ outcome: 'split' });
  });

  it('are asked for an empty chunk where a single batch got none, to tell a receiver that is well from one that is not', async () => {
    const peer = await listen(acknowledging(([, , { size }]) => size !== 3));
    const { send, transport } = open({ url: `tcp://127.0.0.1:${peer.port}` });
    const wire = transport.encode(three);
    const attempt = async (messages: number) => {
      const limit = new AbortController();
      const verdict = send(three, limit.signal, wire);
      await peer.until(() => messagesOf(peer.data).length === messages, 'the chunk');
      // An answer to what comes later has come after the answer to what came before.
      expect(await send(batchOf(['{"msg":"x"}'], { firstSequence: 50 + messages }))).toEqual({ outcome: 'ack' });
      limit.abort();
      return verdict;
    };
    expect(await attempt(1)).toMatchObject({ outcome: 'split' });
    const lonely = send(three, AbortSignal.timeout(4000), wire);
    expect(await lonely).toMatchObject({ outcome: 'split' });
    const last = messagesOf(peer.connections.at(-1)!.data);
    expect(last.map(([, entries, { size }]) => [entries.length > 0, size])).toEqual([
      [true, 3],
      [false, 0],
    ]);
  });

  it('can be done without', async () => {
    const peer = await listen();
    const { send } = open({ url: `tcp://127.0.0.1:${peer.port}`, requireAck: false, confirmMs: 50 });
    expect(await send(three)).toEqual({ outcome: 'ack' });
    expect(messagesOf(peer.data)[0]?.[2]).toEqual({ size: 3 });
    const broken = await listen({ received: ({ socket }) => void socket.resetAndDestroy() });
    const { send: unlucky } = open({ url: `tcp://127.0.0.1:${broken.port}`, requireAck: false, confirmMs: 15_000 });
    expect(await unlucky(three)).toMatchObject({ outcome: 'retry' });
  });

  it('in an unknown language are a hold', async () => {
    const peer = await listen({ received: ({ socket }) => void socket.write(Buffer.from([0xc1])) });
    expect(await open({ url: `tcp://127.0.0.1:${peer.port}` }).send(three)).toMatchObject({
      outcome: 'hold',
      reason: expect.stringContaining('another protocol'),
    });
  });
});

const sha512 = (...parts: (string | Uint8Array)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha512')).digest('hex');

/** A receiver with a `<security>` section, after the specification. */
function secured(
  key: string,
  { serverKey = key, users = {} as Record<string, string>, text = false } = {},
): PeerOptions {
  const nonce = Buffer.from('0123456789abcdef');
  const auth = Object.keys(users).length > 0 ? Buffer.from('fedcba9876543210') : Buffer.alloc(0);
  const plain = (bytes: Buffer) => (text ? bytes.toString() : bytes);
  const { received } = acknowledging();
  const greeted = new WeakSet<object>();
  return {
    accept: (socket) =>
      void socket.write(encode(['HELO', { nonce: plain(nonce), auth: plain(auth), keepalive: true }])),
    received(connection, number) {
      if (greeted.has(connection))
        return received!({ ...connection, data: afterPing(connection.data), socket: connection.socket }, number);
      const [ping] = [...decodeMulti(connection.data)] as [string, string, Uint8Array, string, string, string][];
      if (ping![0] !== 'PING') return void connection.socket.destroy();
      const [, hostname, salt, proof, user, secret] = ping!;
      greeted.add(connection);
      const known = proof === sha512(salt, hostname, nonce, key);
      const allowed = auth.length === 0 || secret === sha512(auth, user, users[user] ?? '');
      const reason = known ? (allowed ? '' : 'username/password mismatch') : 'shared_key mismatch';
      const answer = sha512(salt, 'fluent.test', nonce, serverKey);
      connection.socket.write(encode(['PONG', reason === '', reason, 'fluent.test', reason === '' ? answer : '']));
    },
  };
}

/** What follows the login. */
function afterPing(data: Buffer): Buffer {
  const [ping] = [...decodeMulti(data)];
  return data.subarray(encode(ping).length);
}

describe('a login', () => {
  it.each([
    ['a key', {}, {}],
    ['a key, salts as text', { text: true }, {}],
    ['a key and a user', { users: { shop: 'pw' } }, { username: 'shop', password: 'pw' }],
    ['a user that nobody asks for', {}, { username: 'shop', password: 'pw' }],
  ])('with %s', async (_, server, client) => {
    const peer = await listen(secured('secret', server));
    const { send } = open({ url: `tcp://127.0.0.1:${peer.port}`, sharedKey: 'secret', hostname: 'web-1', ...client });
    expect(await Promise.all([send(three), send(large)])).toEqual([{ outcome: 'ack' }, { outcome: 'ack' }]);
    expect(await send(batchOf(['{"msg":"d"}'], { firstSequence: 9 }))).toEqual({ outcome: 'ack' });
    expect(peer.connections).toHaveLength(1);
    expect(peer.data.includes('secret')).toBe(false);
    expect(peer.data.includes('pw')).toBe(false);
  });

  it.each([
    ['another key', {}, { sharedKey: 'other' }, 'login refused: shared_key mismatch'],
    [
      'another password',
      { users: { shop: 'pw' } },
      { username: 'shop', password: 'x' },
      'login refused: username/password mismatch',
    ],
    [
      'a receiver that only pretends to know it',
      { serverKey: 'guess' },
      {},
      'the destination does not know the shared key',
    ],
  ])('with %s is a hold', async (_, server, client, reason) => {
    const peer = await listen(secured('secret', server));
    const { send } = open({ url: `tcp://127.0.0.1:${peer.port}`, sharedKey: 'secret', ...client });
    expect(await send(three)).toEqual({ outcome: 'hold', reason });
    expect(messagesOf(peer.data)).toEqual([]);
  });

  it('with secrets from files, which may change', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spillway-fluent-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const sharedKeyFile = join(directory, 'key');
    const passwordFile = join(directory, 'password');
    await Promise.all([writeFile(sharedKeyFile, 'wrong\n'), writeFile(passwordFile, 'pw\n')]);
    const peer = await listen(secured('secret', { users: { shop: 'pw' } }));
    const { send } = open({ url: `tcp://127.0.0.1:${peer.port}`, sharedKeyFile, username: 'shop', passwordFile });
    expect(await send(three)).toMatchObject({ outcome: 'hold' });
    await writeFile(sharedKeyFile, 'secret\n');
    expect(await send(three)).toEqual({ outcome: 'ack' });
    await writeFile(sharedKeyFile, ' \n');
    const { send: empty } = open({ url: `tcp://127.0.0.1:${peer.port}`, sharedKeyFile });
    expect(await empty(three)).toEqual({ outcome: 'hold', reason: 'The file of `sharedKeyFile` is empty' });
  });

  it('that is wanted but not given, or given but not wanted', async () => {
    const peer = await listen(secured('secret'));
    expect(await open({ url: `tcp://127.0.0.1:${peer.port}` }).send(three)).toEqual({
      outcome: 'hold',
      reason: 'The destination wants a login: set `fluent.sharedKey`',
    });
    const silent = await listen();
    const { send } = open({ url: `tcp://127.0.0.1:${silent.port}`, sharedKey: 'secret', connectTimeoutMs: 300 });
    expect(await send(three)).toMatchObject({ outcome: 'retry', reason: expect.stringContaining('shared key?') });
    expect(silent.data).toHaveLength(0);
  });

  it.each([['PONG'], { ack: 'x' }, ['HELO'], 7].map((words) => [words]))(
    'survives a receiver that says %j',
    async (words) => {
      const peer = await listen({ accept: (socket) => void socket.write(encode(words)) });
      const { send } = open({ url: `tcp://127.0.0.1:${peer.port}`, sharedKey: 'secret', connectTimeoutMs: 300 });
      expect((await send(three)).outcome).not.toBe('ack');
    },
  );

  it('has the digests of the specification', () => {
    const salt = Buffer.alloc(16, 1);
    const helo = [
      'HELO',
      new Map([
        ['nonce', Buffer.from('n')],
        ['auth', Buffer.from('a')],
      ]),
    ];
    const identity = { hostname: 'h', sharedKey: 'k', username: 'u', password: 'p' };
    const { ping, refusal } = login(helo, identity, salt);
    expect([...decodeMulti(ping)]).toEqual([
      ['PING', 'h', expect.anything(), sha512(salt, 'h', 'n', 'k'), 'u', sha512('a', 'u', 'p')],
    ]);
    expect(refusal(['PONG', true, '', 'srv', sha512(salt, 'srv', 'n', 'k')])).toBeUndefined();
    expect(refusal(['PONG', true, '', 'srv', sha512(salt, 'srv', 'n', 'x')])).toBeDefined();
    expect(refusal(['PONG', true])).toBeDefined();
    expect(refusal(['PING'])).toBeDefined();
  });
});

it('TLS carries all of it', async () => {
  const ours = authority();
  const peer = await listen({ ...secured('secret'), tls: ours.issue() });
  const { send } = open({ url: `tls://localhost:${peer.port}`, sharedKey: 'secret', tls: { ca: ours.cert } });
  expect(await send(large)).toEqual({ outcome: 'ack' });
});

it.each([
  [{ url: 'http://host' }, 'tcp://host[:port, default 24224]'],
  [{ url, tag: 'a b' }, 'without spaces'],
  [{ url, tls: {} }, 'no `fluent.tls` with tcp://'],
  [{ url, confirmMs: 5 }, 'no `fluent.confirmMs` with requireAck'],
  [{ url, username: 'joe' }, 'Expected `fluent.sharedKey`'],
  [{ url, password: 'hunter2' }, 'Expected no `fluent.password` with no username'],
  [{ url, sharedKey: 'k', passwordFile: '/x' }, 'Expected no `fluent.passwordFile` with no username'],
  [{ url, sharedKey: 'k', sharedKeyFile: '/x' }, 'Expected `fluent.sharedKey` to be left out'],
])('refuses %j', (options, text) => {
  expect(() => fluent(options as FluentOptions)).toThrow(text);
});
