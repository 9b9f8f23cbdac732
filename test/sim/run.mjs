// Runs the spool's simulation for many seeds, on all processors, and sums up what happened.
//
//   pnpm test:sim                                          100,000 runs from a random seed
//   SPILLWAY_SIM_SEED=17 SPILLWAY_SIM_RUNS=1 pnpm test:sim        one run again; SPILLWAY_SIM_TRACE=1 prints every step
//   SPILLWAY_SIM_DIE_AT=55 or 55:power                     ... with the first process, or all power, dying at that call
//   SPILLWAY_SIM_EACH=1                                    every run once more for each of its calls, dying there
//   SPILLWAY_SIM_THREADS=1                                 on fewer threads than there are processors
//
// A broken promise ends the run with the seed that shows it.

import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const env = process.env;
const root = fileURLToPath(new URL('../..', import.meta.url));

/** The simulation and the spool, from their sources. */
async function bundle(directory) {
  const { build } = await import('tsup');
  await build({
    config: false,
    silent: true,
    entry: { simulation: join(root, 'packages/testing/src/spool-simulation.ts') },
    outDir: directory,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    noExternal: [/.*/],
    outExtension: () => ({ js: '.mjs' }),
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    esbuildOptions(options) {
      options.conditions = ['spillway-source'];
    },
  });
  return join(directory, 'simulation.mjs');
}

async function work({ file, from, count, step, each, dieAt, trace }) {
  const { simulateSpool } = await import(pathToFileURL(file).href);
  for (let i = 0; i < count; i++) {
    const seed = from + i * step;
    const scenarios = [{ seed, ...(dieAt && { dieAt }) }];
    for (let scenario = scenarios.shift(); scenario; scenario = scenarios.shift()) {
      try {
        const report = await simulateSpool({ ...scenario, ...(trace && { trace: (line) => console.log(line) }) });
        parentPort.postMessage({ report });
        if (!each || scenario.dieAt) continue;
        for (let call = 1; call <= report.callsUntilHealing; call++) {
          scenarios.push({ seed, dieAt: { call, power: false } }, { seed, dieAt: { call, power: true } });
        }
      } catch (error) {
        parentPort.postMessage({ failed: scenario, error: error.message });
      }
    }
  }
}

function reproduce({ seed, dieAt }) {
  const die = dieAt ? `SPILLWAY_SIM_DIE_AT=${dieAt.call}${dieAt.power ? ':power' : ''} ` : '';
  return `${die}SPILLWAY_SIM_SEED=${seed} SPILLWAY_SIM_RUNS=1 SPILLWAY_SIM_TRACE=1 pnpm test:sim`;
}

async function main() {
  const from = Number(env.SPILLWAY_SIM_SEED ?? Date.now() % 1_000_000_000);
  const runs = Number(env.SPILLWAY_SIM_RUNS ?? 100_000);
  const [call, power] = (env.SPILLWAY_SIM_DIE_AT ?? '').split(':');
  const dieAt = call ? { call: Number(call), power: power === 'power' } : undefined;
  const directory = await mkdtemp(join(tmpdir(), 'spillway-sim-'));
  const start = performance.now();
  const sums = {};
  let failures = 0;
  let done = 0;
  try {
    const file = await bundle(directory);
    const threads = Math.min(runs, Number(env.SPILLWAY_SIM_THREADS ?? availableParallelism()));
    console.error(`${runs} runs from seed ${from} on ${threads} threads`);
    const progress = setInterval(() => console.error(`${done} runs, ${failures} failures`), 10_000);
    const workers = Array.from({ length: threads }, (_, i) => {
      const count = Math.floor((runs - i - 1) / threads) + 1;
      const trace = env.SPILLWAY_SIM_TRACE !== undefined;
      const each = env.SPILLWAY_SIM_EACH !== undefined;
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { file, from: from + i, count, step: threads, each, dieAt, trace },
      });
      worker.on('message', ({ report, failed, error }) => {
        done++;
        for (const [key, value] of Object.entries(report ?? {})) sums[key] = (sums[key] ?? 0) + value;
        if (!failed) return;
        failures++;
        console.log(`${error}\n  ${reproduce(failed)}`);
      });
      return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    });
    await Promise.all(workers);
    clearInterval(progress);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  delete sums.seed;
  console.log(
    JSON.stringify({ runs: done, failures, seconds: Math.round((performance.now() - start) / 1000), ...sums }),
  );
  process.exitCode = failures > 0 ? 1 : 0;
}

if (isMainThread) await main();
else await work(workerData);
