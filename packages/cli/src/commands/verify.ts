// `spillway verify`: reads every byte of segments and says where they are not what was written, and what that costs.

import { type Verification, verifySegment } from '@spillway/core/spool';
import type { Command } from '../command.js';
import { exitCodes } from '../io.js';
import { Output } from '../output.js';
import { keyOptions, keysOf } from '../settings.js';
import { folders, isBeingWritten, type Located, segmentsOf, selectOptions } from '../spools.js';
import { bytes, count } from '../text/amounts.js';
import { plain } from '../text/plain.js';

export const verify: Command = {
  name: 'verify',
  summary: 'Reads every frame, checks its checksum, and says where damage is and how many records it costs.',
  takes: '[path …]',
  options: { ...keyOptions, ...selectOptions },
  notes: [
    'Checksums are checked without a key; with it, frames are decrypted and decoded as well.',
    'Exit code 1 where records are lost, bytes are wrong, or a segment cannot be read. What a living owner is just',
    'writing is no damage.',
  ],
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const keys = await keysOf(run);
    const segments: Entry[] = [];
    let bad = 0;
    for (const located of segmentsOf(await folders(run))) {
      if (run.io.signal.aborted) return exitCodes.interrupted;
      const checked = withoutTail(await verifySegment(located.segment, keys), located);
      if (checked.segment.state === 'gone') continue;
      const sound = isSound(checked);
      if (!sound) bad++;
      const { segment, ...rest } = checked;
      segments.push({ path: segment.path, state: segment.state, records: segment.records, sound, ...rest });
      describe(output, checked, sound);
    }
    const sum = (of: (segment: Entry) => number) => segments.reduce((n, each) => n + of(each), 0);
    const totals = {
      segments: segments.length,
      unsound: bad,
      faults: sum(({ faults }) => faults.length),
      lostRecords: sum(({ lostRecords }) => lostRecords),
    };
    const verdict = `${count(totals.segments, 'segment')}, ${bad} damaged, ${count(totals.lostRecords, 'record')} lost`;
    output.line(output.paint(bad > 0 ? 'red' : 'green', verdict));
    await output.result('verify', { segments, totals });
    return bad > 0 ? exitCodes.problems : exitCodes.fine;
  },
};

interface Entry extends Omit<Verification, 'segment'> {
  readonly path: string;
  readonly state: Verification['segment']['state'];
  readonly records: number;
  readonly sound: boolean;
  /** Its owner may be in the middle of a write. */
  readonly writing: boolean;
}

/** What ends a segment that is being written is not damage: the next look may find it whole. */
function withoutTail(checked: Verification, located: Located): Verification & { readonly writing: boolean } {
  const writing = isBeingWritten({ ...located, segment: checked.segment });
  if (!writing) return { ...checked, writing };
  const end = checked.segment.bytes;
  const tail = checked.faults.filter(({ kind, offset, bytes: length }) => kind === 'torn' || offset + length > end);
  const records = tail.reduce((sum, fault) => sum + (fault.records ?? 0), 0);
  const faults = checked.faults.filter((fault) => !tail.includes(fault));
  return { ...checked, faults, lostRecords: Math.max(0, checked.lostRecords - records), writing };
}

function isSound({ faults, lostRecords, segment }: Verification): boolean {
  return faults.length === 0 && lostRecords === 0 && segment.state !== 'unreadable' && segment.state !== 'foreign';
}

const kinds = {
  header: "the segment's header",
  region: 'between frames',
  marker: 'a seal or footer',
  torn: 'not written to its end',
  payload: 'a wrong checksum',
  undecodable: 'a right checksum, and contents that cannot be read',
};

function describe(output: Output, { segment, faults, truncated, lostRecords, ...rest }: Verification, sound: boolean) {
  const state = segment.code === undefined ? segment.state : `${segment.state} (${segment.code})`;
  const locked = rest.locked === undefined ? '' : `, contents not checked (${rest.locked})`;
  const about = `${state}, ${count(rest.intactFrames, 'intact frame')}${locked}`;
  output.line(`${sound ? output.paint('green', 'ok ') : output.paint('red', 'bad')} ${plain(segment.path)}  ${about}`);
  for (const { offset, bytes: length, kind, records, settled } of faults) {
    const cost = records === undefined ? 'nothing tells how many records' : count(records, 'record');
    const note = settled ? ', already settled' : '';
    output.line(`      at ${offset}: ${bytes(length)}, ${kinds[kind]} – ${cost}${note}`);
  }
  if (truncated) output.line('      … and more');
  if (lostRecords > 0) output.line(`      ${count(lostRecords, 'record')} lost`);
}
