// Applications killed at random moments, one after the other on the same spool directory, and a destination that fails
// half of the time. In the end everything that a killed process could rely on has arrived, uncorrupted, and nothing
// twice that the destination could recognize. SPILLWAY_CRASH_ROUNDS sets how many are killed for each level.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, gunzipSync } from 'node:zlib';
import { seededRandom } from '@spillway/testing';
import { afterEach, expect, it } from 'vitest';

const ROUNDS = Number(process.env.SPILLWAY_CRASH_ROUNDS ?? 200);
const SEED = Number(process.env.SPILLWAY_CRASH_SEED ?? Date.now() % 1_000_000);
const CATCH_UP_MS = 600_000;
const TIMEOUT_MS = 1_800_000;
const child = fileURLToPath(new URL('pipeline-child.mjs', import.meta.url));

/** A destination that remembers idempotency keys, as one that gives exactly once does. */
class Destination {
  readonly arrived = new Map<string, number>();
  readonly corrupt: string[] = [];
  failing = true;
  private readonly keys = new Set<string>();
  private readonly server: Server;

  constructor(random: () => number) {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('error', () => {});
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const fate = this.failing ? random() : 1;
        if (fate < 0.4) return void response.writeHead(503).end();
        this.store(Buffer.concat(chunks), request.headers);
        // Stored, and the reply lost: the repetition must be recognized.
        if (fate < 0.5) request.socket.destroy();
        else response.writeHead(204).end();
      });
    });
  }

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/logs`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private store(body: Buffer, { 'content-encoding': encoding, 'idempotency-key': key }: IncomingHttpHeaders): void {
    if (this.keys.has(String(key))) return;
    this.keys.add(String(key));
    const lines = encoding === 'gzip' ? gunzipSync(body) : body;
    for (const line of lines.toString().split('\n')) {
      if (line === '') continue;
      const { id, sum, pad, spillway } = JSON.parse(line);
      if (spillway) continue;
      if (crc32(id + pad) !== sum) this.corrupt.push(line);
      this.arrived.set(id, (this.arrived.get(id) ?? 0) + 1);
    }
  }
}

/** Runs an application until it is killed; answers how many of its records it could rely on. */
async function killedAfter(ms: number, args: readonly string[]): Promise<number> {
  const application = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  application.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const closed = once(application, 'close');
  // Counted from its first word, or a slow start would mean that nothing was ever written.
  await Promise.race([once(application.stdout, 'data'), closed]);
  setTimeout(() => application.kill('SIGKILL'), ms);
  const [code] = await closed;
  expect(code, `the application ended by itself: ${said}`).toBe(null);
  return Number(said.trim().split('\n').at(-1) ?? 0);
}

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const act of cleanUp.splice(0)) act();
});

it.each(['journal', 'spill'])(
  `%s: ${ROUNDS} processes killed, nothing promised is lost (seed ${SEED})`,
  async (durability) => {
    const random = seededRandom(SEED);
    const directory = mkdtempSync(join(tmpdir(), 'spillway-crash-'));
    const destination = new Destination(random);
    cleanUp.push(
      () => destination.close(),
      () => rmSync(directory, { recursive: true, force: true }),
    );
    const url = await destination.listen();
    const promised: string[] = [];
    let round = 0;
    const killOneByOne = async () => {
      while (round < ROUNDS) {
        const number = round++;
        const relied = await killedAfter(random() * 120, [durability, directory, url, String(number), 'write']);
        for (let i = 0; i < relied; i++) promised.push(`${number}-${i}`);
      }
    };
    await Promise.all([killOneByOne(), killOneByOne()]);
    expect(promised.length).toBeGreaterThan(ROUNDS * 10);

    destination.failing = false;
    const drain = spawn(process.execPath, [child, durability, directory, url, 'last', 'drain'], { stdio: 'inherit' });
    cleanUp.push(() => drain.kill('SIGKILL'));
    const missing = () => promised.filter((id) => !destination.arrived.has(id));
    const deadline = Date.now() + CATCH_UP_MS;
    while (missing().length > 0 && Date.now() < deadline) await new Promise((turn) => setTimeout(turn, 200));
    drain.kill('SIGKILL');
    await once(drain, 'close');

    expect(missing().slice(0, 10)).toEqual([]);
    expect(destination.corrupt).toEqual([]);
    expect([...destination.arrived].filter(([, times]) => times > 1).slice(0, 10)).toEqual([]);
    console.log(`${durability}: ${ROUNDS} kills, ${promised.length} promised, ${destination.arrived.size} arrived`);
  },
  TIMEOUT_MS,
);
