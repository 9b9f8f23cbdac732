import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch, Verdict } from '@spillway/core';
import { classifyFailure, systemRuntime } from '@spillway/core';
import {
  batchOf,
  linesOf,
  type PeerConnection,
  recordingPeer,
  sendSettings,
  transportContract,
} from '@spillway/testing';
import RedisParser from 'redis-parser';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RedisOptions, redis } from './redis.js';
import { RespReader } from './redis-resp.js';
import type { RedisReply, RedisWire } from './redis-session.js';

const url = 'redis://127.0.0.1:9';

/** Reads commands with the parser of node-redis and ioredis. */
function commandsOf(body: Buffer): string[][] {
  const commands: string[][] = [];
  const parser = new RedisParser({
    returnReply: (command: string[]) => commands.push(command),
    returnError: (error: Error) => {
      throw error;
    },
  });
  parser.execute(body);
  return commands;
}

function recordsOf(wire: RedisWire, { type }: RedisOptions): string[][] {
  const commands = commandsOf(wire.body);
  expect(commands).toHaveLength(wire.commands);
  if (type !== 'list') return commands;
  const [push] = commands.filter(([name]) => name === 'RPUSH');
  return push!.slice(2).map((line) => [...push!.slice(0, 2), line]);
}

const answered = (...answers: (string | undefined)[]): RedisReply => ({ kind: 'answered', answers });
const all = (error: string) => answered(error, error, error);
const done = undefined;

transportContract<RedisOptions, RedisWire, RedisReply>({
  name: 'redis',
  make: redis,
  options: { url },
  variants: {
    full: { url, maxLength: 1000, fields: { app: 'shop' }, idField: 'id', field: 'd', idempotent: true },
    list: { url, type: 'list', key: 'logstash' },
    trimmed: { url, type: 'list', key: 'logstash', maxLength: 1000 },
  },
  secret: {
    options: { url: 'redis://joe:hunter2@127.0.0.1:9/3', password: 'hunter3' },
    secrets: ['hunter2', 'hunter3'],
  },
  decode: recordsOf,
  expected(batch: Batch, i, { type, maxLength, idempotent, key }) {
    const line = batch.line(i).toString();
    if (type === 'list') return ['RPUSH', key, line];
    if (!maxLength) return ['XADD', 'logs', '*', 'line', line];
    const idmp = idempotent ? ['IDMP', batch.writer, String(batch.sequence(i))] : [];
    return ['XADD', 'logs', ...idmp, 'MAXLEN', '~', '1000', '*', 'app', 'shop', 'id', batch.recordId(i), 'd', line];
  },
  replies: [
    { name: 'all stored', reply: answered(done, done, done), verdict: 'ack' },
    {
      name: 'the connection closed after the second answer',
      reply: answered(done, done),
      verdict: { outcome: 'partial', retry: [2], reject: [] },
    },
    {
      name: 'OOM, memory ran full in the middle',
      reply: answered(done, "OOM command not allowed when used memory > 'maxmemory'.", 'OOM command not allowed'),
      verdict: { outcome: 'partial', retry: [1, 2], reject: [] },
    },
    ...[
      "OOM command not allowed when used memory > 'maxmemory'.",
      'LOADING Redis is loading the dataset in memory',
      'BUSY Redis is busy running a script.',
      'TRYAGAIN Multiple keys request during rehashing of slot',
      'CLUSTERDOWN The cluster is down',
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      'NOREPLICAS Not enough good replicas to write.',
      "READONLY You can't write against a read only replica.",
      'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
      'MOVED 3999 127.0.0.1:6381',
      'ASK 3999 127.0.0.1:6381',
      'ERR max number of clients reached',
    ].map((error) => ({
      name: error,
      reply: all(error),
      verdict: { outcome: 'partial', retry: [0, 1, 2], reject: [] } as const,
    })),
    ...[
      'WRONGTYPE Operation against a key holding the wrong kind of value',
      'NOAUTH Authentication required.',
      'NOPERM this user has no permissions to access one of the keys used as arguments',
      "ERR unknown command 'XADD', with args beginning with: 'logs'",
      'ERR syntax error',
      'DENIED Redis is running in protected mode because protected mode is enabled',
    ].map((error) => ({ name: error, reply: all(error), verdict: 'hold' as const })),
    {
      name: 'DENIED, and then closed',
      reply: answered('DENIED Redis is running in protected mode'),
      verdict: 'hold',
    },
    {
      name: 'the key became a list in the middle',
      reply: answered(done, 'WRONGTYPE Operation against a key', 'WRONGTYPE Operation against a key'),
      verdict: { outcome: 'partial', retry: [1, 2], reject: [] },
    },
    {
      name: 'wrong password',
      reply: { kind: 'refused', error: 'WRONGPASS invalid username-password pair' },
      verdict: 'hold',
    },
    { name: 'no such database', reply: { kind: 'refused', error: 'ERR DB index is out of range' }, verdict: 'hold' },
    { name: 'refused while loading', reply: { kind: 'refused', error: 'LOADING Redis is loading' }, verdict: 'retry' },
  ],
});

