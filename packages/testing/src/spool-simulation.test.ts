import { appendFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type SimulationReport, simulateSpool } from './spool-simulation.js';

const env = process.env;
const firstSeed = Number(env.SPILLWAY_SIM_SEED ?? 1);
const runs = Number(env.SPILLWAY_SIM_RUNS ?? 0);
const traceFile = env.SPILLWAY_SIM_TRACE;
const trace = traceFile ? (line: string) => appendFileSync(traceFile, `${line}\n`) : undefined;
/** Without a number of runs, this much time is spent. */
const shareMs = 20_000;

it('keeps its promises over random lives on a simulated machine', { timeout: 12 * 3_600_000 }, async () => {
  const start = performance.now();
  const sums: Record<string, number> = {};
  let done = 0;
  for (let seed = firstSeed; runs > 0 ? done < runs : performance.now() - start < shareMs; seed++) {
    const report = await simulateSpool({ seed, ...(trace && { trace }) });
    for (const [key, value] of Object.entries(report)) sums[key] = (sums[key] ?? 0) + value;
    done++;
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(`${done} runs from seed ${firstSeed} in ${seconds.toFixed(1)} s`, { ...sums, seed: undefined });
  const seen = (key: keyof SimulationReport) => sums[key] ?? 0;
  if (done >= 200)
    expect(Math.min(seen('kills'), seen('powerLosses'), seen('evicted'), seen('duplicates'))).toBeGreaterThan(0);
});
