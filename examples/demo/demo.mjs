// The demo: `pnpm demo [--seconds 5] [--records N] [--to loki --url http://…] [--port 4600] [--json] [--once]`.
// Starts the viewer (unless another destination is given) and a real Express service in a process of its own, sends it
// real HTTP requests, and tells what became of its log records. In a terminal the viewer then stays up until Ctrl-C;
// with --json, --once or without a terminal the demo ends by itself. Exit code 1: a record was lost or miscounted.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { imbalance } from '@spillway/core';
import { viewer } from '@spillway/viewer';
import { load } from './load.mjs';
import { summary } from './summary.mjs';

const { values: args } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    records: { type: 'string' },
    to: { type: 'string' },
    url: { type: 'string' },
    port: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
    once: { type: 'boolean', default: false },
  },
});
if ((args.to === undefined) !== (args.url === undefined)) {
  console.error('Give both --to and --url, as in --to loki --url http://127.0.0.1:3100, or neither for the viewer.');
  process.exit(2);
}
/** Longest that the demo sends requests, whatever --records asks for. */
const maxSeconds = 300;
const interactive = process.stdout.isTTY === true && !args.json;

const local = args.to === undefined ? await viewer({ port: Number(args.port), memory: true }) : undefined;
const to = local ? ['http', { url: `${local.url}/ingest` }] : [args.to, destination(args.to, args.url)];
const outcome = await run(to);
outcome.viewer = local && { url: local.url, accepted: local.stats().accepted };
outcome.problems = problems(outcome);

process.stdout.write(args.json ? `${JSON.stringify(outcome)}\n` : summary(outcome));
process.exitCode = outcome.problems.length > 0 ? 1 : 0;
if (local && interactive && !args.once) {
  process.stdout.write('The viewer stays up until Ctrl-C.\n');
  await once(process, 'SIGINT');
}
await local?.close();

/** The options of a destination of the user's own. */
function destination(name, url) {
  return name === 'loki' ? { url, labels: { service_name: 'spillway-demo' } } : { url };
}

/** Runs the service under load and gives its report. */
async function run(to) {
  const options = { to, batch: { lingerMs: 500 } };
  const service = fork(new URL('service.mjs', import.meta.url), [JSON.stringify(options)], {
    execArgv: [],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const ended = once(service, 'exit');
  const gone = ended.then(([code]) => {
    throw new Error(`the service ended early with code ${code}`);
  });
  gone.catch(() => {});
  const stop = new AbortController();
  const enough = args.records === undefined ? Number.POSITIVE_INFINITY : Number(args.records);
  const seconds = args.records === undefined ? Number(args.seconds) : maxSeconds;
  service.on('message', ({ logged }) => {
    if (logged === undefined) return;
    if (logged >= enough) stop.abort();
    if (interactive) process.stdout.write(`\r${logged.toLocaleString('en')} records logged `);
  });
  const [{ port }] = await Promise.race([once(service, 'message'), gone]);
  const timer = setTimeout(() => stop.abort(), seconds * 1000);
  // When requests fail, the service has ended, and how it ended says more.
  const requests = await load(`http://127.0.0.1:${port}`, stop.signal).catch(() => gone);
  clearTimeout(timer);
  if (interactive) process.stdout.write('\r\u001b[K');
  service.send('stop');
  const report = await Promise.race([reported(service), gone]);
  await ended;
  return { ...report, requests };
}

function reported(service) {
  return new Promise((resolve) => {
    service.on('message', ({ report }) => {
      if (report) resolve(report);
    });
  });
}

/** Everything that must not be: an empty list is what the demo is for. */
function problems({ logged, stats, viewer }) {
  const found = [];
  const off = imbalance(stats);
  const lost = stats.dropped.records + stats.rejected.records;
  if (off.records !== 0 || off.bytes !== 0) found.push(`the counts do not add up: ${JSON.stringify(off)}`);
  if (stats.accepted.records !== logged) found.push(`${logged} records logged, ${stats.accepted.records} accepted`);
  if (lost > 0) found.push(`${lost} records lost`);
  if (stats.acked.records !== stats.accepted.records) found.push(`only ${stats.acked.records} records acked`);
  if (viewer && viewer.accepted !== logged) found.push(`the viewer has ${viewer.accepted} of ${logged} records`);
  return found;
}
