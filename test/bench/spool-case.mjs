// One measurement of the spool in a process of its own. In (command line): a case as JSON. Out (message): what it cost,
// in all threads of the process. Lines and batches are made before, directories removed after; neither counts.

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Batch, createSpool, pipeline, systemRuntime } from '@spillway/core';

const { kind, records, codec, encrypted, level, linesPerWrite, parent } = JSON.parse(process.argv[2]);
const perBatch = 1000;
const directory = mkdtempSync(join(parent ?? tmpdir(), 'spillway-bench-'));
const options = {
  directory,
  minFreeBytes: 0,
  maxBytes: '8gb',
  ...(codec && { compression: codec }),
  ...(encrypted && { encryption: { key: 'ab'.repeat(32) } }),
};

let state = 1;
/** Hex digits that no compression can guess, the same in every run. */
function hex(digits) {
  let text = '';
  while (text.length < digits) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += (state >>> 8).toString(16).padStart(6, '0');
  }
  return text.slice(0, digits);
}

/** A line as pino writes it for a request, about 280 bytes. */
function lineOf(i) {
  const fields = {
    level: 30,
    time: 1_700_000_000_000 + i,
    pid: 4242,
    hostname: 'shop-7d9f8b6c5-x2x9k',
    i,
    requestId: hex(32),
    method: 'GET',
    path: `/api/orders/${hex(6)}/items`,
    status: 200,
    durationMs: Number.parseInt(hex(3), 16) / 8,
    user: `user-${Number.parseInt(hex(3), 16)}`,
    agent: 'shop-app/4.2',
    msg: 'request completed',
  };
  return `${JSON.stringify(fields)}\n`;
}

function batchOf(first) {
  const lines = Array.from({ length: perBatch }, (_, i) => Buffer.from(lineOf(first + i)));
  const offsets = new Uint32Array(perBatch + 1);
  lines.forEach((line, i) => {
    offsets[i + 1] = offsets[i] + line.length;
  });
  const times = Float64Array.from(lines, (_, i) => 1_700_000_000_000 + first + i);
  const levels = new Uint16Array(perBatch).fill(30);
  return new Batch({ writer: 'bench', firstSequence: first, bytes: Buffer.concat(lines), offsets, times, levels });
}

async function measure(bytes, work) {
  globalThis.gc?.();
  const cpu = process.cpuUsage();
  const began = performance.now();
  await work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return {
    mbPerSecond: bytes / 1e6 / (ms / 1000),
    recordsPerSecond: records / (ms / 1000),
    cpuUs: (user + system) / records,
  };
}

const sumOf = (parts) => parts.reduce((sum, { length }) => sum + length, 0);

/** The floor: the same bytes in the same portions, and one sync at the end, as a closing spool does. */
function plain() {
  const portions = Array.from({ length: records / perBatch }, (_, i) => batchOf(i * perBatch).bytes);
  return measure(sumOf(portions), () => {
    const fd = openSync(join(directory, 'plain'), 'w');
    for (const portion of portions) writevSync(fd, [portion]);
    fdatasyncSync(fd);
    closeSync(fd);
  });
}

async function spillAndDrain() {
  const batches = Array.from({ length: records / perBatch }, (_, i) => batchOf(i * perBatch));
  const bytes = sumOf(batches.map((batch) => batch.bytes));
  const open = () => createSpool(options, { runtime: systemRuntime, destination: 'bench' });
  const spool = open();
  let diskBytes = 0;
  const spill = await measure(bytes, async () => {
    // Two at a time, so that the disk has something to do while the next one is compressed.
    for (let i = 0; i < batches.length; i += 2) {
      await Promise.all(batches.slice(i, i + 2).map((batch) => spool.append(batch, 'normal')));
    }
    diskBytes = spool.stats().diskBytes;
    await spool.close();
  });
  batches.length = 0;
  const next = open();
  let drained = 0;
  const drain = await measure(bytes, async () => {
    await next.scan();
    for (let entry = await next.next(); entry; entry = await next.next()) {
      drained += entry.batch.count;
      next.ack(entry.receipt);
    }
    await next.close();
  });
  if (drained !== records) throw new Error(`${drained} of ${records} records came back`);
  return { spill, drain, diskBytesPerRecord: diskBytes / records };
}

/** A destination that takes everything at once and costs next to nothing. */
const sink = {
  name: 'sink',
  destination: 'memory',
  limits: { maxBytes: 8 << 20, maxRecords: 100_000, maxRecordBytes: 1 << 20, overheadBytes: 0 },
  idempotency: 'none',
  encode: (batch) => batch.bytes,
  sizeOf: (wire) => wire.length,
  classify: () => ({ outcome: 'ack' }),
  open: () => ({ send: async () => {}, close: async () => {} }),
};

/**
 * Lines through the pipeline, as they come from a logger: so many a call, then a turn of the event loop. The same lines
 * go through once before, uncounted, because a service runs for longer than the engine needs to optimize.
 */
async function throughPipeline() {
  const chunks = [];
  for (let i = 0; i < records; i += linesPerWrite) {
    const lines = Array.from({ length: Math.min(linesPerWrite, records - i) }, (_, j) => lineOf(i + j));
    chunks.push(Buffer.from(lines.join('')));
  }
  const spool = level === 'memory' ? undefined : { ...options, durability: level };
  const logs = pipeline(sink, { warnings: 'off', ...(spool && { spool }) });
  const perTurn = Math.max(1, Math.floor(256 / linesPerWrite));
  const logAll = async () => {
    for (let i = 0; i < chunks.length; i++) {
      logs.write(chunks[i]);
      if (i % perTurn === 0) await new Promise((turn) => setImmediate(turn));
    }
    await logs.flush({ timeoutMs: 60_000 });
  };
  await logAll();
  const cost = await measure(sumOf(chunks), logAll);
  const { acked } = logs.stats();
  await logs.close();
  if (acked.records !== 2 * records) throw new Error(`${acked.records} of ${2 * records} records arrived`);
  return cost;
}

try {
  process.send(await { plain, spillAndDrain, throughPipeline }[kind]());
} finally {
  rmSync(directory, { recursive: true, force: true });
  process.disconnect();
}
