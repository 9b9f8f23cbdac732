// `spillway ls`: who writes, what waits, how old it is, and whether its owner lives.

import type { FolderSurvey, OwnerSurvey, QueueSurvey, SegmentSurvey } from '@spillway/core/spool';
import type { Command } from '../command.js';
import { exitCodes } from '../io.js';
import { Output } from '../output.js';
import { configOptions } from '../settings.js';
import { folders, isHurt, segmentsOf, selectOptions } from '../spools.js';
import { bytes, count, duration } from '../text/amounts.js';
import { plain } from '../text/plain.js';

export const ls: Command = {
  name: 'ls',
  summary: 'Lists spools: queues and their owners, segments, what waits in them, how old it is.',
  takes: '[path …]',
  options: { ...configOptions, ...selectOptions },
  notes: [
    'A path is the directory given to an application, a folder, queue or segment in it, or a directory with several.',
    'Changes nothing and takes no locks. Exit code 1 where something is damaged or cannot be read.',
  ],
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const found = await folders(run);
    const hurt = new Set(
      segmentsOf(found)
        .filter(isHurt)
        .map(({ segment }) => segment),
    );
    for (const folder of found) describe(output, folder, hurt);
    const totals = totalsOf(found, hurt.size);
    if (found.length === 0) output.line('No spool here.');
    else {
      output.line(
        `${count(totals.waiting.records, 'record')} waiting in ${count(totals.segments, 'segment')}, ${bytes(totals.bytes)} on disk`,
      );
    }
    await output.result('ls', { folders: found, totals });
    return hurt.size > 0 ? exitCodes.problems : exitCodes.fine;
  },
};

function totalsOf(found: readonly FolderSurvey[], damaged: number) {
  const totals = { queues: 0, segments: 0, bytes: 0, waiting: { records: 0, bytes: 0 }, lost: 0, damaged };
  for (const { queues } of found) totals.queues += queues.length;
  for (const { segment } of segmentsOf(found)) {
    totals.segments++;
    totals.bytes += segment.bytes;
    totals.waiting.records += segment.waiting.records;
    totals.waiting.bytes += segment.waiting.bytes;
    totals.lost += segment.lost.records;
  }
  return totals;
}

function describe(output: Output, folder: FolderSurvey, hurt: ReadonlySet<SegmentSurvey>): void {
  output.line(output.paint('bold', plain(folder.path)));
  for (const queue of folder.queues) {
    output.line(`  q-${queue.id}  ${ownerLine(output, queue)}`);
    for (const segment of queue.segments) output.line(`    ${segmentLine(output, segment, hurt.has(segment))}`);
    for (const name of queue.strange) output.line(output.paint('dim', `    not ours: ${plain(name)}`));
  }
  if (folder.deadLetterBytes > 0) output.line(`  dead letters: ${bytes(folder.deadLetterBytes)}`);
  for (const path of folder.leftovers) output.line(output.paint('dim', `  half made or removed: ${plain(path)}`));
  for (const name of folder.strange) output.line(output.paint('dim', `  not ours: ${plain(name)}`));
  if (folder.truncated) output.warn('  There are more segments than are listed.');
  output.line();
}

const colours = { alive: 'green', dead: 'red', unproven: 'yellow' } as const;

/** What is known about an owner, in words. */
export function ownerWords({ state, why, silentMs, provenInMs, pid, hostname }: OwnerSurvey): string {
  const reasons = {
    beaconLit: 'its beacon is lit',
    left: 'it left in order',
    silent: `silent for ${duration(silentMs)}`,
    heartBeats: `its heart beat ${duration(silentMs)} ago`,
    notSilentLongEnough: `silent for ${duration(silentMs)}, proven dead in ${duration(provenInMs ?? 0)}`,
    beaconUnknown: 'its beacon says nothing',
    otherUser: "another user's: work as that user",
  };
  const who = pid === undefined ? '' : `, pid ${pid} on ${plain(hostname ?? '?')}`;
  return `${state === 'unproven' ? 'perhaps dead' : state} (${reasons[why]}${who})`;
}

function ownerLine(output: Output, { owner, adoptedBy }: QueueSurvey): string {
  const words = output.paint(colours[owner.state], ownerWords(owner));
  return adoptedBy === undefined ? words : `adopted by q-${adoptedBy.slice(0, 12)}…, ${words}`;
}

function segmentLine(output: Output, segment: SegmentSurvey, isDamaged: boolean): string {
  const { path, state, waiting, records, oldest, encrypted, code, lost } = segment;
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (state === 'unreadable' || state === 'foreign') {
    return `${name}  ${output.paint('red', state === 'foreign' ? 'of a later format' : `unreadable (${code})`)}`;
  }
  const parts = [
    `${waiting.records.toLocaleString('en-US')} of ${count(records, 'record')} waiting`,
    bytes(segment.bytes),
    ...(oldest === undefined ? [] : [`oldest ${duration(Date.now() - oldest)}`]),
    ...(state === 'open' ? ['open'] : []),
    ...(encrypted ? ['encrypted'] : []),
    ...(isDamaged ? [output.paint('red', `damaged, ${count(lost.records, 'record')} lost`)] : []),
  ];
  return `${name}  ${parts.join(', ')}`;
}
