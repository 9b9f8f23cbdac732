// An application at its end: `node close-child.mjs <url> <directory>`. Logs a little to a destination that is not there, and
// closes while the next attempt is waited for. Says what became of its records.

import { pipeline } from '@spillway/core';
import { http } from '@spillway/transports';

const [url, directory] = process.argv.slice(2);
const logs = pipeline(http({ url }), {
  warnings: 'off',
  batch: { lingerMs: 1 },
  retry: { minMs: 3_600_000, maxMs: 3_600_000 },
  ...(directory && { spool: { directory, minFreeBytes: 0 } }),
});
for (let i = 0; i < 100; i++) logs.write(`{"level":30,"time":${Date.now()},"i":${i}}\n`);
const { stats } = await logs.close({ deadlineMs: 500 });
console.log(`${stats.spooled.records} ${stats.dropped.records}`);
