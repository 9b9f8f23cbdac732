// Ten minutes of outage at 5,000 records a second, in less time by rate, with figures for people or, with --json, for
// machines: `pnpm test:outage [--rate 25000] [--records 3000000] [--healthy 60] [--live 5000] [--level spill|journal]
// [--max-bytes 512mb] [--json]`. Timing depends on the machine, so that this is run on demand; CI checks counts and memory
// at a smaller size (test/spool/outage.test.ts). Ends with 1 if a record was lost without being counted.

import os from 'node:os';
import { parseArgs } from 'node:util';
import { outage } from './scenario.mjs';

const { values: args } = parseArgs({
  options: {
    rate: { type: 'string', default: '25000' },
    records: { type: 'string', default: '3000000' },
    healthy: { type: 'string', default: '60' },
    live: { type: 'string', default: '5000' },
    level: { type: 'string', default: 'spill' },
    'max-bytes': { type: 'string', default: '512mb' },
    directory: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const report = await outage({
  rate: Number(args.rate),
  healthySeconds: Number(args.healthy),
  outageRecords: Number(args.records),
  liveRate: Number(args.live),
  catchUpSeconds: 600,
  spool: { durability: args.level, maxBytes: args['max-bytes'] },
  ...(args.directory && { parent: args.directory }),
  say: (text) => process.stderr.write(`${text}\n`),
});
const { healthy, outage: down, catchingUp } = report.phases;
const verdict = {
  rssGrowthMb: down.rssMb.max - healthy.rssMb.max,
  rssGrowthCatchingUpMb: catchingUp.rssMb.max - healthy.rssMb.max,
  loopP99AddedMs: down.loop.p99 - healthy.loop.p99,
};
const machine = { node: process.version, cpu: os.cpus()[0]?.model, cpus: os.cpus().length, load: os.loadavg()[0] };
if (args.json) process.stdout.write(`${JSON.stringify({ machine, ...report, verdict })}\n`);
else process.stdout.write(text());
process.exitCode = report.lost === 0 ? 0 : 1;

function text() {
  const { lost, dropped, duplicates, logged, spooledAtRepair, diskBytesAtRepair, caughtUpMs, freshness } = report;
  const row = (name, { records, seconds, loop, rssMb }) =>
    [
      name.padEnd(12),
      `${records} records in ${seconds.toFixed(1)} s`.padEnd(30),
      `event loop p50 ${loop.p50.toFixed(2)}, p99 ${loop.p99.toFixed(2)}, max ${loop.max.toFixed(1)} ms`.padEnd(50),
      `RSS median ${rssMb.median.toFixed(0)}, max ${rssMb.max.toFixed(0)} MB`,
    ].join('  ');
  return `${[
    `Node ${machine.node}, ${machine.cpus} × ${machine.cpu}, load ${machine.load.toFixed(1)}, level ${args.level}`,
    row('healthy', healthy),
    row('outage', down),
    row('catching up', catchingUp),
    `memory over healthy: ${verdict.rssGrowthMb.toFixed(1)} MB in the outage, ${verdict.rssGrowthCatchingUpMb.toFixed(1)} MB catching up; event loop p99 ${verdict.loopP99AddedMs >= 0 ? '+' : ''}${verdict.loopP99AddedMs.toFixed(2)} ms`,
    `at the repair ${spooledAtRepair} records on the disk in ${(diskBytesAtRepair / 1e6).toFixed(0)} MB; caught up after ${caughtUpMs === undefined ? 'more than ten minutes' : `${(caughtUpMs / 1000).toFixed(1)} s`}`,
    `noticed after ${freshness.noticedMs} ms; ${freshness.records} live records from then on, from log call to arrival p50 ${freshness.p50}, p99 ${freshness.p99}, p99.9 ${freshness.p999}, max ${freshness.max} ms`,
    `logged ${logged}, dropped and counted ${dropped}, lost ${lost}, repeated ${duplicates}`,
  ].join('\n')}\n`;
}
