// How cost and memory grow: with the rate, with the size of the records, with the settings.
//   pnpm bench:scale [--part rates|sizes|memory]… [--rounds n] [--seconds n] [--json file]
// The worker to HTTP without compression, beside the floor, in processes that run for a while; medians over interleaved rounds.
// `--seconds` is how long each rate is kept; the memory part, which waits for a backend that is away, runs once.

import { parseArgs } from 'node:util';
import { receiver } from '@spillway/testing/receiver';
import { contenderOf, floor } from './contenders/index.mjs';
import { machine } from './machine.mjs';
import { Progress } from './progress.mjs';
import { save } from './results.mjs';
import { memoryColumns, rateColumns, sizeColumns } from './scale-columns.mjs';
import { scenarioOf } from './scenarios.mjs';
import { median } from './summary.mjs';
import { textTable } from './table.mjs';
import { trial } from './trial.mjs';

const { values: args } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: ['rates', 'sizes', 'memory'] },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});
const seconds = Number(args.seconds);
const fastest = 300_000;
/** Kept before what is measured. */
const warmUpSeconds = 5;
const warmUpRecords = 100_000;
const mostBytes = 200e6;
const ours = contenderOf('spillway worker http');
const none = contenderOf(floor);

const rates = [100, 1000, 4000, 10_000, 30_000, undefined].map((perSecond) => ({
  name: perSecond ? `${perSecond.toLocaleString('en-US')}/s` : 'no limit',
  scenario: scenarioOf('burst', {
    perSecond,
    records: perSecond ? perSecond * seconds : fastest,
    warmUp: perSecond ? perSecond * warmUpSeconds : warmUpRecords,
  }),
}));
const sizes = [
  ['100 B', 100, 'tiny'],
  ['270 B', 270, 'request'],
  ['1 kB', 1000, 'text'],
  ['10 kB', 10_000, 'text'],
  ['100 kB', 100_000, 'text'],
  ['1 MB', 1_000_000, 'text'],
].map(([name, bytes, workload]) => ({
  name,
  scenario: scenarioOf('burst', {
    ...{ workload, bytes },
    records: Math.min(fastest, Math.floor(mostBytes / bytes)),
    warmUp: Math.min(warmUpRecords, Math.floor(mostBytes / bytes / 3)),
  }),
}));
/** 80 MB of records while nobody listens, which no queue but the largest can hold. */
const nobody = scenarioOf('burst', {
  faults: [
    { atMs: 0, mode: { kind: 'refuse' } },
    { atMs: 8000, mode: { kind: 'ok' } },
  ],
  patienceMs: 30_000,
});
const memory = ['4mb', '16mb', '64mb'].flatMap((maxBytes) => [
  {
    name: `queue.maxBytes ${maxBytes}, no spool`,
    scenario: nobody,
    options: { queue: { maxBytes }, spool: undefined },
  },
  { name: `queue.maxBytes ${maxBytes}, spool`, scenario: nobody, options: { queue: { maxBytes } } },
]);

const plan = { rates, sizes, memory };
const columns = { rates: rateColumns, sizes: sizeColumns, memory: memoryColumns };
const rounds = Number(args.rounds);
const roundsOf = (part) => (part === 'memory' ? 1 : rounds);
const progress = new Progress(args.part.reduce((sum, part) => sum + plan[part].length * roundsOf(part), 0));
const where = await machine();
const target = await receiver();
const results = {};
try {
  for (const part of args.part) {
    results[part] = await runPart(part, plan[part]);
    process.stdout.write(`\n${textTable(results[part], columns[part])}\n`);
  }
} finally {
  await target.close();
}
if (args.json) save(args.json, { scale: { ...results, rounds, machine: where } });
const spooled = Object.values(results)
  .flat()
  .filter(({ name }) => !name.includes('no spool'));
process.exitCode = spooled.some(({ lost }) => lost > 0) ? 1 : 0;

/** One row a step; beside the floor unless only memory is asked about. */
async function runPart(part, steps) {
  const rounds = roundsOf(part);
  const runs = steps.map(() => ({ own: [], floor: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [n, { name, scenario, options }] of steps.entries()) {
      progress.begin(`${round + 1}/${rounds}: ${name}`);
      if (part !== 'memory') runs[n].floor.push(await trial({ contender: none, scenario, target }));
      runs[n].own.push(await trial({ contender: ours, scenario, target, options }));
      progress.advance();
    }
  }
  return steps.map(({ name, scenario }, n) => rowOf(name, scenario, runs[n]));
}

function rowOf(name, scenario, { own, floor }) {
  const of = (figure, runs = own) => median(runs.map(figure));
  const perSecond = of(({ turns }) => turns && (turns.at(-1)[1] / (turns.at(-1)[2] - turns[0][2])) * 1000);
  return {
    name,
    ships: true,
    perSecond,
    mbPerSecond: perSecond && (perSecond * scenario.bytes) / 1e6,
    cpuUs: of(({ cpuUs, unique }) => cpuUs / (unique || Number.NaN)),
    floorCpuUs: of(({ cpuUs, unique }) => cpuUs / unique, floor),
    peakRssMb: of(({ peakRssMb }) => peakRssMb),
    floorPeakRssMb: of(({ peakRssMb }) => peakRssMb, floor),
    diskBytes: of(({ diskBytes, unique }) => diskBytes / unique),
    settledRssMb: of(({ settledRssMb }) => settledRssMb),
    latencyP50Ms: of(({ latencyP50Ms }) => latencyP50Ms),
    latencyP99Ms: of(({ latencyP99Ms }) => latencyP99Ms),
    lost: Math.max(...own.map(({ lost }) => lost)),
    died: own.find(({ died }) => died)?.died,
  };
}
