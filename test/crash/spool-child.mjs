// A process on a spool directory that will be killed: `node spool-child.mjs <mode> <directory> <round> <seed>`.
//   spill    appends batches and drains some      journal  journals pieces, seals and acks batches
//   exit     gathers batches, says so, and writes them as last words in `exit` handlers
//   drain    adopts and drains everything there is, then ends
// Says on stdout, before it goes on, what it may rely on: `+ <id> …` for records that the spool has taken, `a <id> …`
// for records that it is about to ack, `b <batch id>` for each batch that came back.

import { writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Batch, createSpool, systemRuntime } from '@spillway/core';

const [mode, directory, round, seed] = process.argv.slice(2);
const lanes = ['high', 'normal', 'low'];
let state = Number(seed) >>> 0;
const random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};
const below = (n) => Math.floor(random() * n);
const say = (word, batch) => {
  const ids = Array.from({ length: batch.count }, (_, i) => batch.recordId(i));
  writeSync(1, `${word} ${ids.join(' ')}\n`);
};

const spool = createSpool(
  { directory, minFreeBytes: 0, compression: mode === 'spill' && random() < 0.5 ? 'auto' : 'none', maxBytes: '4gb' },
  {
    runtime: systemRuntime,
    destination: 'crash',
    tuning: { heartbeatMs: 20, silentMs: 0, scanMs: 100, segmentBytes: 16_384 + below(65_536), maxAttempts: 1000 },
  },
);

const next = { high: 0, normal: 0, low: 0 };
function batchOf(lane) {
  const writer = `r${round}${lane[0]}`;
  const firstSequence = next[lane];
  const count = 1 + below(20);
  next[lane] += count;
  const offsets = new Uint32Array(count + 1);
  const lines = Array.from({ length: count }, (_, i) => {
    const id = `${writer}-${firstSequence + i}`;
    const pad = 'x'.repeat(below(400));
    const line = Buffer.from(`{"id":"${id}","sum":${crc32(id + pad)},"pad":"${pad}"}\n`);
    offsets[i + 1] = offsets[i] + line.length;
    return line;
  });
  const times = new Float64Array(count).fill(Date.now());
  const levels = new Uint16Array(count).fill(30);
  return new Batch({ writer, firstSequence, bytes: Buffer.concat(lines), offsets, times, levels });
}

async function drainOne() {
  const drained = await spool.next();
  if (!drained) return false;
  writeSync(1, `b ${drained.batch.id}\n`);
  if (random() < 0.7) {
    say('a', drained.batch);
    spool.ack(drained.receipt);
  } else {
    spool.release(drained.receipt);
  }
  return true;
}

async function spill() {
  for (;;) {
    const lane = lanes[below(3)];
    const batch = batchOf(lane);
    if (await spool.append(batch, lane)) say('+', batch);
    if (random() < 0.4) await drainOne();
  }
}

async function journal() {
  const open = { high: [], normal: [], low: [] };
  for (;;) {
    const lane = lanes[below(3)];
    const piece = batchOf(lane);
    if (spool.journal(piece, lane)) say('+', piece);
    open[lane].push(piece);
    if (random() < 0.3) {
      const whole = joined(open[lane].splice(0));
      const receipt = spool.seal(whole, lane);
      if (receipt && random() < 0.5) {
        say('a', whole);
        spool.ack(receipt);
      } else if (receipt && random() < 0.7) {
        spool.release(receipt);
      }
    }
    if (random() < 0.2) await drainOne();
    if (random() < 0.3) await new Promise((done) => setImmediate(done));
  }
}

function joined(parts) {
  const { writer, firstSequence } = parts[0];
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  const offsets = [0];
  for (const part of parts) for (let i = 0; i < part.count; i++) offsets.push(offsets.at(-1) + part.line(i).length + 1);
  const times = Float64Array.from(parts.flatMap((part) => [...part.times]));
  const levels = Uint16Array.from(parts.flatMap((part) => [...part.levels]));
  return new Batch({ writer, firstSequence, bytes, offsets: Uint32Array.from(offsets), times, levels });
}

function exit() {
  const batches = [];
  process.on('exit', () => {
    const written = spool.appendSync(batches, 5000).length;
    for (const { batch } of batches.slice(0, written)) say('+', batch);
  });
  const ending = below(3);
  setInterval(() => {
    const lane = lanes[below(3)];
    batches.push({ batch: batchOf(lane), lane });
    if (batches.length < 20) return;
    if (ending === 0) process.exit(0);
    if (ending === 1) throw new Error('an exception that nobody catches');
    process.exitCode = 0;
    process.emitWarning = () => {};
    process.kill(process.pid, 'SIGTERM');
  }, 1);
  if (ending === 2) process.on('SIGTERM', () => process.exit(0));
}

async function drain() {
  await spool.scan();
  for (let idle = 0; idle < 20; ) {
    const drained = await spool.next();
    if (!drained) {
      idle++;
      await spool.scan();
      await new Promise((done) => setTimeout(done, 25));
      continue;
    }
    idle = 0;
    writeSync(1, `b ${drained.batch.id}\n`);
    say('a', drained.batch);
    spool.ack(drained.receipt);
  }
  await spool.close();
}

writeSync(1, 'up\n');
if (mode === 'exit') exit();
else {
  spool.scan();
  if (mode === 'drain') await drain();
  else if (mode === 'spill') await spill();
  else await journal();
}