describe('redis with a list', () => {
  const judge = (options: Partial<RedisOptions>, reply: RedisReply): Verdict =>
    redis({ url, type: 'list', ...options }).classify(reply, batchOf(['{}', '{}']));

  it('counts as a whole', () => {
    expect(judge({}, answered(done))).toEqual({ outcome: 'ack' });
    expect(judge({}, answered('OOM command not allowed'))).toMatchObject({ outcome: 'retry' });
    expect(judge({}, answered('WRONGTYPE Operation'))).toMatchObject({ outcome: 'hold' });
  });

  it('is trimmed after it was added to, which no longer changes what is stored', () => {
    const wire = redis({ url, type: 'list', key: 'k', maxLength: 5 }).encode(batchOf(['{"a":1}', '{"b":2}']));
    expect(commandsOf(wire.body)).toEqual([
      ['RPUSH', 'k', '{"a":1}', '{"b":2}'],
      ['LTRIM', 'k', '-5', '-1'],
    ]);
    expect(judge({ maxLength: 5 }, answered(done, 'NOPERM no permissions'))).toEqual({ outcome: 'ack' });
    expect(judge({ maxLength: 5 }, answered('OOM command not allowed', done))).toMatchObject({ outcome: 'retry' });
  });
});

describe('redis', () => {
  it('writes what the protocol says, byte for byte', () => {
    const { body } = redis({ url, key: 'lögs' }).encode(batchOf(['{"msg":"grüße"}']));
    expect(body.toString()).toBe(
      '*5\r\n$4\r\nXADD\r\n$5\r\nlögs\r\n$1\r\n*\r\n$4\r\nline\r\n$17\r\n{"msg":"grüße"}\r\n',
    );
  });

  it.each([
    ['redis://cache', 'redis://cache:6379'],
    ['redis://joe:pw@cache:7000/2', 'redis://cache:7000'],
    ['rediss://[::1]:7000', 'rediss://[::1]:7000'],
    ['unix:///run/redis.sock', 'unix:///run/redis.sock'],
  ])('%s writes to %s', (given, destination) => {
    expect(redis({ url: given }).destination).toBe(destination);
  });

  it('takes TLS options with its scheme in capitals too', () => {
    expect(() => redis({ url: 'REDISS://cache', tls: {} })).not.toThrow();
    expect(() => redis({ url: 'REDIS://cache', tls: {} })).toThrow('with redis://');
  });

  it.each([
    [{ url: 'http://cache' }, 'redis://host'],
    [{ url: 'redis://cache/two' }, 'redis://host'],
    [{ url: 'redis://cache?x=1' }, 'redis://host'],
    [{ url: 'redis://cache/%zz' }, 'redis://host'],
    [{ url, tls: {} }, 'with redis://'],
    [{ url: 'redis://cache/1', database: 2 }, 'a database in the URL'],
    [{ url, type: 'list', field: 'x' }, 'with type list'],
    [{ url, maxLength: 0 }, 'maxLength'],
    [{ url, username: 'joe' }, '`redis.password` or `redis.passwordFile` with a user name, got neither'],
    [{ url: 'redis://joe@127.0.0.1:9' }, '`redis.password` or `redis.passwordFile` with a user name, got neither'],
  ])('refuses %j', (options, message) => {
    expect(() => redis(options as RedisOptions)).toThrow(message);
  });
});

/** A server that answers each command with what `answer` says. */
async function server(answer: (command: string[], number: number, connection: PeerConnection) => string) {
  const counts = new WeakMap<PeerConnection, number>();
  const seen: string[][] = [];
  const peer = await recordingPeer({
    received(connection, number) {
      const commands = commandsOf(connection.data);
      for (const command of commands.slice(counts.get(connection) ?? 0)) {
        seen.push(command);
        connection.socket.write(answer(command, number, connection));
      }
      counts.set(connection, commands.length);
    },
  });
  onTestFinished(() => peer.close());
  return { peer, seen, url: `redis://127.0.0.1:${peer.port}` };
}

