// A short outage of the destination, as an application goes through it that logs through pino's worker: nothing lost up to
// the quota, exact counts past it, memory bounded, and a full catch-up beside live traffic. How long things take is not
// judged here, because it depends on the machine: `pnpm test:outage` prints that, and runs the ten minutes.

import { expect, it } from 'vitest';
import { outage } from '../outage/scenario.mjs';

const small = { rate: 5000, healthySeconds: 5, liveRate: 1000, catchUpSeconds: 120 };
/**
 * How much more memory an application may take than before: less than the backlog by far, and more than the garbage that
 * the engine lets gather outside its heap, 64 MB, before it collects.
 */
const growthMb = 96;

it.each(['spill', 'journal'])('an outage costs no record and little memory (%s)', async (durability) => {
  // About 125 MB of lines.
  const report = await outage({ ...small, rate: 20_000, outageRecords: 500_000, spool: { durability } });
  const { phases, stats, ...counts } = report;
  expect(counts).toMatchObject({ lost: 0, dropped: 0 });
  expect(report.spooledAtRepair).toBeGreaterThan(400_000);
  expect(report.caughtUpMs).toBeDefined();
  expect(report.freshness.records).toBeGreaterThan(0);
  expect(stats).toMatchObject({ queued: { records: 0 }, inFlight: { records: 0 }, spooled: { records: 0 } });
  expect(stats.acked.records).toBe(report.logged);
  expect(phases.outage.rssMb.max - phases.healthy.rssMb.max).toBeLessThan(growthMb);
  expect(phases.catchingUp.rssMb.max - phases.healthy.rssMb.max).toBeLessThan(growthMb);
});

it('an outage beyond the quota costs what is counted, and no more', async () => {
  const report = await outage({ ...small, outageRecords: 60_000, spool: { maxBytes: '4mb', compression: 'none' } });
  const { phases: _, stats, ...counts } = report;
  expect(counts).toMatchObject({ lost: 0 });
  // 60,000 records of about 250 bytes are 15 MB.
  expect(report.dropped).toBeGreaterThan(20_000);
  expect(report.diskBytesAtRepair).toBeLessThanOrEqual(4 * 2 ** 20);
  expect(stats.droppedBy).toHaveProperty('spoolFull');
  expect(stats.acked.records + stats.dropped.records).toBe(stats.accepted.records);
});
