// Runs the contenders side by side and prints what a delivered record costs them:
//   pnpm bench [--scenario burst]… [--only 'words of a name']… [--rounds n] [--records n] [--json file]
// The receiver and each contender have a process of their own; rounds are interleaved, so that a change of the machine's
// speed hits all alike; figures are medians over the rounds. The floor runs before and after every few contenders, and ratios
// are to the two of these that stand around a contender: a shared machine changes its speed within a minute. `--scenario all` runs
// everything. Ends with 1 if Spillway lost a record anywhere, or had one twice where nothing failed or ended in the middle.

import { parseArgs } from 'node:util';
import { receiver } from '@spillway/testing/receiver';
import { contenders, floor, named } from './contenders/index.mjs';
import { machine } from './machine.mjs';
import { floorsAround, withFloors } from './neighbours.mjs';
import { installPeers } from './peers.mjs';
import { Progress } from './progress.mjs';
import { save } from './results.mjs';
import { scenarioOf, scenarios } from './scenarios.mjs';
import { summarize } from './summary.mjs';
import { textTable } from './table.mjs';
import { trial } from './trial.mjs';

const { values: args } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true, default: ['burst'] },
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    records: { type: 'string' },
    json: { type: 'string' },
  },
});
const overrides = {};
for (const key of ['rounds', 'records']) if (args[key] !== undefined) overrides[key] = positive(key, args[key]);
const plan = (args.scenario.includes('all') ? Object.keys(scenarios) : args.scenario).map((name) => {
  const scenario = scenarioOf(name, overrides);
  return { scenario, who: chosen(scenario) };
});
if (plan.some(({ who }) => who.some(({ group }) => group === 'peer'))) await installPeers();

const target = await receiver();
const progress = new Progress(
  plan.reduce((sum, { scenario, who }) => sum + scenario.rounds * withFloors(who, floor).length, 0),
);
const where = await machine();
const results = {};
try {
  for (const { scenario, who } of plan) results[scenario.name] = await run(scenario, who);
} finally {
  await target.close();
}
if (args.json) save(args.json, { scenarios: results });
process.exitCode = Object.values(results).some(wrong) ? 1 : 0;

/** All rounds of a scenario. */
async function run(scenario, who) {
  const runs = Object.fromEntries(who.map(({ name }) => [name, []]));
  for (let round = 0; round < scenario.rounds; round++) {
    const order = withFloors(who, floor);
    const figures = [];
    for (const contender of order) {
      progress.begin(`${scenario.name} ${round + 1}/${scenario.rounds}: ${contender.name}`);
      figures.push(await trial({ contender, scenario, target }));
      progress.advance();
    }
    for (const [i, { name }] of order.entries())
      runs[name].push({ ...figures[i], beside: floorsAround(order, figures, i, floor) });
  }
  const { title, about, records, rounds } = scenario;
  const rows = summarize(who, runs);
  const heading = `${title}: ${records.toLocaleString('en-US')} records, ${about}; medians of ${rounds} interleaved rounds`;
  process.stdout.write(`\n${heading}\n\n${textTable(rows)}\n`);
  return {
    title,
    about,
    records,
    rounds,
    repeats: scenario.faults.length > 0 || scenario.ends === 'exit',
    machine: where,
    rows,
  };
}

/** The scenario's own choice or the command line's, and what they are compared with. */
function chosen(scenario) {
  const fitting = new Set(named(args.only.length > 0 ? args.only : scenario.who));
  return contenders.filter(
    (contender) => fitting.has(contender) || (contender.name === floor && scenario.ends !== 'exit'),
  );
}

function wrong({ rows, repeats }) {
  return rows.some((row) => row.group === 'spillway' && (row.died || row.lost > 0 || (row.duplicates > 0 && !repeats)));
}

function positive(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`expected --${name} to be a whole number >= 1, got ${text}`);
  return value;
}
