// A fleet of applications whose backend goes away and comes back, on a simulated clock:
//   pnpm test:fleet [--clients 500] [--outage 300] [--recovery 600] [--seed 1] [--json]
// Each logs 5 KB a second; the backend can do a little less than twice that. Once it refuses what it cannot take soon, and once
// it lets everything wait, which is what keeps a backend down for good when clients stampede it. Ends with 1 if a record was
// lost, if work was done for clients that had given up, or if the fleet did not catch up.

import { parseArgs } from 'node:util';
import { simulateFleet } from '@spillway/testing/fleet';

const { values: args } = parseArgs({
  options: {
    clients: { type: 'string', default: '500' },
    outage: { type: 'string', default: '300' },
    recovery: { type: 'string', default: '600' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const fleet = {
  clients: positive('clients'),
  outageS: positive('outage'),
  recoveryS: positive('recovery'),
  seed: positive('seed'),
};
const shownS = [10, 30, 60, 120, 300, 600, 1200];
const results = {};
for (const sheds of [true, false]) {
  const name = sheds ? 'refuses' : 'queues';
  results[name] = await simulateFleet({ ...fleet, sheds, progress: progressOf(name) });
}
if (args.json) process.stdout.write(`${JSON.stringify({ fleet, results })}\n`);
else for (const [name, report] of Object.entries(results)) process.stdout.write(text(name, report));
process.exitCode = Object.values(results).every(well) ? 0 : 1;

function well({ dropped, backend, caughtUpS }) {
  return dropped === 0 && backend.wasted === 0 && caughtUpS !== undefined;
}

function text(name, { marks, backend, peakPerSecond, steadyPerSecond, caughtUpS, dropped }) {
  const percent = (share) => `${(share * 100).toFixed(0)} %`;
  const rows = marks
    .filter(({ afterS }) => shownS.includes(afterS))
    .map(
      ({ afterS, backlogBytes, fresh }) =>
        `  ${`+${afterS} s`.padStart(7)}  ${(backlogBytes / 1e6).toFixed(1).padStart(8)} MB wait  ${percent(fresh).padStart(5)} of the clients have fresh lines`,
    );
  return `${[
    `\nthe backend ${name} what is too much: ${fleet.clients} clients, ${fleet.outageS} s away`,
    ...rows,
    `  requests: ${steadyPerSecond.toFixed(0)} a second before, at most ${peakPerSecond} in the first minute; ${percent(backend.refused / backend.requests)} refused, ${backend.wasted} for nobody`,
    `  caught up after ${caughtUpS ?? `more than ${fleet.recoveryS}`} s; ${dropped} records lost`,
  ].join('\n')}\n`;
}

function progressOf(name) {
  if (!process.stderr.isTTY) return undefined;
  return (second, seconds) =>
    process.stderr.write(`\r${name}: second ${second} of ${seconds}${second === seconds ? '\n' : ''}`);
}

function positive(name) {
  const value = Number(args[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  process.stderr.write(`Expected \`--${name}\` to be a whole number above 0, got '${args[name]}'\n`);
  process.exit(2);
}
