// Runs the contenders side by side and prints what a delivered record costs: `pnpm bench [--rounds 3]
// [--records 300000] [--only <part of a name>] [--json]`. The receiver and each contender have a process of their own;
// rounds are interleaved, so that a change of the machine's speed hits all alike; figures are medians over the rounds,
// ratios are taken within a round. Ends with 1 if a Spillway contender lost or repeated a record.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { receiver } from '@spillway/testing/receiver';
import { contenders, floor } from './contenders.mjs';
import { summarize, table } from './report.mjs';

const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    records: { type: 'string', default: '300000' },
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(args.rounds);
const records = Number(args.records);
const names = Object.keys(contenders).filter(
  (name) => name === floor || args.only.length === 0 || args.only.some((part) => name.includes(part)),
);

const target = await receiver();
const results = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const name of names) {
    results[name].push(await run(name));
    if (!args.json) process.stderr.write(`round ${round + 1}/${rounds}: ${name}\n`);
  }
}
await target.close();

const machine = { node: process.version, cpu: os.cpus()[0]?.model, cpus: os.cpus().length, rounds, records };
const summary = summarize(results, floor);
if (args.json) process.stdout.write(`${JSON.stringify({ machine, contenders: summary })}\n`);
else process.stdout.write(table(summary, machine));
const wrong = summary.filter(({ name, lost, duplicates }) => name.startsWith('spillway') && lost + duplicates > 0);
process.exitCode = wrong.length > 0 ? 1 : 0;

/** One contender, one round. */
async function run(name) {
  await target.clear();
  const child = fork(new URL('contender.mjs', import.meta.url), { execArgv: [], stdio: ['ignore', 2, 2, 'ipc'] });
  const ended = once(child, 'exit');
  try {
    await answer(child, (value) => value === 'started');
    child.send({ name, records, url: target.url });
    await answer(child, (value) => value === 'logged');
    const received = contenders[name].ships ? await settled() : undefined;
    child.send('delivered');
    const cost = await answer(child, (value) => value.cpuUs !== undefined);
    return {
      ...cost,
      unique: received?.unique ?? records,
      lost: received ? records - received.unique : 0,
      duplicates: received?.duplicates ?? 0,
      requests: received?.requests ?? 0,
      wireBytes: received?.bytes ?? 0,
    };
  } finally {
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(timer);
  }
}

/** The receiver's counts once all records are there, or once none came for five seconds. */
async function settled() {
  let last = -1;
  for (;;) {
    const stats = await target.received(records, 5000);
    if (stats.unique >= records || stats.unique === last) return stats;
    last = stats.unique;
  }
}

function answer(child, test) {
  return new Promise((resolve, reject) => {
    const onExit = (code) => reject(new Error(`the contender ended early with code ${code}`));
    child.once('exit', onExit);
    child.on('message', function listen(value) {
      if (!test(value)) return;
      child.off('message', listen);
      child.off('exit', onExit);
      resolve(value);
    });
  });
}
