import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authority, type PeerOptions, recordingPeer, sendSettings } from '@spillway/testing';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { classifyFailure } from '../failure.js';
import { parseOptions } from '../options/parse.js';
import { type Input, object } from '../options/schema.js';
import { type Runtime, systemRuntime } from '../runtime.js';
import { addressOf } from './address.js';
import { coded } from './dial.js';
import { streamFields } from './options.js';
import { type Confirmation, plainProtocol, type StreamWire } from './plain.js';
import { type StreamDefinition, streamTransport } from './transport.js';
import type { SessionContext } from './types.js';

const schemes = { tcp: { over: 'tcp' }, tls: { over: 'tls' }, unix: { over: 'unix' } } as const;
const schema = object(streamFields(), { doc: '' });

interface Setup extends Partial<Confirmation> {
  readonly options?: Input<typeof schema>;
  readonly runtime?: Runtime;
  readonly protocol?: StreamDefinition<StreamWire, string>['protocol'];
}

const opened: { close(): Promise<void> }[] = [];
afterEach(() => Promise.all(opened.splice(0).map((sender) => sender.close())));

/** A transport of raw lines, opened. */
function connect(url: string, { confirm = 'written', confirmMs = 50, options = {}, ...setup }: Setup = {}) {
  const { runtime = systemRuntime, protocol = () => plainProtocol({ confirm, confirmMs }) } = setup;
  const transport = streamTransport<StreamWire, string>({
    name: 'test',
    url,
    address: addressOf(url, schemes)!,
    options: parseOptions(schema, options),
    limits: { maxBytes: 1e9, maxRecords: 1000, maxRecordBytes: 1e8, overheadBytes: 0 },
    idempotency: 'none',
    encode: ({ bytes }) => ({ body: bytes }),
    sizeOf: ({ body }) => body.length,
    classify: () => ({ outcome: 'ack' }),
    protocol: protocol as StreamDefinition<StreamWire, string>['protocol'],
  });
  const sender = transport.open(runtime, sendSettings);
  opened.push(sender);
  const send = (text: string | Buffer, signal = AbortSignal.timeout(15_000)) =>
    sender.send({ body: Buffer.from(text) }, signal);
  return {
    transport,
    sender,
    send,
    failure: async (text: string | Buffer, signal?: AbortSignal) => {
      const thrown = await send(text, signal).then(
        (reply) => `reply ${reply}`,
        (error: unknown) => error,
      );
      return classifyFailure(thrown);
    },
  };
}

const listen = async (options: PeerOptions = {}) => {
  const peer = await recordingPeer(options);
  onTestFinished(() => peer.close());
  return { peer, url: `tcp://127.0.0.1:${peer.port}` };
};

/** A runtime in which the time after writing is over when the test says so. */
function confirming() {
  const waiting = new Set<() => void>();
  const after: Runtime['after'] = (ms, callback, options) => {
    if (ms !== 50) return systemRuntime.after(ms, callback, options);
    waiting.add(callback);
    return { cancel: () => void waiting.delete(callback) };
  };
  /** Waits for so many batches to be written, and confirms them. */
  const confirm = async (count: number) => {
    while (waiting.size < count) await new Promise((resolve) => setImmediate(resolve));
    for (const callback of waiting) callback();
    waiting.clear();
  };
  return { runtime: { ...systemRuntime, after }, confirm };
}

/** More than the buffers of two sockets hold. */
const huge = Buffer.alloc(48 * 1024 * 1024, 'x');