function connect(options: RedisOptions) {
  const transport = redis(options);
  const sender = transport.open(systemRuntime, sendSettings);
  onTestFinished(() => sender.close());
  return {
    sender,
    async send(batch: Batch): Promise<Verdict> {
      const reply = await sender.send(transport.encode(batch), AbortSignal.timeout(10_000)).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      return 'error' in reply ? classifyFailure(reply.error) : transport.classify(reply.value, batch);
    },
  };
}

describe('a conversation with redis', () => {
  const batch = batchOf(['{"a":1}', '{"b":2}', '{"c":3}']);
  const id = '$15\r\n1700000000000-0\r\n';

  it('logs in first, with what the file says now, and takes a refusal as an answer', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spillway-redis-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, 'wrong\n');
    const { seen, url } = await server(([name, , secret]) =>
      name === 'AUTH' && secret !== 'right'
        ? '-WRONGPASS invalid username-password pair\r\n'
        : name === 'XADD'
          ? id
          : '+OK\r\n',
    );
    const { send } = connect({ url: `${url}/7`, username: 'writer', passwordFile });
    expect(await send(batch)).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('WRONGPASS') });
    await writeFile(passwordFile, 'right');
    expect(await send(batch)).toEqual({ outcome: 'ack' });
    expect(await send(batch)).toEqual({ outcome: 'ack' });
    expect(seen.map(([name]) => name).join(' ')).toBe('AUTH SELECT AUTH SELECT XADD XADD XADD XADD XADD XADD');
    expect(seen[2]).toEqual(['AUTH', 'writer', 'right']);
    expect(seen[3]).toEqual(['SELECT', '7']);
    await rm(passwordFile);
    expect(await connect({ url, passwordFile }).send(batch)).toMatchObject({
      outcome: 'hold',
      reason: expect.stringContaining('`passwordFile` (ENOENT)'),
    });
  });

  it('that ends while the password is read is a retry, and the next one works', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spillway-redis-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const passwordFile = join(directory, 'password');
    // Whoever reads it waits until somebody writes.
    execFileSync('mkfifo', [passwordFile]);
    const turns = async () => {
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    const peer = await recordingPeer({
      accept: (socket, number) => void (number === 1 && turns().then(() => socket.end())),
      received: ({ socket, data }) => void socket.write(data.includes('XADD') ? id.repeat(3) : '+OK\r\n'),
    });
    onTestFinished(() => peer.close());
    const { send } = connect({ url: `redis://127.0.0.1:${peer.port}`, passwordFile });
    const first = send(batch);
    await peer.until(() => peer.connections[0]?.ended === true, 'the end of the first connection');
    await writeFile(passwordFile, 'right');
    expect(await first).toMatchObject({ outcome: 'retry', reason: expect.stringContaining('SPILLWAY_PEER_CLOSED') });
    const [verdict] = await Promise.all([send(batch), writeFile(passwordFile, 'right')]);
    expect(verdict).toEqual({ outcome: 'ack' });
  });

  it('does not send again what was answered before the connection broke', async () => {
    const { seen, url } = await server(([, , , , line], number, { socket }) => {
      if (number === 1 && line === '{"b":2}') setImmediate(() => socket.destroy());
      return number === 1 && line === '{"c":3}' ? '' : id;
    });
    const { send } = connect({ url });
    expect(await send(batch)).toMatchObject({ outcome: 'partial', retry: [2] });
    expect(await send(batch.pick([2]))).toEqual({ outcome: 'ack' });
    expect(seen.map(([, , , , line]) => line)).toEqual([...linesOf(batch), '{"c":3}']);
  });

  it('asks whether it may trim a list before it adds to it', async () => {
    let allowed = false;
    const { seen, url } = await server(([name]) =>
      name === 'LTRIM' && !allowed ? '-NOPERM this user has no permissions\r\n' : ':0\r\n',
    );
    const { send } = connect({ url, type: 'list', maxLength: 5 });
    expect(await send(batch)).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('NOPERM') });
    allowed = true;
    expect(await send(batch)).toEqual({ outcome: 'ack' });
    expect(seen.map(([name, , from]) => `${name} ${from}`)).toEqual([
      'LTRIM 0',
      'LTRIM 0',
      'RPUSH {"a":1}',
      'LTRIM -5',
    ]);
  });

  it('sends a list as a whole again', async () => {
    const { seen, url } = await server((_, number, { socket }) => {
      if (number === 1) setImmediate(() => socket.destroy());
      return number === 1 ? '' : ':3\r\n';
    });
    const { send } = connect({ url, type: 'list' });
    expect(await send(batch)).toMatchObject({ outcome: 'retry' });
    expect(await send(batch)).toEqual({ outcome: 'ack' });
    expect(seen[1]).toEqual(['RPUSH', 'logs', ...linesOf(batch)]);
  });

  it('follows its key to another node, and comes back when that is gone', async () => {
    const other = await server(() => id);
    const home = await server(() =>
      other.peer.connections.length < 2 ? `-MOVED 42 127.0.0.1:${other.peer.port}\r\n` : id,
    );
    const { send } = connect({ url: home.url });
    expect(await send(batch)).toEqual({ outcome: 'ack' });
    expect(await send(batch)).toEqual({ outcome: 'ack' });
    expect(home.seen).toHaveLength(3);
    expect(other.seen).toHaveLength(6);
    await other.peer.close();
    expect(await send(batch)).toMatchObject({ outcome: 'retry' });
    expect(await send(batch)).toMatchObject({ outcome: 'retry' });
    expect(home.seen.length).toBeGreaterThan(3);
  });

  it('does not follow in circles', async () => {
    const home = await server((_, __, { socket }) => `-MOVED 42 :${socket.localPort}\r\n`);
    expect(await connect({ url: home.url }).send(batch)).toMatchObject({ outcome: 'partial', retry: [0, 1, 2] });
    expect(home.peer.connections.length).toBe(5);
  });

  it('leaves a primary that was demoted', async () => {
    const { peer, url } = await server((_, number) => (number === 1 ? "-READONLY You can't write\r\n" : id));
    const { send } = connect({ url });
    expect(await send(batch)).toMatchObject({ outcome: 'partial', retry: [0, 1, 2] });
    expect(await send(batch)).toEqual({ outcome: 'ack' });
    expect(peer.connections).toHaveLength(2);
  });

  it('understands what it is told before the door is shut', async () => {
    const peer = await recordingPeer({
      accept: (socket) => socket.end('-DENIED Redis is running in protected mode\r\n'),
    });
    onTestFinished(() => peer.close());
    const { send } = connect({ url: `redis://127.0.0.1:${peer.port}` });
    const verdicts = [await send(batch), await send(batch)];
    // The words may come before or after the batch was written; both ways the data is kept.
    for (const { outcome } of verdicts) expect(['hold', 'retry']).toContain(outcome);
  });

  it('does not take HTTP for RESP', async () => {
    const { url } = await server(() => 'HTTP/1.1 400 Bad Request\r\n\r\n');
    expect(await connect({ url }).send(batch)).toMatchObject({ reason: expect.stringContaining('SPILLWAY_PROTOCOL') });
  });
});

