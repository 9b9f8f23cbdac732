// An outage, from the application's side: healthy for a while, then the destination answers 503 to everything while records
// go on coming, then it is back and must catch up while live records stay fresh. In: rates and sizes. Out: what the
// application saw of itself in each phase, and what became of every record.
// The receiver and the application have processes of their own; the application ships through pino's worker transport.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { receiver } from '@spillway/testing/receiver';

/**
 * @param {{
 *   rate: number, healthySeconds: number, outageRecords: number, liveRate: number, catchUpSeconds: number,
 *   spool?: object, options?: object, parent?: string, say?: (text: string) => void,
 * }} scenario
 */
export async function outage(scenario) {
  const { rate, healthySeconds, outageRecords, liveRate, catchUpSeconds, say = () => {} } = scenario;
  const directory = mkdtempSync(join(scenario.parent ?? tmpdir(), 'spillway-outage-'));
  const target = await receiver();
  const options = {
    to: ['http', { url: `${target.url}/logs` }],
    spool: { directory, minFreeBytes: 0, ...scenario.spool },
    warnings: 'off',
    ...scenario.options,
  };
  const app = application(options);
  try {
    await app.answer((message) => message === 'up');
    say('warming up');
    await app.run({ records: 5 * rate, rate });
    say(`healthy: ${rate} records/s for ${healthySeconds} s`);
    const healthy = await app.run({ records: healthySeconds * rate, rate });
    await target.mode({ kind: 'status', status: 503 });
    say(`outage: ${outageRecords} records at ${rate}/s`);
    const down = await app.run({ records: outageRecords, rate });
    const atRepair = await app.stats();
    await target.mode({ kind: 'ok' });
    say(
      `back: ${atRepair.spooled.records} records on the disk, ${atRepair.dropped.records} dropped; ${liveRate}/s go on`,
    );
    const repairedAt = performance.now();
    const live = app.run({ rate: liveRate });
    const caughtUpMs = await caughtUp(app, repairedAt, catchUpSeconds);
    app.send('stop');
    const after = await live;
    const stats = await settled(app, after.to, catchUpSeconds);
    const received = await target.received(after.to - stats.dropped.records, 10_000);
    const arrivals = await target.arrivals();
    return {
      rate,
      outageRecords,
      logged: after.to,
      lost: after.to - received.unique - stats.dropped.records,
      dropped: stats.dropped.records,
      duplicates: received.duplicates,
      spooledAtRepair: atRepair.spooled.records,
      diskBytesAtRepair: atRepair.spool.diskBytes,
      caughtUpMs,
      freshness: freshness(after, arrivals),
      phases: { healthy: summary(healthy), outage: summary(down), catchingUp: summary(after) },
      stats,
    };
  } finally {
    await app.end();
    await target.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The application's process. */
function application(options) {
  const env = { ...process.env, OPTIONS: JSON.stringify(options) };
  const child = fork(new URL('app.mjs', import.meta.url), { env, execArgv: [], stdio: ['ignore', 2, 2, 'ipc'] });
  const gone = once(child, 'exit');
  function answer(test) {
    return new Promise((resolve, reject) => {
      const onExit = (code, signal) => reject(new Error(`the application ended early: ${code ?? signal}`));
      child.once('exit', onExit);
      child.on('message', function listen(message) {
        if (!test(message)) return;
        child.off('message', listen);
        child.off('exit', onExit);
        resolve(message);
      });
    });
  }
  const ask = (order, key) => {
    const reply = answer((message) => message[key] !== undefined);
    child.send(order);
    return reply.then((message) => message[key]);
  };
  return {
    answer,
    send: (order) => child.send(order),
    run: (phase) => ask(phase, 'phase'),
    stats: () => ask('stats', 'stats'),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.send('end');
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await gone;
      clearTimeout(timer);
    },
  };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until what was on the disk has been delivered; ms, or undefined where the time was not enough. */
async function caughtUp(app, since, seconds) {
  for (;;) {
    const { spooled } = await app.stats();
    const ms = performance.now() - since;
    // Live traffic may pass over the disk for a moment now and then; the backlog is gone by then.
    if (spooled.records === 0) return Math.round(ms);
    if (ms > 1000 * seconds) return undefined;
    await pause(200);
  }
}

/** The counts once nothing is under way any more. */
async function settled(app, accepted, seconds) {
  for (const end = performance.now() + 1000 * seconds; ; ) {
    const stats = await app.stats();
    const { queued, inFlight, spooled } = stats;
    const idle = stats.accepted.records >= accepted && queued.records + inFlight.records + spooled.records === 0;
    if (idle || performance.now() > end) return stats;
    await pause(200);
  }
}

/**
 * How long live records took from the log call to their arrival, in ms, while the backlog was delivered beside them. Those
 * count that were logged once the first delivery had shown that the destination is back; what came before is outage.
 */
function freshness({ from, to, ticks }, arrivals) {
  const [[, repairedAt]] = ticks;
  const noticedAt = arrivals.reduce(
    (first, at) => (at > repairedAt && at < first ? at : first),
    Number.POSITIVE_INFINITY,
  );
  const ages = [];
  for (let tick = 0; tick < ticks.length; tick++) {
    const [first, loggedAt] = ticks[tick];
    const end = ticks[tick + 1]?.[0] ?? to;
    if (loggedAt < noticedAt) continue;
    for (let i = Math.max(first, from); i < end; i++) if (arrivals[i]) ages.push(arrivals[i] - loggedAt);
  }
  ages.sort((a, b) => a - b);
  const at = (share) => Math.round(ages[Math.min(ages.length - 1, Math.floor(share * ages.length))] ?? Number.NaN);
  const noticedMs = Math.round(noticedAt - repairedAt);
  return { noticedMs, records: ages.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}

function summary({ from, to, seconds, loop, rss }) {
  const sorted = rss.toSorted((a, b) => a - b);
  return { records: to - from, seconds, loop, rssMb: { median: sorted[sorted.length >> 1], max: sorted.at(-1) } };
}
