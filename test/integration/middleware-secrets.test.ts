// Secrets that an application logs by mistake must not get further than the process: not into the spool on the disk, not to the
// destination, not into an error or a dead letter. In: requests to a real server whose handlers log, add, throw and are asked for
// secrets in every way, while the destination is down. Out: what is on the disk, byte by byte and as the spool's own reader
// decompresses it, and what the destination gets when it is back. Generated anew each time; a failure names its seed.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Stats } from '@spillway/core';
import { readBatches, spoolKeys, surveySpools } from '@spillway/core/spool';
import { addContext, addToRecord, withContext } from '@spillway/middleware';
import { createLogger } from '@spillway/middleware/logger';
import { withRequestLog } from '@spillway/middleware/node';
import { spillway } from '@spillway/pino';
import { planted, type RecordingServer, recordingServer } from '@spillway/testing';
import fc from 'fast-check';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const SECRET = 'hunter2-S3CR3T';
const REQUESTS = 300;
const channels = [
  'batchRetried',
  'batchSplit',
  'recordsRejected',
  'recordsDropped',
  'breakerOpened',
  'destinationHeld',
  'spoolChanged',
];

/** The secret as it could lie in a file or stand in a text. */
const shapes = [
  Buffer.from(SECRET),
  Buffer.from(SECRET, 'utf16le'),
  Buffer.from(Buffer.from(SECRET).toString('hex')),
  // Base64 of text in which the secret begins at any of three places.
  ...['', 'x', 'xx'].map((before) =>
    Buffer.from(
      Buffer.from(before + SECRET)
        .toString('base64')
        .slice(4, -4),
    ),
  ),
];
const leaks = (bytes: Buffer) => shapes.some((shape) => bytes.includes(shape));

let directory: string;
let collector: RecordingServer;
const told: unknown[] = [];
const listen = (message: unknown) => told.push(message);

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-secrets-'));
  collector = await recordingServer([{ reset: 'beforeBody' }]);
  for (const name of channels) subscribe(`spillway:${name}`, listen);
});
afterEach(async () => {
  for (const name of channels) unsubscribe(`spillway:${name}`, listen);
  told.length = 0;
  await collector.close();
  rmSync(directory, { recursive: true, force: true });
});

function stream(compression: string) {
  return spillway({
    // What the destination itself wants as a secret is none of the spool's business either.
    to: ['http', { url: `${collector.url}/logs?token=${SECRET}`, headers: { authorization: `Bearer ${SECRET}` } }],
    batch: { lingerMs: 20 },
    retry: { attempts: 1, minMs: 1, maxMs: 5 },
    breaker: { failures: 1, cooldownMs: 20, probeMs: 20 },
    spool: { directory, minFreeBytes: 0, spillAfterMs: 50, compression },
    close: { deadlineMs: 20_000 },
    warnings: 'off',
  } as Parameters<typeof spillway>[0]);
}

/** A service whose handlers do with a value all that a handler can do with one. */
function service(to: ReturnType<typeof stream>, values: readonly unknown[]): http.Server {
  const logger = pino(withContext({ level: 'trace' }), to);
  const plain = createLogger({ destination: to });
  const options = {
    logger,
    serializers: { req: (req: http.IncomingMessage) => ({ headers: req.headers, url: req.url }) },
    customProps: (req: http.IncomingMessage) => ({ seen: values[numberOf(req)] }),
    customErrorMessage: (_req: unknown, _res: unknown, error: unknown) => `failed: ${String(error)}`,
  };
  return http.createServer(
    withRequestLog(async (req, res) => {
      const n = numberOf(req);
      const value = values[n];
      addContext({ context: value });
      addToRecord({ record: value });
      await new Promise((resolve) => setImmediate(resolve));
      logger.info({ n, value }, 'an object');
      logger.debug(value as object, 'the value itself');
      logger.child({ bound: value }).warn('a child');
      logger.error(new Error(`Authorization: Bearer ${SECRET}`, { cause: value }), 'an error');
      logger.info('a placeholder: %j', { password: SECRET, value: typeof value });
      plain.info({ value }, 'another logger');
      plain.error(value as object);
      Object.assign(res, { err: value, statusCode: n % 3 === 0 ? 500 : 200 });
      res.end();
    }, options),
  );
}

