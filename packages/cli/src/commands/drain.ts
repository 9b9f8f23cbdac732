// `spillway drain`: delivers what dead processes left in their spools, by the way that an application delivers.
// In: spools and a destination. Out: records at the destination, settled on the disk one batch after the other, so that
// it can be stopped and started again. Living owners are named and left alone.

import { Backlog, type BacklogReport } from '@spillway/core';
import { type FolderSurvey, type QueueSurvey, surveySpools } from '@spillway/core/spool';
import { awake } from '../awake.js';
import { type Command, Failure, type OptionSpec, type Run } from '../command.js';
import { destinationOf, destinationOptions, transportOf } from '../destination.js';
import { type ExitCode, exitCodes } from '../io.js';
import { Output } from '../output.js';
import { Progress } from '../progress.js';
import { encryptionOf } from '../settings.js';
import { folders } from '../spools.js';
import { chooseFolders, redirectOption } from '../targets.js';
import { duration } from '../text/amounts.js';
import { plain } from '../text/plain.js';
import { type Drained, describe, planned } from './drain-report.js';
import { ownerWords } from './ls.js';

const options = {
  ...destinationOptions,
  ...redirectOption,
  wait: { value: '<seconds>', doc: 'longest wait for the proof that an owner is dead (default 20)' },
  patience: { value: '<seconds>', doc: 'give up when the destination has taken nothing for so long (default 60)' },
  'dry-run': { doc: 'only say what would be done' },
} as const satisfies Record<string, OptionSpec>;

export const drain: Command = {
  name: 'drain',
  summary: 'Delivers what dead processes left behind, to any destination.',
  takes: '[path …]',
  options,
  notes: [
    'Queues of living owners are skipped, by the same proofs by which applications adopt. What the destination refuses',
    'becomes a dead letter. Ctrl-C ends it in order; started again it goes on where it was. Of a directory only the folder',
    'that was written for this destination is drained, unless another one is named itself.',
    'Exit code 1 where records were refused, lost, locked, or their owner is not proven dead; 3 where it gave up.',
  ],
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const { to, pipeline } = destinationOf(run);
    const transport = await transportOf(run, to);
    const patienceMs = (run.values.whole('patience') ?? 60) * 1000;
    const waitMs = (run.values.whole('wait') ?? 20) * 1000;
    const { chosen, others } = chooseFolders(run, await folders(run), transport);
    for (const { path } of others) {
      output.warn(
        `Not drained: ${plain(path)} was written for another destination. Name it, or say --any-destination.`,
      );
    }
    const reports: Drained[] = [];
    for (const before of chosen) {
      const folder = await proven(run, output, before, waitMs);
      sayWhatIsSkipped(output, folder);
      const make = () =>
        new Backlog({
          folder: folder.path,
          transport,
          pipeline,
          encryption: encryptionOf(run),
          patienceMs,
          runtime: awake,
          env: run.io.env,
        });
      const report = run.values.has('dry-run') ? planned(folder) : await drainFolder(run, folder, make());
      reports.push({ folder: folder.path, skipped: skippedOf(folder), ...report });
      describe(output, reports.at(-1)!, run.values.has('dry-run'));
      if (report.trouble !== undefined || run.io.signal.aborted) break;
    }
    if (reports.length === 0) output.line('There is nothing to drain.');
    const otherPaths = others.map(({ path }) => path);
    await output.result('drain', { dryRun: run.values.has('dry-run'), folders: reports, notDrained: otherPaths });
    return exitCodeOf(run, reports, others);
  },
};

/** Queues with something in them whose owner is not proven dead. */
function doubtful({ queues }: FolderSurvey): QueueSurvey[] {
  return queues.filter(({ owner, segments }) => owner.state === 'unproven' && segments.length > 0);
}

/** Waits for silence to become a proof, where that is near. */
async function proven(run: Run, output: Output, folder: FolderSurvey, waitMs: number): Promise<FolderSurvey> {
  const { io } = run;
  const deadline = performance.now() + waitMs;
  let latest = folder;
  let said = false;
  while (!io.signal.aborted && !run.values.has('dry-run')) {
    const nearest = Math.min(...doubtful(latest).map(({ owner }) => owner.provenInMs ?? Number.POSITIVE_INFINITY));
    if (performance.now() + nearest > deadline) break;
    if (!said)
      output.line(`Waiting ${duration(nearest)} for the proof that an owner in ${plain(folder.path)} is dead.`);
    said = true;
    await new Promise<void>((done) => {
      const timer = awake.after(nearest + 100, done);
      io.signal.addEventListener('abort', () => [timer.cancel(), done()], { once: true });
    });
    const [again] = await surveySpools(folder.path);
    if (!again) break;
    latest = again;
  }
  return latest;
}

async function drainFolder(run: Run, folder: FolderSurvey, backlog: Backlog): Promise<BacklogReport> {
  const total = folder.queues
    .filter(({ owner }) => owner.state === 'dead')
    .reduce((sum, { segments }) => sum + segments.reduce((n, { waiting }) => n + waiting.records, 0), 0);
  const progress = new Progress(run.io, folder.path.slice(folder.path.lastIndexOf('/') + 1), () => {
    const { found, delivered, rejected } = backlog.report();
    return { done: delivered.records + rejected.records, total: Math.max(total, found.records) };
  });
  try {
    return await backlog.drain(run.io.signal);
  } catch (error) {
    throw new Failure(`Cannot drain ${plain(folder.path)}: ${(error as { code?: string }).code ?? String(error)}`);
  } finally {
    progress.stop();
  }
}

function skippedOf({ queues }: FolderSurvey): Drained['skipped'] {
  const skipped = queues.filter(({ owner, adoptedBy }) => owner.state !== 'dead' && adoptedBy === undefined);
  return skipped.map(({ id, owner: { state, why } }) => ({ queue: id, state, why }));
}

function sayWhatIsSkipped(output: Output, folder: FolderSurvey): void {
  for (const { id, owner, adoptedBy } of folder.queues) {
    if (owner.state !== 'dead' && adoptedBy === undefined) output.warn(`Skipped q-${id}: ${ownerWords(owner)}`);
  }
}

function exitCodeOf({ io }: Run, reports: readonly Drained[], others: readonly FolderSurvey[]): ExitCode {
  if (io.signal.aborted) return exitCodes.interrupted;
  if (reports.some(({ trouble }) => trouble !== undefined)) return exitCodes.unfinished;
  const imperfect = reports.some(
    ({ rejected, lost, remaining, skipped, locked, repeated }) =>
      rejected.records + lost.records + remaining.records + repeated + Object.keys(locked).length > 0 ||
      skipped.some(({ state }) => state === 'unproven'),
  );
  const left = others.some(({ queues }) =>
    queues.some(({ owner, segments }) => owner.state !== 'alive' && segments.length > 0),
  );
  return imperfect || left ? exitCodes.problems : exitCodes.fine;
}