describe('one connection', () => {
  it('serves all batches in order, and is ended in good order', async () => {
    const { peer, url } = await listen();
    const { sender, send, transport } = connect(url);
    expect(transport.destination).toBe(url);
    const replies = await Promise.all(['a\n', 'b\n', 'c\n'].map((text) => send(text)));
    await send('d\n');
    expect(replies).toEqual(['taken', 'taken', 'taken']);
    await sender.close();
    await peer.until(() => peer.connections[0]?.ended === true, 'the end');
    expect(peer.data.toString()).toBe('a\nb\nc\nd\n');
    expect(peer.connections).toHaveLength(1);
  });

  it('takes a batch that is larger than all buffers', async () => {
    const { peer, url } = await listen();
    await connect(url).send(huge);
    expect(peer.data.length).toBe(huge.length);
  });

  it('does not care what a silent destination says after all', async () => {
    const { peer, url } = await listen({ accept: (socket) => void socket.write(Buffer.alloc(5_000_000)) });
    const { send } = connect(url);
    await send('a\n');
    await send('b\n');
    expect(peer.data.toString()).toBe('a\nb\n');
  });

  it('is made anew when the peer has closed it meanwhile, and nobody notices', async () => {
    const { peer, url } = await listen();
    const { send } = connect(url);
    for (const text of ['a\n', 'b\n', 'c\n']) {
      await send(text);
      peer.connections.at(-1)!.socket.end();
    }
    expect(peer.connections.map(({ data }) => data.toString())).toEqual(['a\n', 'b\n', 'c\n']);
  });

  it('is made anew with age and after idling, and batches under way are not cut off', async () => {
    let now = 0;
    const runtime = { ...systemRuntime, monotonic: () => now, random: () => 0.5 };
    const { peer, url } = await listen();
    const options = { keepAliveMs: 1000, maxConnectionAgeMs: 10_000 };
    const { send } = connect(url, { runtime, options, confirmMs: 300 });
    await send('a\n');
    now = 900;
    await send('b\n');
    expect(peer.connections).toHaveLength(1);
    now = 2000;
    const slow = send('c\n');
    await peer.until(() => peer.data.includes('c\n'), 'c');
    expect(peer.connections).toHaveLength(2);
    now = 12_001;
    await Promise.all([slow, send('d\n')]);
    await peer.until(() => peer.connections[1]!.ended, 'the end of the second connection');
    expect(peer.connections.map(({ data }) => data.toString())).toEqual(['a\nb\n', 'c\n', 'd\n']);
  });
});

describe('trouble', () => {
  it('a reset after writing is a failure where nothing had worked before', async () => {
    const { peer, url } = await listen({ received: ({ socket }) => void socket.resetAndDestroy() });
    const { failure } = connect(url, { confirmMs: 10_000 });
    expect(await failure('a\n')).toEqual({ outcome: 'retry', reason: 'connection reset (ECONNRESET)' });
    expect(peer.connections).toHaveLength(1);
  });

  it('a close without a reset is one too: nobody knows what was read', async () => {
    const { url } = await listen({ received: ({ socket }) => void socket.end() });
    expect(await connect(url, { confirmMs: 10_000 }).failure('a\n')).toEqual({
      outcome: 'retry',
      reason: 'connection closed by the destination (SPILLWAY_PEER_CLOSED)',
    });
  });

  it('what was not confirmed when a good connection broke goes out again at once, in order', async () => {
    const { peer, url } = await listen({
      received: ({ socket, data }, number) => {
        if (number === 1 && data.includes('d')) socket.resetAndDestroy();
      },
    });
    const { runtime, confirm } = confirming();
    const { send } = connect(url, { runtime });
    const first = send('a\n');
    await peer.until(() => peer.data.includes('a'), 'a');
    await confirm(1);
    expect(await first).toBe('taken');
    const replies = Promise.all(['b\n', 'c\n', 'd\n'].map((text) => send(text)));
    await peer.until(() => peer.connections[1]?.data.length === 6, 'what goes out again');
    await confirm(3);
    expect(await replies).toEqual(['taken', 'taken', 'taken']);
    expect(peer.connections.map(({ data }) => data.toString())).toEqual(['a\nb\nc\nd\n', 'b\nc\nd\n']);
  });

  it('but only once', async () => {
    const { peer, url } = await listen({
      received: ({ socket, data }) => {
        if (data.includes('bad')) socket.resetAndDestroy();
      },
    });
    const { send, failure } = connect(url);
    await send('a\n');
    expect(await failure('bad\n')).toMatchObject({ outcome: 'retry' });
    expect(peer.connections).toHaveLength(2);
    expect(await send('b\n')).toBe('taken');
  });

  it('a destination that does not read holds up the batch until its time is over, and then gets a new connection', async () => {
    const stalled: Socket[] = [];
    const { peer, url } = await listen({
      accept: (socket, number) => {
        if (number === 1) stalled.push(socket.pause());
      },
    });
    const { send, failure } = connect(url);
    const limit = new AbortController();
    const first = failure(huge, limit.signal);
    await peer.until(() => stalled.length === 1, 'the connection');
    const second = failure('b\n');
    setTimeout(() => limit.abort(), 200);
    expect(await first).toMatchObject({ outcome: 'retry', reason: 'connection given up (ECONNABORTED)' });
    expect(await second).toMatchObject({ outcome: 'retry' });
    expect(await send('c\n')).toBe('taken');
    expect(peer.connections[1]?.data.toString()).toBe('c\n');
  });

  it('one attempt to connect serves all that wait for it', async () => {
    const { peer, url } = await listen();
    await peer.close();
    const { failure } = connect(url);
    const reasons = await Promise.all(['a', 'b', 'c'].map((text) => failure(text)));
    for (const reason of reasons) {
      expect(reason).toEqual({ outcome: 'retry', reason: 'connection refused (ECONNREFUSED)' });
    }
    await using again = await recordingPeer({ listen: peer.port });
    await connect(url).send('d');
    expect(again.data.toString()).toBe('d');
  });

  it('a name that nobody knows', async () => {
    expect(await connect('tcp://no-such-host.invalid:1').failure('a')).toMatchObject({ outcome: 'retry' });
  });

  it('closing ends what is under way', async () => {
    const { peer, url } = await listen({ accept: (socket) => void socket.pause() });
    const { sender, failure } = connect(url);
    const first = failure(huge);
    await peer.until(() => peer.connections.length === 1, 'the connection');
    await sender.close();
    expect(await first).toMatchObject({ outcome: 'retry' });
    expect(await failure('late')).toMatchObject({ outcome: 'retry', reason: 'aborted (ABORT_ERR)' });
    expect(peer.connections).toHaveLength(1);
  });
});

