import dgram from 'node:dgram';
import { once } from 'node:events';
import { batchOf, sendSettings } from '@spillway/testing';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { classifyFailure } from '../failure.js';
import { type Runtime, systemRuntime } from '../runtime.js';
import { datagramTransport } from './datagram.js';

/** Hosts whose first address does not work: no socket can be connected to it, or nobody listens there. And one that no server knows, nor says so. */
vi.mock('node:dns/promises', async (original) => {
  const { lookup } = await original<typeof import('node:dns/promises')>();
  const works = { address: '127.0.0.1', family: 4 };
  const hosts: Readonly<Record<string, object[]>> = {
    'unreachable.test': [{ address: 'fe80::1', family: 6 }, works],
    'refusing.test': [{ address: '127.0.0.2', family: 4 }, works],
  };
  return {
    lookup: async (host: string, options: object) =>
      host === 'silent.test' ? new Promise(() => {}) : (hosts[host] ?? lookup(host, options)),
  };
});

const opened: { close(): Promise<void> }[] = [];
afterEach(() => Promise.all(opened.splice(0).map((sender) => sender.close())));

async function receiver(port = 0) {
  const received: string[] = [];
  const waiting = new Set<() => void>();
  const socket = dgram.createSocket('udp4', (message) => {
    received.push(message.toString());
    for (const check of waiting) check();
  });
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  let open = true;
  const close = () => {
    if (open) socket.close();
    open = false;
  };
  onTestFinished(close);
  const count = (n: number) =>
    new Promise<void>((resolve) => {
      const check = () => received.length >= n && resolve();
      waiting.add(check);
      check();
    });
  return { port: socket.address().port, received, close, count };
}

function connect(port: number, { confirmMs = 100, host = '127.0.0.1', runtime = systemRuntime as Runtime } = {}) {
  const transport = datagramTransport({
    name: 'test',
    url: `udp://${host}:${port}`,
    address: { kind: 'udp', host, port },
    confirmMs,
    maxConnectionAgeMs: 10_000,
    limits: { maxBytes: 1e6, maxRecords: 1000, maxRecordBytes: 1e5, overheadBytes: 0 },
    encode: (batch) => ({ records: Array.from({ length: batch.count }, (_, i) => [batch.line(i)]) }),
  });
  const sender = transport.open(runtime, sendSettings);
  opened.push(sender);
  const send = async (...lines: string[]) => {
    const batch = batchOf(lines);
    const wire = transport.encode(batch);
    try {
      return transport.classify(await sender.send(wire, AbortSignal.timeout(15_000)), batch);
    } catch (error) {
      return classifyFailure(error);
    }
  };
  return { transport, sender, send };
}

describe('datagrams', () => {
  it('go out one a record, and a burst of them arrives', async () => {
    const server = await receiver();
    const { send, transport } = connect(server.port);
    expect(transport.destination).toBe(`udp://127.0.0.1:${server.port}`);
    const lines = Array.from({ length: 200 }, (_, i) => `line ${i}`);
    expect(await send(...lines)).toEqual({ outcome: 'ack' });
    await server.count(200);
    expect(server.received).toEqual(lines);
  });

  it('are kept when the machine says that nobody listens, and go out when somebody does', async () => {
    const { port, close } = await receiver();
    close();
    const { send } = connect(port, { confirmMs: 5000 });
    const refused = { outcome: 'retry', reason: 'connection refused (ECONNREFUSED)' };
    expect(await send('a')).toEqual(refused);
    expect(await Promise.all([send('a'), send('b')])).toEqual([refused, refused]);
    const server = await receiver(port);
    const { send: later } = connect(port);
    expect(await later('c')).toEqual({ outcome: 'ack' });
    await server.count(1);
    expect(server.received).toEqual(['c']);
  });

  it('try the other address of a host', async () => {
    const server = await receiver();
    const { send } = connect(server.port, { host: 'localhost', confirmMs: 2000 });
    let verdict = await send('a');
    for (let i = 0; i < 3 && verdict.outcome !== 'ack'; i++) verdict = await send('a');
    expect(verdict).toEqual({ outcome: 'ack' });
    await server.count(1);
  });

  it('try the other address also where the first cannot even be connected to', async () => {
    const server = await receiver();
    const { send } = connect(server.port, { host: 'unreachable.test' });
    expect(await send('a')).toMatchObject({ outcome: 'retry' });
    expect(await send('a')).toEqual({ outcome: 'ack' });
    await server.count(1);
  });

  it('try the next address after one refusal, however many batches heard of it', async () => {
    const server = await receiver();
    const { send } = connect(server.port, { host: 'refusing.test', confirmMs: 2000 });
    const refused = { outcome: 'retry', reason: 'connection refused (ECONNREFUSED)' };
    expect(await Promise.all([send('a'), send('b')])).toEqual([refused, refused]);
    expect(await send('c')).toEqual({ outcome: 'ack' });
    await server.count(1);
  });

  it('that are too large are named, the others go out', async () => {
    const server = await receiver();
    const { send } = connect(server.port);
    expect(await send('a', 'x'.repeat(66_000), 'b')).toEqual({
      outcome: 'partial',
      retry: [],
      reject: [1],
      reason: 'datagram too large for the network (EMSGSIZE)',
    });
    expect(await send('x'.repeat(66_000))).toMatchObject({ outcome: 'reject' });
    await server.count(2);
    expect(server.received).toEqual(['a', 'b']);
  });

  it('leave from a new socket with age', async () => {
    let now = 0;
    const server = await receiver();
    const { send, sender } = connect(server.port, { runtime: { ...systemRuntime, monotonic: () => now } });
    await send('a');
    now = 12_001;
    await send('b');
    await server.count(2);
    await sender.close();
    await sender.close();
    expect(await send('c')).toMatchObject({ outcome: 'retry' });
  });

  it('to a name that nobody knows are kept', async () => {
    expect(await connect(9, { host: 'no-such-host.invalid' }).send('a')).toMatchObject({ outcome: 'retry' });
  });

  it('are given up at once by who closes, however long the name takes', async () => {
    const { sender, transport } = connect(9, { host: 'silent.test' });
    const limit = new AbortController();
    const sent = sender.send(transport.encode(batchOf(['a'])), limit.signal);
    await sender.close();
    limit.abort();
    await expect(sent).rejects.toThrow();
  });

  it('cannot be compressed', () => {
    const { transport } = connect(9);
    expect(() => transport.open(systemRuntime, { ...sendSettings, compression: 'gzip' })).toThrow("'auto' | 'none'");
  });
});
