import { scriptedDestination } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import type { Recommended } from '../transport.js';
import { type PipelineInput, settle } from './pipeline-options.js';
import { dispatcherOptions, intakeOptions, spoolerOptions } from './stages.js';

const directory = '/spool';

function optionsFor(input: PipelineInput, limits = {}, recommended: Recommended = {}) {
  const transport = { ...scriptedDestination(limits).transport, recommended };
  const settings = settle(input, transport);
  return {
    intake: intakeOptions(settings, transport),
    spooler: settings.spool && spoolerOptions(settings.spool, settings, transport),
    dispatcher: dispatcherOptions(settings, transport),
  };
}

describe('options of the stages', () => {
  it.each([
    ['without a spool', undefined, {}, false, false],
    ['with a spool', { directory }, {}, false, true],
    ['where the destination wants the oldest first', { directory }, { drain: 'oldestFirst' }, true, false],
    ['where the user wants it', { directory, drain: 'oldestFirst' }, {}, true, false],
    ['where the user knows better', { directory, drain: 'liveFirst' }, { drain: 'oldestFirst' }, false, true],
  ] as const)('%s', (_, spool, recommended, oldestFirst, hasLanes) => {
    const { intake, dispatcher } = optionsFor(spool ? { spool } : {}, {}, recommended);
    expect(dispatcher.oldestFirst).toBe(oldestFirst);
    expect(intake.lanes !== undefined).toBe(hasLanes);
  });

  it.each([
    ['spill', []],
    ['hybrid', ['high']],
    ['journal', ['high', 'normal', 'low']],
    ['sync', ['high', 'normal', 'low']],
  ] as const)('with %s, the intake and the spooler journal the same lanes', (durability, lanes) => {
    const { intake, spooler } = optionsFor({ spool: { directory, durability } });
    expect(intake.journaled).toEqual(lanes);
    expect([...spooler!.journaled]).toEqual(lanes);
  });

  it('with hybrid and one lane for all, everything is journaled', () => {
    const { intake, spooler } = optionsFor(
      { spool: { directory, durability: 'hybrid' } },
      {},
      { drain: 'oldestFirst' },
    );
    expect(intake.journaled).toContain('normal');
    expect([...spooler!.journaled]).toEqual(intake.journaled);
  });

  it.each([
    ['the destination', '1mb', 10_000, 10_000],
    ['the queue', '64kb', 1_000_000, 65_535],
  ])('no record is larger than %s takes', (_, maxBytes, maxRecordBytes, expected) => {
    const { intake } = optionsFor({ queue: { maxBytes } }, { maxRecordBytes });
    expect(intake.maxRecordBytes).toBe(expected);
  });

  it('takes what is kept on the disk for a month', () => {
    expect(() => optionsFor({ spool: { directory, maxAgeMs: 30 * 86_400_000 } })).not.toThrow();
  });

  it('leaves room for a batch from the disk, of a small queue a quarter at most', () => {
    expect(optionsFor({ batch: { maxBytes: '1mb' } }).dispatcher.arrivalBytes).toBe(1 << 20);
    expect(optionsFor({ queue: { maxBytes: '64kb' }, batch: { maxBytes: '64kb' } }).dispatcher.arrivalBytes).toBe(
      16_384,
    );
  });
});
