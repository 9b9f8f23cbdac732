// One contender in a process of its own: logs what the scenario says, then reports what it cost.
// In (messages): the order `{ name, scenario, url, spool }`, `begin` once what warmed it up has arrived, later `delivered` once
// the parent has seen the records arrive, or given up. Out (messages): `started`, `warm` where it was to warm up, `logging` at
// the first call that counts, `logged` after the last, then the figures.
// Loading and connecting are not counted; everything from the first call to the last delivered record is, in all threads.

import { setTimeout as sleep } from 'node:timers/promises';
import { contenderOf } from './contenders/index.mjs';
import { Meter, nowMs } from './meter.mjs';
import { workloads } from './workloads.mjs';

const flushMs = 10_000;
const endMs = 15_000;
const message = (test) =>
  new Promise((resolve) => {
    process.on('message', function listen(value) {
      if (!test(value)) return;
      process.off('message', listen);
      resolve(value);
    });
  });

// Whoever started it is gone: so is the reason for it.
process.on('disconnect', () => process.exit(1));
const ordered = message((value) => value.name !== undefined);
const begun = message((value) => value === 'begin');
const delivered = message((value) => value === 'delivered');
process.send({ event: 'started' });
const { name, scenario, url, spool, options, file } = await ordered;
const contender = contenderOf(name);
const { log, flush, close } = await contender.start({ url, spool, options, file });

if (scenario.records > 0) {
  if (scenario.warmUp > 0) {
    await logAll(log, { ...scenario, records: scenario.warmUp }, { called: () => {} });
    await flushed();
    process.send({ event: 'warm' });
    await begun;
  }
  const meter = new Meter(scenario);
  process.send({ event: 'logging' });
  await logAll(log, scenario, meter);
  if (scenario.ends === 'exit') {
    process.send({ event: 'exiting', atMs: nowMs() });
    process.exit(0);
  }
  await flushed();
  process.send({ event: 'logged' });
  await delivered;
  const figures = await meter.figures();
  // After half an hour they are many: the process must not end before they have left.
  await new Promise((sent) => process.send({ event: 'measured', figures }, sent));
} else {
  // Here to send what another process left behind.
  await delivered;
}
await Promise.race([close(), sleep(endMs)]);
// Some leave timers or connections behind.
process.exit(0);

function flushed() {
  return Promise.race([flush(), sleep(flushMs, undefined, { ref: false })]);
}

/** Logs at the scenario's pace: a few hundred calls in a turn of the event loop, or what is due every 10 ms. */
function logAll(log, scenario, meter) {
  const { records, perSecond } = scenario;
  const workload = workloads[scenario.workload];
  const fields = workload.fields(scenario);
  const loggers = children(log, workload.children ?? 0);
  const perTick = workload.perTickOf?.(scenario) ?? workload.perTick;
  const began = nowMs();
  let i = 0;
  return new Promise((resolve) => {
    const next = perSecond ? () => setTimeout(tick, 10) : () => setImmediate(tick);
    function tick() {
      const due = perSecond ? Math.floor(((nowMs() - began) / 1000) * perSecond) : i + perTick;
      const from = i;
      const atMs = nowMs();
      for (const end = Math.min(due, records); i < end; i++)
        loggers[i % loggers.length].info(fields(i), workload.message);
      meter.called(from, i, atMs);
      if (i < records) next();
      else resolve();
    }
    tick();
  });
}

function children(log, count) {
  if (count === 0) return [log];
  return Array.from({ length: count }, (_, n) => log.child({ component: `worker-${n}`, tenant: `tenant-${n % 50}` }));
}