describe("confirm: 'read'", () => {
  it('counts a batch when the destination has read it and closed', async () => {
    const { peer, url } = await listen();
    const { send } = connect(url, { confirm: 'read' });
    await Promise.all([send(huge), send('b\n')]);
    await send('c\n');
    expect(peer.connections).toHaveLength(3);
    expect(peer.connections.every(({ ended }) => ended)).toBe(true);
    expect(peer.data.length).toBe(huge.length + 4);
  });

  it('does not count what a destination had not read when it died', async () => {
    const { peer, url } = await listen({ accept: (socket) => void socket.pause() });
    const first = connect(url, { confirm: 'read' }).failure('small enough for every buffer\n');
    await peer.until(() => peer.connections.length === 1, 'the connection');
    const written = connect(url, { confirm: 'written', confirmMs: 50 });
    expect(await written.send('small enough for every buffer\n')).toBe('taken');
    peer.connections[0]!.socket.resetAndDestroy();
    expect(await first).toMatchObject({ outcome: 'retry' });
  });

  it('leaves no connection behind where a batch was given up while it was made', async () => {
    const { peer, url } = await listen();
    const { failure, send } = connect(url, { confirm: 'read' });
    for (let i = 0; i < 3; i++) {
      const limit = new AbortController();
      const given = failure('a\n', limit.signal);
      limit.abort();
      await given;
    }
    await peer.until(() => peer.connections.length === 3, 'the connections');
    await send('b\n');
    await peer.until(() => peer.connections.every(({ ended }) => ended), 'the end of all connections');
    expect(peer.data.toString()).toBe('b\n');
  });
});

