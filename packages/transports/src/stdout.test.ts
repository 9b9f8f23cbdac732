import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRuntime } from '@spillway/core';
import { batchOf, transportContract } from '@spillway/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { type FdReply, FdSender } from './fd-sender.js';
import { type StdoutOptions, stdout } from './stdout.js';

transportContract<StdoutOptions, Buffer, FdReply>({
  name: 'stdout',
  make: stdout,
  options: { stream: 'stdout' },
  decode: (bytes) => bytes.toString().split('\n').slice(0, -1),
  replies: [
    { name: 'written', reply: {}, verdict: 'ack' },
    {
      name: 'nobody reads',
      reply: { code: 'EPIPE' },
      verdict: { outcome: 'hold', reason: 'nobody reads stdout (EPIPE)' },
    },
    { name: 'closed', reply: { code: 'EBADF' }, verdict: 'hold' },
    { name: 'a full disk', reply: { code: 'ENOSPC' }, verdict: 'retry' },
  ],
});

interface Handle {
  readonly fd: number;
  setBlocking(blocking: boolean): void;
}

describe('a file descriptor', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** A pipe to a real process, with the descriptor of our end, which does not block. */
  function pipeTo(script: string) {
    const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const handle = (child.stdin as unknown as { _handle: Handle })._handle;
    child.stdin.on('error', () => {});
    return { child, handle, sender: new FdSender(handle.fd, systemRuntime) };
  }

  const batch = batchOf(
    Array.from({ length: 20_000 }, (_, i) => `{"level":30,"msg":"record ${i}, with some length to it"}`),
  );

  it('that is read slowly gets everything, whole, once and in order, also after an interruption', async () => {
    const { child, sender } = pipeTo(`
      const { createHash } = require('node:crypto');
      const hash = createHash('sha256');
      let size = 0;
      setTimeout(() => process.stdin.on('data', (chunk) => {
        hash.update(chunk);
        size += chunk.length;
        if (size >= ${batch.bytes.length * 2}) process.stdout.write(size + ' ' + hash.digest('hex'), () => process.exit());
      }), 300);
    `);
    const answer = new Promise<string>((resolve) =>
      child.stdout!.once('data', (data: Buffer) => resolve(data.toString())),
    );
    // The reader is not there yet: the pipe fills up, and the first attempt is given up in the middle.
    await expect(sender.send(batch.bytes, AbortSignal.timeout(100))).rejects.toThrow();
    const replies = await Promise.all(
      [batch.bytes, Buffer.from(batch.bytes)].map((bytes) => sender.send(bytes, AbortSignal.timeout(20_000))),
    );
    expect(replies).toEqual([{}, {}]);
    const { createHash } = await import('node:crypto');
    const expected = createHash('sha256').update(batch.bytes).update(batch.bytes).digest('hex');
    expect(await answer).toBe(`${batch.bytes.length * 2} ${expected}`);
  });

  it('takes other lines after an interruption whole, and the interrupted ones from the line that was cut', async () => {
    const { child, sender } = pipeTo(`
      let text = '';
      setTimeout(() => process.stdin.on('data', (chunk) => {
        text += chunk;
        if (text.endsWith('the end\\n')) process.stdout.write(text, () => process.exit());
      }), 300);
    `);
    const read = new Promise<string>((resolve) => {
      let text = '';
      child.stdout!.on('data', (data: Buffer) => {
        text += data.toString();
      });
      child.stdout!.once('end', () => resolve(text));
    });
    await expect(sender.send(batch.bytes, AbortSignal.timeout(100))).rejects.toThrow();
    for (const bytes of [Buffer.from('{"other":1}\n{"other":2}\n'), batch.bytes, Buffer.from('the end\n')]) {
      expect(await sender.send(bytes, AbortSignal.timeout(20_000))).toEqual({});
    }
    const lines = (await read).split('\n').slice(0, -1);
    const wanted = batch.bytes.toString().split('\n').slice(0, -1);
    const other = lines.indexOf('{"other":1}');
    expect(lines.slice(other, other + 2)).toEqual(['{"other":1}', '{"other":2}']);
    // What was cut off stands alone, in a line of its own, and comes again as a whole.
    const cut = lines[other - 1]!;
    expect(wanted).not.toContain(cut);
    expect(wanted.some((line) => line.startsWith(cut))).toBe(true);
    expect([...lines.slice(0, other - 1), ...lines.slice(other + 2)]).toEqual([...wanted, 'the end']);
  });

  it('that blocks holds nobody up beyond his time, and gets everything once', async () => {
    const { child, sender, handle } = pipeTo(`
      let size = 0;
      setTimeout(() => {}, 60_000);
      process.on('SIGUSR2', () => process.stdin.on('data', (chunk) => {
        process.stdout.write(chunk);
        size += chunk.length;
        if (size >= ${batch.bytes.length}) setTimeout(() => process.exit(), 100);
      }));
      process.stdout.write('\\n');
    `);
    const chunks: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(child.stdout!, 'data');
    // As it is for a child: a write to it waits in the operating system until somebody reads.
    handle.setBlocking(true);
    const sent = [1, 2].map(() => sender.send(batch.bytes, AbortSignal.timeout(100)));
    for (const { status } of await Promise.allSettled(sent)) expect(status).toBe('rejected');
    child.kill('SIGUSR2');
    expect(await sender.send(batch.bytes, AbortSignal.timeout(10_000))).toEqual({});
    await once(child.stdout!, 'end');
    expect(Buffer.concat(chunks).toString()).toBe(`\n${batch.bytes}`);
  });

  it('that blocks takes no thread from the process, not even from its end', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'spillway-fd-'));
    const descriptors = [1, 2, 3, 4].map((n) => {
      execFileSync('mkfifo', [join(directory, `${n}`)]);
      return openSync(join(directory, `${n}`), 'r+');
    });
    const senders = descriptors.map((fd) => new FdSender(fd, systemRuntime));
    const sent = senders.map((sender) => sender.send(batch.bytes, AbortSignal.timeout(100)));
    for (const { status } of await Promise.allSettled(sent)) expect(status).toBe('rejected');
    // As many threads as the process has: it could not even end while all of them wait.
    expect((await stat(directory)).isDirectory()).toBe(true);
    for (const sender of senders) await sender.close();
    for (const fd of descriptors) closeSync(fd);
    rmSync(directory, { recursive: true });
  });

  it('whose reader is gone says so', async () => {
    const { child, sender } = pipeTo('setTimeout(() => {}, 60_000)');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    const reply = sender.send(batch.bytes, AbortSignal.timeout(20_000));
    child.kill('SIGKILL');
    await gone;
    expect(['EPIPE', 'ECONNRESET', 'EBADF']).toContain((await reply).code);
  });

  it('of a file takes the bytes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'spillway-fd-'));
    const fd = openSync(join(directory, 'out'), 'w');
    const sender = new FdSender(fd, systemRuntime);
    expect(await sender.send(batch.bytes, AbortSignal.timeout(10_000))).toEqual({});
    closeSync(fd);
    expect(readFileSync(join(directory, 'out')).equals(batch.bytes)).toBe(true);
    expect(await sender.send(Buffer.from('more\n'), AbortSignal.timeout(10_000))).toEqual({ code: 'EBADF' });
    rmSync(directory, { recursive: true });
  });
});
