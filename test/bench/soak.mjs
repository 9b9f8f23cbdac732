// Whether memory is a matter of settings, or of time: a steady rate for half an hour, and the slope of resident memory.
//   pnpm bench:soak [--minutes 30] [--per-second 4000] [--json file]
// Our three ways run side by side, each to a receiver of its own, and beside them the floor, whose heap V8 lets grow for a long
// time, too. Ends with 1 if a record was lost, or if over the second half memory grew by more than a few MB and more than the
// floor's did, by lines fitted to samples every two seconds.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { receiver } from '@spillway/testing/receiver';
import { contenderOf, floor } from './contenders/index.mjs';
import { machine } from './machine.mjs';
import { save } from './results.mjs';
import { soakColumns } from './scale-columns.mjs';
import { scenarioOf } from './scenarios.mjs';
import { textTable } from './table.mjs';
import { trial } from './trial.mjs';

/** What the garbage collector's own rhythm can look like. */
const noiseMb = 4;
const everyMs = 2000;
const { values: args } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    'per-second': { type: 'string', default: '4000' },
    json: { type: 'string' },
  },
});
const minutes = Number(args.minutes);
const perSecond = Number(args['per-second']);
const records = Math.round(minutes * 60 * perSecond);
const scenario = scenarioOf('steady', { records, perSecond, limitMs: minutes * 60_000 + 240_000 });
const where = await machine();
const began = Date.now();
const speaking = setInterval(() => {
  process.stderr.write(`${((Date.now() - began) / 60_000).toFixed(1)} of ${minutes} minutes\n`);
}, 60_000);
const ours = ['worker', 'own thread', 'in process'].map((way) => `spillway ${way} http compressed`);
const rows = await Promise.all([floor, ...ours].map(soak)).finally(() => clearInterval(speaking));
process.stdout.write(`\n${textTable(rows, soakColumns)}\n`);
if (args.json) save(args.json, { soak: { rows, perSecond, minutes, machine: where } });
const [none, ...shipping] = rows.map(({ slopeMbPerHour }) => slopeMbPerHour * (minutes / 120));
const grew = ours.filter((_, n) => shipping[n] > Math.max(none, 0) + noiseMb);
for (const name of grew)
  process.stderr.write(`${name} grew by ${noiseMb} MB more than the floor over the second half\n`);
process.exitCode = grew.length > 0 || rows.some(({ lost, died }) => lost > 0 || died) ? 1 : 0;

async function soak(name) {
  const target = await receiver();
  const samples = [];
  let timer;
  const onLogging = (pid) => {
    const since = Date.now();
    timer = setInterval(() => {
      const atMs = Date.now() - since;
      if (atMs <= minutes * 60_000) samples.push({ atMs, mb: residentMb(pid) });
    }, everyMs);
  };
  const trying = trial({ contender: contenderOf(name), scenario, target, onLogging });
  const run = await trying.finally(() => {
    clearInterval(timer);
    return target.close();
  });
  const at = (share) => samples[Math.min(Math.floor(samples.length * share), samples.length - 1)]?.mb;
  return {
    name,
    ships: true,
    records,
    earlyMb: at(0.1),
    halfMb: at(0.5),
    endMb: at(1),
    slopeMbPerHour: slope(samples.slice(samples.length >> 1)) * 3_600_000,
    lost: run.lost,
    died: run.died,
  };
}

function residentMb(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Of the line through the samples by least squares, in MB per ms. */
function slope(samples) {
  const valid = samples.filter(({ mb }) => Number.isFinite(mb));
  const mean = (of) => valid.reduce((sum, sample) => sum + of(sample), 0) / valid.length;
  const meanMs = mean(({ atMs }) => atMs);
  const meanMb = mean(({ mb }) => mb);
  const covariance = mean(({ atMs, mb }) => (atMs - meanMs) * (mb - meanMb));
  return covariance / mean(({ atMs }) => (atMs - meanMs) ** 2);
}
