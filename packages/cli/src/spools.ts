// The spools that a command works on: surveys of everything at the named paths.

import { type FolderSurvey, type QueueSurvey, type SegmentSurvey, surveySpools } from '@spillway/core/spool';
import { Failure, type OptionSpec, type Run, UsageError } from './command.js';
import { pathsOf } from './settings.js';

/** Options that narrow down what is looked at. */
export const selectOptions = {
  queue: { value: '<id>', doc: 'only queues whose id begins so' },
  lane: { value: '<lane>', doc: 'only high, normal or low' },
} as const satisfies Record<string, OptionSpec>;

/** Looks at everything at the paths of a run.
 * @throws UsageError, Failure
 */
export async function folders(run: Run): Promise<FolderSurvey[]> {
  const queue = run.values.text('queue') ?? '';
  const lane = run.values.text('lane');
  if (lane !== undefined && !['high', 'normal', 'low'].includes(lane)) {
    throw new UsageError(`--lane takes high, normal or low, got '${lane}'`);
  }
  const found: FolderSurvey[] = [];
  for (const path of pathsOf(run)) found.push(...(await surveyed(path)));
  return found.map((folder) => ({
    ...folder,
    queues: folder.queues
      .filter(({ id }) => id.startsWith(queue.replace(/^q-/, '')))
      .map((each) => ({ ...each, segments: each.segments.filter((segment) => !lane || segment.lane === lane) })),
  }));
}

async function surveyed(path: string): Promise<FolderSurvey[]> {
  try {
    return await surveySpools(path);
  } catch (error) {
    throw new Failure(`Cannot read ${path}: ${(error as { code?: string }).code ?? 'unknown'}`);
  }
}

/** A segment with the queue that it is in. */
export interface Located {
  readonly queue: QueueSurvey;
  readonly segment: SegmentSurvey;
}

/** All segments, the oldest first. */
export function segmentsOf(found: readonly FolderSurvey[]): Located[] {
  const all = found.flatMap(({ queues }) =>
    queues.flatMap((queue) => queue.segments.map((segment) => ({ queue, segment }))),
  );
  return all.sort((a, b) => a.segment.createdAt - b.segment.createdAt || a.segment.number - b.segment.number);
}

/** Whether a segment may be in the middle of a write: what is torn at its end is then no damage. */
export function isBeingWritten({ queue, segment }: Located): boolean {
  return queue.owner.state !== 'dead' && queue.adoptedBy === undefined && segment.state === 'open';
}

/** Whether something about a segment needs attention. */
export function isHurt(located: Located): boolean {
  const { damage, state } = located.segment;
  if (state === 'unreadable' || state === 'foreign') return true;
  return damage.some(({ kind }) => kind !== 'torn' || !isBeingWritten(located));
}
