import { expect, it } from 'vitest';
import { simulateFleet } from './simulation.js';

const fleet = { clients: 25, outageS: 60, recoveryS: 120, seed: Number(process.env.SPILLWAY_SIM_SEED ?? 1) };

it.each([
  ['refuses what it cannot take soon', true],
  ['lets everything wait', false],
])('does not overrun a recovering backend that %s', { timeout: 120_000 }, async (_, sheds) => {
  const { marks, backend, dropped, caughtUpS } = await simulateFleet({ ...fleet, sheds });
  expect(dropped).toBe(0);
  expect(backend.wasted).toBe(0);
  expect(marks[59]!.fresh).toBeGreaterThan(0.75);
  expect(caughtUpS).toBeLessThan(fleet.outageS * 2);
});

it('gives the same run for the same seed', { timeout: 120_000 }, async () => {
  const short = { clients: 5, outageS: 20, recoveryS: 20, sheds: true, seed: 3 };
  expect(await simulateFleet(short)).toEqual(await simulateFleet(short));
});