describe('answers', () => {
  const read = (text: string, cut: number) => {
    const reader = new RespReader();
    const bytes = Buffer.from(text);
    const answers = [];
    for (let at = 0; at < bytes.length; at += cut) answers.push(...reader.read(bytes.subarray(at, at + cut)));
    return answers;
  };

  it.each([1, 2, 3, 5, 7, 1000])('are read however they are cut (%d)', (cut) => {
    const text =
      '+OK\r\n:7\r\n$3\r\n1-0\r\n-ERR grüße\r\n$-1\r\n*-1\r\n*3\r\n+A\r\n-OOM x\r\n*1\r\n-ERR y\r\n$0\r\n\r\n*0\r\n+END\r\n';
    expect(read(text, cut)).toEqual([done, done, done, 'ERR grüße', done, done, 'OOM x', done, done, done]);
  });

  it.each(['hello\r\n', '$x\r\n', '*99999999\r\n', '$-7\r\n'])('are nothing else (%j)', (text) => {
    expect(() => read(text, 1000)).toThrow('no RESP');
  });

  it('are bounded', () => {
    const reader = new RespReader();
    const chunk = Buffer.alloc(700_000, 'x');
    reader.read(Buffer.concat([Buffer.from('+'), chunk]));
    expect(() => reader.read(chunk)).toThrow('no RESP');
  });
});
