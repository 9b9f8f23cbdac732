import { expect, it } from 'vitest';
import { type SimulationReport, simulateSpool } from './spool-simulation.js';

/** What CI spends on new seeds each time; `pnpm test:sim` runs as many as one likes. */
const shareMs = 15_000;
const seeds = Number(process.env.SPILLWAY_SIM_SEED ?? Date.now() % 1_000_000_000);

it('keeps its promises over random lives on a simulated machine', { timeout: 300_000 }, async () => {
  const start = performance.now();
  const reports: SimulationReport[] = [];
  for (let seed = seeds; performance.now() - start < shareMs; seed++) reports.push(await simulateSpool({ seed }));
  const sum = (key: keyof SimulationReport) => reports.reduce((total, report) => total + report[key], 0);
  // The runs are worth something only if things went wrong in them.
  if (reports.length >= 100) expect(Math.min(sum('kills'), sum('powerLosses'), sum('duplicates'))).toBeGreaterThan(0);
  expect(sum('records')).toBeGreaterThan(0);
});

it('keeps its promises when it dies at any call', { timeout: 300_000 }, async () => {
  const start = performance.now();
  for (let seed = seeds; performance.now() - start < shareMs; seed++) {
    const { callsUntilHealing } = await simulateSpool({ seed });
    for (let call = 1; call <= callsUntilHealing && performance.now() - start < shareMs; call++) {
      await simulateSpool({ seed, dieAt: { call, power: false } });
      await simulateSpool({ seed, dieAt: { call, power: true } });
    }
  }
});

it('gives the same run for the same seed', async () => {
  const lines: string[][] = [[], []];
  for (const trace of lines) await simulateSpool({ seed: 5, trace: (line) => trace.push(line) });
  expect(lines[0]).toEqual(lines[1]);
});