const numberOf = (req: http.IncomingMessage) => Number(/\d+/.exec(req.url ?? '')?.[0]);

async function askAll(server: http.Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const headers = { authorization: `Bearer ${SECRET}`, cookie: `sid=${SECRET}`, 'x-api-key': SECRET };
  for (let n = 0; n < REQUESTS; n++) {
    await (await fetch(`${url}/${n}?access_token=${SECRET}&page=2`, { headers })).arrayBuffer();
  }
  await new Promise((resolve) => server.close(resolve));
}

/** All files below the directory. */
function files(): { name: string; bytes: Buffer }[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((name) => ({ name, bytes: readFileSync(name) }));
}

/** What the spool's reader finds, decompressed. */
async function spooledLines(): Promise<string[]> {
  const lines: string[] = [];
  for (const { queues } of await surveySpools(directory)) {
    for (const segment of queues.flatMap(({ segments }) => segments)) {
      for await (const { batch, lost } of readBatches(segment, await spoolKeys())) {
        expect(lost).toBe(0);
        lines.push(...(batch?.bytes.toString() ?? '').split('\n').filter(Boolean));
      }
    }
  }
  return lines;
}

/** Which requests the records in these lines are of. */
function requestsIn(lines: readonly string[]): Set<number> {
  const records = lines.map((line) => JSON.parse(line) as { kind?: string; url?: string });
  return new Set(records.filter(({ kind }) => kind === 'access').map(({ url }) => Number(/\d+/.exec(url ?? '')?.[0])));
}

describe.each(['none', 'auto'])('with `compression: %s`', (compression) => {
  it('no secret gets to the disk, to the destination, into an error or a dead letter', async () => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    const because = `seed ${seed}`;
    const values = fc.sample(planted(SECRET), { seed, numRuns: REQUESTS });
    const to = stream(compression);
    await askAll(service(to, values));
    await vi.waitUntil(() => to.stats().queued.records + to.stats().inFlight.records === 0, { timeout: 60_000 });
    const all = to.stats().accepted.records;
    expect(all, because).toBeGreaterThanOrEqual(REQUESTS * 8);

    const found = files();
    expect(found.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeGreaterThan(10_000);
    expect(
      found.filter(({ name, bytes }) => leaks(bytes) || name.includes(SECRET)).map(({ name }) => name),
      because,
    ).toEqual([]);
    const lines = await spooledLines();
    expect(requestsIn(lines).size, because).toBe(REQUESTS);
    expect(lines.filter((line) => leaks(Buffer.from(line))).slice(0, 1), because).toEqual([]);
    // The reader reads what the application meant: the rest of the lines is whole.
    expect(lines.filter((line) => line.includes('"msg":"an object"')).length, because).toBe(REQUESTS);

    // Some are refused for good, after the batch was halved down to them, by a destination that says why by showing what it got.
    const refusal = { status: 400, body: `cannot take ${lines[0]} with token=${SECRET}` };
    collector.script(...Array.from({ length: 30 }, () => refusal), { status: 204 });
    const settled = ({ acked, rejected }: Stats) => acked.records + rejected.records;
    await vi.waitUntil(() => settled(to.stats()) === to.stats().accepted.records, { timeout: 60_000 });
    await to.close();
    const report = to.stats();
    expect(report.rejected.records, because).toBeGreaterThan(0);
    const received = collector.requests.map(({ body }) => body.toString()).join('\n');
    expect(received.includes('"msg":"an object"'), because).toBe(true);
    expect(leaks(Buffer.from(received)), because).toBe(false);
    expect(files().some(({ name }) => name.includes('dead-letters'))).toBe(true);
    expect(
      files()
        .filter(({ bytes }) => leaks(bytes))
        .map(({ name }) => name),
      because,
    ).toEqual([]);
    expect(told.length).toBeGreaterThan(0);
    expect(inspect(told, { depth: 10 }).includes(SECRET), because).toBe(false);
    expect(inspect(report, { depth: 10 }).includes(SECRET), because).toBe(false);
  });
});
