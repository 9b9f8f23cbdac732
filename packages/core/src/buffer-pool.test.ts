import net, { type AddressInfo, type Socket } from 'node:net';
import { simRuntime } from '@spillway/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { BufferPool } from './buffer-pool.js';
import { httpFields } from './http/options.js';
import { httpTransport } from './http/transport.js';
import { parseOptions } from './options/parse.js';
import { object } from './options/schema.js';
import { pipeline } from './pipeline.js';

describe('a pool of buffers', () => {
  it('gives a reclaimed buffer out again, once', () => {
    const pool = new BufferPool(100_000, 2, simRuntime());
    const first = pool.take(100_000);
    const view = pool.lend(first, 80_000);
    pool.reclaim(view);
    pool.reclaim(view);
    expect(pool.take(100_000)).toBe(first);
    expect(pool.take(100_000)).not.toBe(first);
  });

  it('takes nothing back through a part or a view of its own', () => {
    const pool = new BufferPool(100_000, 2, simRuntime());
    const first = pool.take(100_000);
    const view = pool.lend(first, 80_000);
    pool.reclaim(view.subarray(0, 40_000));
    pool.reclaim(view.subarray());
    pool.reclaim(Buffer.from(first.buffer, 0, 80_000));
    expect(pool.take(100_000)).not.toBe(first);
  });

  it('has buffers of half the size, and a quarter, for what is smaller', () => {
    const pool = new BufferPool(100_001, 4, simRuntime());
    const sizes = [100_001, 50_002, 50_001, 50_000, 25_002, 25_001, 4096].map((bytes) => pool.take(bytes).length);
    expect(sizes).toEqual([100_001, 100_001, 50_001, 50_001, 50_001, 25_001, 6251]);
    const half = pool.take(50_000);
    pool.reclaim(pool.lend(half, 40_000));
    expect(pool.take(100_000)).not.toBe(half);
    expect(pool.take(30_000)).toBe(half);
    // Larger and smaller ones are made and forgotten.
    for (const bytes of [100_002, 4095]) {
      const buffer = pool.take(bytes);
      expect(buffer).toHaveLength(bytes);
      pool.give(buffer);
      expect(pool.take(bytes)).not.toBe(buffer);
    }
  });

  it('keeps no more than it may, the ones that came last', () => {
    const pool = new BufferPool(100_000, 1, simRuntime());
    const [first, second] = [pool.take(100_000), pool.take(100_000)];
    pool.give(first);
    pool.give(second);
    expect(pool.take(100_000)).toBe(second);
    expect(pool.take(100_000)).not.toBe(first);
  });

  it('lends room for just so many bytes', () => {
    const pool = new BufferPool(100_000, 1, simRuntime());
    const room = pool.borrow(30_000);
    expect(room).toHaveLength(30_000);
    pool.reclaim(room);
    expect(pool.borrow(40_000).buffer).toBe(room.buffer);
    expect(pool.borrow(10)).toHaveLength(10);
  });

  it('gives memory back when nobody asked for any in a while', async () => {
    const runtime = simRuntime();
    const pool = new BufferPool(100_000, 1, runtime);
    const first = pool.take(100_000);
    pool.give(first);
    await runtime.advance(9000);
    expect(pool.take(100_000)).toBe(first);
    pool.give(first);
    await runtime.advance(30_000);
    expect(pool.take(100_000)).not.toBe(first);
  });
});

describe('a pipeline that uses its memory again', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  it('does so only when a request has left, even if the reply came first', async () => {
    const server = hastyServer();
    closing.push(() => server.close());
    const schema = object(httpFields(), { doc: '' });
    const transport = httpTransport({
      name: 'test',
      url: await server.url(),
      options: parseOptions(schema, {}),
      limits: { maxBytes: 16 << 20, maxRecords: 100_000, maxRecordBytes: 1 << 20, overheadBytes: 0 },
      idempotency: 'none',
      encodings: [],
      encode: ({ bytes }) => ({ body: bytes, headers: {} }),
    });
    const logs = pipeline(transport, {
      batch: { maxBytes: '8mb', maxRecords: 100_000 },
      queue: { maxBytes: '64mb' },
      send: { maxInFlight: 1, compression: 'none' },
    });
    closing.push(() => logs.close({ deadlineMs: 0 }));
    const padding = 'x'.repeat(100_000);
    for (let i = 0; i < 400; i++) {
      logs.write(`{"level":30,"time":1700000000000,"i":${i},"padding":"${padding}"}\n`);
      if (i % 80 < 79) continue;
      // The batch before was answered, though most of it is still here, and the next one looks for memory.
      server.read();
      expect((await logs.flush()).settled).toBe(true);
    }
    server.read();
    expect(await server.numbers(400)).toEqual(Array.from({ length: 400 }, (_, i) => i));
  });
});

/** Answers every request when its head has come, and reads its body only when told to. */
function hastyServer() {
  const sockets: Socket[] = [];
  const bodies: Buffer[] = [];
  let lines = 0;
  let arrived = () => {};
  const server = net.createServer((socket) => {
    sockets.push(socket);
    let head = '';
    let left = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (let rest = chunk; rest.length > 0; ) {
        if (left === 0) {
          head += rest.toString('latin1');
          const end = head.indexOf('\r\n\r\n');
          if (end < 0) return;
          left = Number(/content-length: (\d+)/i.exec(head)![1]);
          rest = rest.subarray(rest.length - (head.length - end - 4));
          head = '';
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
          socket.pause();
        }
        const part = rest.subarray(0, left);
        bodies.push(part);
        for (let at = part.indexOf(0x0a); at >= 0; at = part.indexOf(0x0a, at + 1)) lines++;
        left -= part.length;
        rest = rest.subarray(part.length);
        arrived();
      }
    });
  });
  return {
    async url() {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    },
    read() {
      for (const socket of sockets) socket.resume();
    },
    /** The numbers of so many records, sorted, when all have come. */
    async numbers(count: number): Promise<number[]> {
      while (lines < count) await new Promise<void>((resolve) => (arrived = resolve));
      return Buffer.concat(bodies)
        .toString()
        .match(/"i":(\d+)/g)!
        .map((field) => Number(field.slice(4)))
        .sort((a, b) => a - b);
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
