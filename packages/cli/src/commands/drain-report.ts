// What a drain says at its end: where every record that was found is now, in numbers that add up.

import type { BacklogReport } from '@spillway/core';
import type { FolderSurvey } from '@spillway/core/spool';
import type { Output } from '../output.js';
import { count } from '../text/amounts.js';
import { plain } from '../text/plain.js';

/** What became of one folder. */
export interface Drained extends BacklogReport {
  readonly folder: string;
  readonly skipped: readonly { readonly queue: string; readonly state: string; readonly why: string }[];
}

/** What a drain would find. */
export function planned({ queues }: FolderSurvey): BacklogReport {
  const none = { records: 0, bytes: 0 };
  const found = { ...none };
  const adopted: string[] = [];
  for (const { id, owner, segments } of queues) {
    if (owner.state !== 'dead') continue;
    adopted.push(id);
    for (const { waiting } of segments) {
      found.records += waiting.records;
      found.bytes += waiting.bytes;
    }
  }
  const nothing = {
    delivered: none,
    rejected: none,
    lost: none,
    duplicates: none,
    repeated: 0,
    locked: {},
    requests: 0,
  };
  return { found, ...nothing, remaining: found, adopted };
}

/** Says what became of a folder. */
export function describe(output: Output, report: Drained, isPlan: boolean): void {
  const { folder, found, delivered, rejected, lost, duplicates, remaining, repeated, locked, trouble } = report;
  output.line(output.paint('bold', plain(folder)));
  if (isPlan) {
    output.line(`  ${count(found.records, 'record')} would be drained`);
    return;
  }
  const parts: [number, string][] = [
    [delivered.records, 'delivered'],
    [rejected.records, 'refused, now dead letters'],
    [lost.records, 'lost to damage'],
    [duplicates.records, 'second copies, not sent'],
    [remaining.records, 'still on the disk'],
  ];
  output.line(`  ${found.records.toLocaleString('en-US').padStart(12)}  found`);
  for (const [records, words] of parts) {
    if (records > 0 || words === 'delivered')
      output.line(`  ${records.toLocaleString('en-US').padStart(12)}  ${words}`);
  }
  if (repeated > 0)
    output.line(`  ${count(repeated, 'record')} of them will be sent once more: the disk did not take the ack`);
  for (const [reason, segments] of Object.entries(locked)) {
    output.warn(
      `  ${count(segments, 'segment')} cannot be read here: ${reason === 'key' ? 'their key is missing' : reason}`,
    );
  }
  if (trouble !== undefined) output.warn(`  Gave up: ${plain(trouble)}. Nothing is lost: start it again.`);
}
