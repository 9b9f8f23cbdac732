import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { simRuntime } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { Emitter } from './events.js';
import { Ledger } from './ledger.js';
import { Losses } from './losses.js';

function setUp() {
  const runtime = simRuntime();
  const ledger = new Ledger();
  const warnings = { say: () => {} };
  const losses = new Losses({ name: 'test (nowhere)', ledger, emitter: new Emitter('losses-test'), warnings, runtime });
  return { runtime, ledger, losses };
}

describe('losses', () => {
  it.each([
    ['a\nb\n', 2],
    ['a', 1],
    ['', 1],
    [Buffer.from('ä\nö\nü\n'), 3],
  ])('counts what comes too late: %o', (chunk, records) => {
    const { ledger, losses } = setUp();
    losses.late(chunk);
    const counted = { records, bytes: Buffer.byteLength(chunk) };
    expect(ledger).toMatchObject({ accepted: counted, dropped: counted });
    expect([...ledger.droppedBy]).toEqual([['closed', counted]]);
  });

  it('rejects what is too large, and says so', () => {
    const { ledger, losses } = setUp();
    const seen: unknown[] = [];
    const listen = (message: unknown) => seen.push(message);
    subscribe('spillway:recordsRejected', listen);
    losses.tooLarge('recordTooLarge', 500);
    unsubscribe('spillway:recordsRejected', listen);
    expect([...ledger.rejectedBy]).toEqual([['recordTooLarge', { records: 1, bytes: 500 }]]);
    expect(seen).toEqual([{ pipeline: 'losses-test', batch: '', records: 1, reason: 'recordTooLarge' }]);
  });

  it('reports each loss once, as a line a reason, at most once a second', async () => {
    const { runtime, losses } = setUp();
    const reported = () =>
      losses
        .report()
        ?.trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).spillway);
    expect(losses.report()).toBeUndefined();
    losses.drop('queueFull', 2, 200);
    await runtime.advance(50);
    losses.drop('queueFull', 1, 100);
    losses.drop('spoolFull', 5, 500);
    const now = runtime.now();
    const [from, to] = [new Date(now - 50).toISOString(), new Date(now).toISOString()];
    expect(reported()).toEqual([
      { event: 'recordsDropped', reason: 'queueFull', records: 3, bytes: 300, from, to },
      { event: 'recordsDropped', reason: 'spoolFull', records: 5, bytes: 500, from: to, to },
    ]);
    losses.drop('queueFull', 1, 100);
    await runtime.advance(999);
    expect(losses.report()).toBeUndefined();
    await runtime.advance(1);
    expect(reported()).toMatchObject([{ records: 1 }]);
    await runtime.advance(1000);
    expect(losses.report()).toBeUndefined();
  });
});
