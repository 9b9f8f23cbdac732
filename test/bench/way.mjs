// The price of the whole way: the same application, whose stdout an agent ships, or which ships itself.
//   pnpm bench:way [--rounds n] [--records n] [--per-second n] [--json file]
// CPU, writes to disk and memory of the application and of the agent, and how long records take. The first time, the
// agents are obtained as the test servers are, which takes Go 1.26 and Debian's apt.

import { parseArgs } from 'node:util';
import { receiver } from '@spillway/testing/receiver';
import { beside, contenderOf } from './contenders/index.mjs';
import { machine } from './machine.mjs';
import { Progress } from './progress.mjs';
import { save } from './results.mjs';
import { scenarioOf } from './scenarios.mjs';
import { median } from './summary.mjs';
import { textTable } from './table.mjs';
import { trial } from './trial.mjs';
import { wayColumns } from './way-columns.mjs';

const direct = ['worker http', 'worker elasticsearch', 'worker otlp raw', 'worker otlp', 'own thread http'];
const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    records: { type: 'string', default: '300000' },
    'per-second': { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(args.rounds);
const perSecond = args['per-second'] === undefined ? undefined : Number(args['per-second']);
const scenario = scenarioOf('burst', { records: Number(args.records), perSecond });
const who = [...direct.map((name) => contenderOf(`spillway ${name}`)), ...beside];
const where = await machine();
const target = await receiver();
const progress = new Progress(rounds * who.length);
const runs = Object.fromEntries(who.map(({ name }) => [name, []]));
try {
  for (let round = 0; round < rounds; round++) {
    for (const contender of who) {
      progress.begin(`${round + 1}/${rounds}: ${contender.name}`);
      runs[contender.name].push(await trial({ contender, scenario, target }));
      progress.advance();
    }
  }
} finally {
  await target.close();
}

const rows = who.map(({ name, group, agent }) => {
  const of = (figure) => median(runs[name].map(figure));
  const each = (figure) => of((run) => figure(run) / (run.unique || Number.NaN));
  return {
    name,
    group,
    ships: true,
    agent,
    cpuUs: each((run) => run.cpuUs + (run.agent?.cpuUs ?? 0)),
    appCpuUs: each((run) => run.cpuUs),
    agentCpuUs: agent && each((run) => run.agent.cpuUs),
    diskBytes: each((run) => run.diskBytes + (run.agent?.diskBytes ?? 0)),
    peakRssMb: of((run) => run.peakRssMb),
    agentRssMb: agent && of((run) => run.agent.peakRssMb),
    latencyP50Ms: of((run) => run.latencyP50Ms),
    latencyP99Ms: of((run) => run.latencyP99Ms),
    lost: Math.max(...runs[name].map(({ lost }) => lost)),
    died: runs[name].find(({ died }) => died)?.died,
  };
});
process.stdout.write(`\n${textTable(rows, wayColumns)}\n`);
if (args.json) save(args.json, { way: { rows, records: scenario.records, rounds, perSecond, machine: where } });
process.exitCode = rows.some(({ agent, lost, died }) => !agent && (lost > 0 || died)) ? 1 : 0;
