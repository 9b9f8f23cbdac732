import { noStats, type SpoolStats, type Stats } from '@spillway/core';
import { expect, it } from 'vitest';
import { Account, accountMemory } from './account.js';

const nothing = noStats({ transport: 'http', destination: 'there' });
const of = (records: number) => ({ records, bytes: records * 10 });
const spool = (waiting: number, recovered = 0) =>
  ({ waiting: of(waiting), recovered: of(recovered) }) as unknown as SpoolStats;

it.each<[string, Partial<Stats>, number]>([
  ['nothing without a spool', { queued: of(5) }, 0],
  ['what is spooled', { spooled: of(4), queued: of(2), spool: spool(4) }, 4],
  ['what is in memory and in the journal', { queued: of(5), inFlight: of(2), spool: spool(6) }, 6],
  ['what is on its way from the disk', { spooled: of(4), inFlight: of(2), spool: spool(6) }, 6],
  ['not what was found there and not taken yet', { queued: of(5), spool: spool(100, 100) }, 0],
  ['of what was found there, what was taken', { inFlight: of(3), recovered: of(3), spool: spool(100, 100) }, 3],
])('knows what the disk has: %s', (_, stats, saved) => {
  const memory = accountMemory(1);
  new Account(memory).write({ ...nothing, accepted: of(9), acked: of(1), ...stats });
  expect(new Account(memory).read()).toEqual([{ accepted: of(9), acked: of(1), saved: of(saved) }]);
});

it('keeps the pipelines of routes apart', () => {
  const memory = accountMemory(2);
  const routes = [
    { ...nothing, accepted: of(9), acked: of(4) },
    { ...nothing, accepted: of(3), spooled: of(2) },
  ];
  new Account(memory).write({ ...nothing, accepted: of(12), routes });
  expect(new Account(memory).read()).toEqual([
    { accepted: of(9), acked: of(4), saved: of(0) },
    { accepted: of(3), acked: of(0), saved: of(2) },
  ]);
});