describe('a greeting', () => {
  const greeting = (greet: () => Promise<string | undefined>) => () => ({
    open: () => ({ greet, send: async () => 'sent' }),
  });

  it('that refuses us is the reply to all that wait, and is asked for again by the next', async () => {
    const { peer, url } = await listen();
    let asked = 0;
    const { send } = connect(url, { protocol: greeting(async () => (++asked < 2 ? 'go away' : undefined)) });
    expect(await Promise.all([send('a'), send('b')])).toEqual(['go away', 'go away']);
    expect(await send('c')).toBe('sent');
    expect(peer.connections).toHaveLength(2);
    await peer.until(() => peer.connections[0]!.ended, 'the end of the first connection');
  });

  it('that does not come in time is a failure', async () => {
    const { url } = await listen();
    const protocol = () => ({
      open: () => {
        let fail = (_: unknown) => {};
        return {
          greet: () => new Promise<undefined>((_, reject) => (fail = reject)),
          ended: (error: unknown) => fail(error),
          send: async () => 'sent',
        };
      },
    });
    const { failure } = connect(url, { protocol, options: { connectTimeoutMs: 100 } });
    expect(await failure('a')).toEqual({ outcome: 'retry', reason: 'connection timed out (ETIMEDOUT)' });
  });

  it('with which the connection ended at once is a failure: nothing is said on a connection that is over', async () => {
    const { url } = await listen({ accept: (socket) => void socket.write('welcome, goodbye') });
    const said: string[] = [];
    const protocol = () => ({
      open: ({ connection }: SessionContext) => {
        let welcome = () => {};
        return {
          greet: () => new Promise<undefined>((resolve) => (welcome = () => resolve(undefined))),
          received: () => {
            welcome();
            connection.destroy(coded('SPILLWAY_PEER_CLOSED', 'it said so'));
          },
          send: ({ body }: StreamWire) => {
            said.push(body.toString());
            return new Promise<string>(() => {});
          },
        };
      },
    });
    expect(await connect(url, { protocol }).failure('a')).toEqual({
      outcome: 'retry',
      reason: 'connection closed by the destination (SPILLWAY_PEER_CLOSED)',
    });
    expect(said).toEqual([]);
  });

  it('and a protocol that cannot go on end the connection with its error', async () => {
    const { url } = await listen({ accept: (socket) => void socket.write('nonsense') });
    const protocol = () => ({
      open: () => {
        let fail = (_: unknown) => {};
        return {
          received: () => {
            throw Object.assign(new Error('not understood'), { code: 'SPILLWAY_NONSENSE' });
          },
          ended: (error: unknown) => fail(error),
          send: () => new Promise<string>((_, reject) => (fail = reject)),
        };
      },
    });
    expect(await connect(url, { protocol }).failure('a')).toMatchObject({ outcome: 'retry' });
  });
});

describe('TLS', () => {
  const ours = authority();
  const issued = ours.issue();

  it('verifies the destination', async () => {
    const { peer } = await listen({ tls: issued });
    const url = `tls://localhost:${peer.port}`;
    expect(await connect(url).failure('a')).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('TLS') });
    expect(peer.connections).toHaveLength(0);
    const tls = { ca: ours.cert };
    expect(await connect(url, { options: { tls } }).send('a\n')).toBe('taken');
    expect(peer.data.toString()).toBe('a\n');
    expect(await connect(url, { confirm: 'read', options: { tls } }).send(huge)).toBe('taken');
    expect(peer.data.length).toBe(huge.length + 2);
    const other = { ca: ours.cert, serverName: 'other.example' };
    expect(await connect(url, { options: { tls: other } }).failure('a')).toMatchObject({ outcome: 'hold' });
  });

  it.each(['written', 'read'] as const)(
    'a missing client certificate, which TLS 1.3 tells after the handshake, is a hold (%s)',
    async (confirm) => {
      const { peer } = await listen({ tls: { ...issued, ca: ours.cert } });
      const url = `tls://localhost:${peer.port}`;
      const tls = { ca: ours.cert };
      const { failure } = connect(url, { confirm, confirmMs: 10_000, options: { tls } });
      expect(await failure('a\n')).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('CERTIFICATE') });
      const client = ours.issue('client');
      expect(await connect(url, { options: { tls: { ...tls, ...client } } }).send('a\n')).toBe('taken');
    },
  );

  it('towards a destination without it is a hold, or a timeout where it says nothing', async () => {
    const { url } = await listen({ accept: (socket) => void socket.write('220 hello\r\n') });
    expect(await connect(url.replace('tcp', 'tls')).failure('a')).toMatchObject({ outcome: 'hold' });
    const { url: silent } = await listen();
    const { failure } = connect(silent.replace('tcp', 'tls'), { options: { connectTimeoutMs: 100 } });
    expect(await failure('a')).toEqual({ outcome: 'retry', reason: 'connection timed out (ETIMEDOUT)' });
  });
});

describe('a unix socket', () => {
  it('is a stream like any other', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spillway-stream-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const path = join(directory, 'log.sock');
    const { failure, send, transport } = connect(`unix://${path}`);
    expect(transport.destination).toBe(`unix://${path}`);
    expect(await failure('a\n')).toEqual({ outcome: 'retry', reason: 'nothing listens at that path (ENOENT)' });
    const { peer } = await listen({ listen: path });
    expect(await send('b\n')).toBe('taken');
    expect(peer.data.toString()).toBe('b\n');
  });
});
