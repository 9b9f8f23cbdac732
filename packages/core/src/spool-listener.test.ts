import { simRuntime } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { Emitter } from './events.js';
import { Ledger } from './ledger.js';
import { Losses } from './losses.js';
import type { SpoolEvent, SpoolState } from './spool/events.js';
import { spoolListener } from './spool-listener.js';

const segment = '00000001';
const size = { records: 10, bytes: 1000 };
const evicted = { type: 'segmentEvicted', segment, lane: 'low', diskBytes: 500, from: 0, to: 1, ...size } as const;

/** A listener to a spool of which `spooled` records are counted, as the spooler knows them. */
function setUp(spooled = { records: 0, bytes: 0 }) {
  const runtime = simRuntime();
  const name = 'test (nowhere)';
  const ledger = new Ledger();
  const emitter = new Emitter('spool-listener-test');
  const said: string[] = [];
  const troubles: (() => boolean)[] = [];
  const warnings = {
    say: (message: string, stands?: () => boolean) => {
      said.push(message);
      if (stands) troubles.push(stands);
    },
  };
  let found = 0;
  const hear = spoolListener({
    ...{ name, ledger, emitter, warnings },
    losses: new Losses({ name, ledger, emitter, warnings, runtime }),
    found: () => found++,
    lost: (_, recovered) => (recovered ? { records: 0, bytes: 0 } : spooled),
  });
  return { ledger, said, troubles, hear, found: () => found };
}

describe('spool listener', () => {
  it.each<[string, SpoolEvent]>([
    ['spoolFull', { ...evicted, reason: 'quota', recovered: false }],
    ['spoolFull', { ...evicted, reason: 'diskFull', recovered: false }],
    ['spoolExpired', { ...evicted, reason: 'expired', recovered: false }],
    ['spoolLost', { type: 'recordsLost', segment, recovered: false, corruptBytes: 7, ...size }],
  ])('counts own records as dropped: %s', (reason, event) => {
    const { ledger, hear } = setUp(size);
    hear(event);
    expect(ledger).toMatchObject({ accepted: { records: 0, bytes: 0 }, dropped: size });
    expect([...ledger.droppedBy.keys()]).toEqual([reason]);
  });

  it("accepts an earlier process's records before it counts them as dropped", () => {
    const { ledger, hear } = setUp(size);
    hear({ ...evicted, reason: 'quota', recovered: true });
    expect(ledger).toMatchObject({ accepted: size, dropped: size });
  });

  it.each<[number, SpoolEvent]>([
    [1, { type: 'recordsRecovered', segment, ...size }],
    [1, { type: 'queueAdopted', queueId: 'q', segments: 1, diskBytes: 500 }],
    [0, { type: 'segmentOpened', segment }],
  ])('tells %i times that there may be something on the disk', (times, event) => {
    const { hear, found } = setUp();
    hear(event);
    expect(found()).toBe(times);
  });

  it.each<[string | undefined, SpoolEvent]>([
    ['the spool is diskFull (ENOSPC): ', { type: 'spoolStateChanged', from: 'ok', to: 'diskFull', code: 'ENOSPC' }],
    [undefined, { type: 'spoolStateChanged', from: 'diskFull', to: 'ok' }],
    [undefined, { type: 'spoolStateChanged', from: 'ok', to: 'closed' }],
    ['10 records that test (nowhere) refused', { type: 'deadLettersNotKept', reason: '400', code: 'EIO', ...size }],
    ['deleted dead-1, the oldest', { type: 'deadLettersEvicted', file: 'dead-1', diskBytes: 5 }],
    ['/spool: lies on a network file system', { type: 'directoryWarned', reason: 'network', directory: '/spool' }],
    [undefined, { type: 'segmentDeleted', segment, diskBytes: 5 }],
  ])('says what an operator has to know: %s', (message, event) => {
    const { said, hear } = setUp();
    hear(event);
    expect(said).toEqual(message === undefined ? [] : [expect.stringContaining(message)]);
  });

  it('knows of a trouble of the disk whether it has passed, also once the spool is closed', () => {
    const { troubles, hear } = setUp();
    const change = (from: SpoolState, to: SpoolState) => hear({ type: 'spoolStateChanged', from, to });
    change('ok', 'stalled');
    expect(troubles[0]!()).toBe(true);
    change('stalled', 'ok');
    change('ok', 'diskFull');
    change('diskFull', 'closed');
    expect(troubles.map((stands) => stands())).toEqual([false, true]);
  });
});
