// What the disk queue costs: `pnpm bench:spool [--rounds 3] [--records 300000] [--directory <where>] [--json]`.
// Prints throughput and CPU of spilling and draining for each codec beside a plain `writev` of the same bytes, and CPU of
// each level of durability through the whole pipeline, with what `journal` adds to `memory`. Every measurement has a
// process of its own; rounds are interleaved, figures are medians, differences are taken within a round.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { parseArgs } from 'node:util';
import * as zlib from 'node:zlib';

const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    records: { type: 'string', default: '300000' },
    directory: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(args.rounds);
const records = Number(args.records);
const codecs = ['none', 'gzip', 'brotli', ...(zlib.zstdCompressSync ? ['zstd'] : [])];
const levels = ['memory', 'spill', 'journal'];
/** Lines a call: one by one as from a quiet service, a tick's worth of a busy one, a burst. */
const portions = [1, 16, 256, 2000];

const cases = [
  { name: 'plain writev', kind: 'plain' },
  ...codecs.map((codec) => ({ name: `spool, ${codec}`, kind: 'spillAndDrain', codec })),
  { name: 'spool, brotli, encrypted', kind: 'spillAndDrain', codec: 'brotli', encrypted: true },
  ...portions.flatMap((linesPerWrite) =>
    levels.map((level) => ({ name: `${level} ${linesPerWrite}`, kind: 'throughPipeline', level, linesPerWrite })),
  ),
];

const results = Object.fromEntries(cases.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const each of cases) {
    results[each.name].push(await run(each));
    if (!args.json) process.stderr.write(`round ${round + 1}/${rounds}: ${each.name}\n`);
  }
}
if (args.json) process.stdout.write(`${JSON.stringify({ machine: machine(), disk: disk(), pipeline: ladder() })}\n`);
else process.stdout.write(text());

async function run({ name: _, ...about }) {
  // One line a call is slow work: a part of the records tells as much.
  const share = about.linesPerWrite === 1 ? records / 5 : records;
  const order = { ...about, records: Math.ceil(share / 1000) * 1000, parent: args.directory };
  const script = new URL('spool-case.mjs', import.meta.url);
  const child = fork(script, [JSON.stringify(order)], { execArgv: ['--expose-gc'] });
  const [answer] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${JSON.stringify(order)} ended with ${code}`))),
  ]);
  await once(child, 'exit');
  return answer;
}

function machine() {
  return {
    node: process.version,
    cpu: os.cpus()[0]?.model,
    cpus: os.cpus().length,
    load: os.loadavg()[0],
    rounds,
    records,
  };
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Rows of the disk: plain writing, then each way of spilling and draining. */
function disk() {
  const rows = cases.filter(({ kind }) => kind !== 'throughPipeline');
  return rows.flatMap(({ name, kind }) => {
    const runs = results[name];
    if (kind === 'plain') return [{ name, ...medians(runs) }];
    const diskBytesPerRecord = median(runs.map((each) => each.diskBytesPerRecord));
    return [
      { name: `${name}: spill`, ...medians(runs.map(({ spill }) => spill)), diskBytesPerRecord },
      { name: `${name}: drain`, ...medians(runs.map(({ drain }) => drain)) },
    ];
  });
}

function medians(runs) {
  return Object.fromEntries(Object.keys(runs[0]).map((key) => [key, median(runs.map((each) => each[key]))]));
}

/** Rows of the ladder: CPU per record of each level, and what it is more than memory. */
function ladder() {
  return portions.map((linesPerWrite) => {
    const of = (level) => results[`${level} ${linesPerWrite}`].map(({ cpuUs }) => cpuUs);
    const over = (level) => median(of(level).map((us, round) => us - of('memory')[round]));
    return {
      linesPerWrite,
      memory: median(of('memory')),
      spill: median(of('spill')),
      journal: median(of('journal')),
      spillOverMemory: over('spill'),
      journalOverMemory: over('journal'),
    };
  });
}

function text() {
  const { node, cpus, cpu, load } = machine();
  const about = `${records} records of about 280 bytes, medians of ${rounds} interleaved rounds, Node ${node}, ${cpus} × ${cpu}, load ${load.toFixed(1)}`;
  const diskTable = table(
    ['', 'MB/s', 'records/s', 'CPU µs/record', 'disk B/record'],
    disk().map((row) => [
      row.name,
      row.mbPerSecond.toFixed(0),
      row.recordsPerSecond.toFixed(0),
      row.cpuUs.toFixed(2),
      row.diskBytesPerRecord?.toFixed(0) ?? '',
    ]),
  );
  const ladderTable = table(
    ['lines a call', 'memory', 'spill', 'journal', 'spill − memory', 'journal − memory'],
    ladder().map((row) => Object.values(row).map((value, i) => (i === 0 ? String(value) : value.toFixed(2)))),
  );
  return `${about}\n\nThe disk\n${diskTable}\n\nThrough the pipeline, CPU µs/record\n${ladderTable}\n`;
}

function table(titles, rows) {
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  return [titles, ...rows]
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '))
    .join('\n');
}
