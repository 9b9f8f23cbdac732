// An application that will be killed: `node app.mjs <directory> <url> <records>`. Everything goes to disk first.
// Writes numbered records in bursts and, for each line on stdin, says its stats as one line of JSON on stdout.

import { createInterface } from 'node:readline';
import { pipeline } from '@spillway/core';
import { http } from '@spillway/transports';

const [directory, url, records] = process.argv.slice(2);
const logs = pipeline(http({ url }), {
  warnings: 'off',
  batch: { lingerMs: 20, maxRecords: 100 },
  retry: { attempts: 2, minMs: 1, maxMs: 5 },
  breaker: { failures: 2, cooldownMs: 50 },
  spool: { directory, durability: 'journal', minFreeBytes: 0 },
});

let next = 0;
function burst() {
  const many = Math.min(100, Number(records) - next);
  const lines = Array.from({ length: many }, () => `${JSON.stringify({ level: 30, time: Date.now(), i: next++ })}\n`);
  if (many > 0) logs.write(lines.join(''));
}

setInterval(burst, 20);
createInterface({ input: process.stdin }).on('line', () => {
  process.stdout.write(`${JSON.stringify({ written: next, ...logs.stats() })}\n`);
});
