// An application that will be killed: `node pipeline-child.mjs <durability> <directory> <url> <round> <write|drain>`.
// Writes numbered records in bursts and says on stdout, each time it may rely on it, up to which number nothing can be
// lost any more: with `journal` what `write` has returned for, with `spill` what has left memory.

import { writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { pipeline } from '@spillway/core';
import { http } from '@spillway/transports';

const [durability, directory, url, round, task] = process.argv.slice(2);
const logs = pipeline(http({ url }), {
  warnings: 'off',
  batch: { lingerMs: 5, maxRecords: 200 },
  retry: { attempts: 2, minMs: 1, maxMs: 5 },
  breaker: { failures: 2, cooldownMs: 20 },
  send: { timeoutMs: 2000, compression: 'gzip' },
  // Only the last process takes over what the others left: a batch that five processes died with is taken for the
  // cause, and goes to the dead letters.
  spool: { directory, durability, minFreeBytes: 0, spillAfterMs: 0, adopt: task === 'drain' },
});

let next = 0;
function line() {
  const id = `${round}-${next++}`;
  const pad = 'x'.repeat((next * 37) % 300);
  return `${JSON.stringify({ level: next % 50 === 0 ? 50 : 30, time: Date.now(), id, sum: crc32(id + pad), pad })}\n`;
}

function burst() {
  // Now and then there is a pause, in which everything can leave memory.
  if (durability === 'journal' || Math.floor(performance.now() / 30) % 2 === 0) {
    logs.write(Array.from({ length: 1 + ((next * 7) % 60) }, line).join(''));
  }
  if (durability === 'journal' || logs.idle) writeSync(1, `${next}\n`);
}

setInterval(task === 'write' ? burst : () => {}, 2);
