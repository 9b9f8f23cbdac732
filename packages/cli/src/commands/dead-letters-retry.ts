// `spillway dead-letters retry`: sends dead letters again, as the records they were, and removes only what was acked.

import { Backlog, type RetryReport } from '@spillway/core';
import { awake } from '../awake.js';
import { type Command, Failure, type Run } from '../command.js';
import { destinationOf, destinationOptions, transportOf } from '../destination.js';
import { exitCodes } from '../io.js';
import { Output } from '../output.js';
import { encryptionOf } from '../settings.js';
import { folders } from '../spools.js';
import { chooseFolders, redirectOption } from '../targets.js';
import { count } from '../text/amounts.js';
import { plain } from '../text/plain.js';
import { fileOption } from './dead-letters.js';

/** What became of one folder's letters. */
interface Retried extends RetryReport {
  readonly folder: string;
  readonly delivered: number;
  /** Refused once more: letters again, with the new reason. */
  readonly rejected: number;
  readonly trouble?: string;
}

export const retry: Command = {
  name: 'dead-letters retry',
  summary: 'Sends dead letters again and removes those that the destination took.',
  takes: '[path …]',
  options: {
    ...destinationOptions,
    ...redirectOption,
    ...fileOption,
    patience: { value: '<seconds>', doc: 'give up when the destination has taken nothing for so long (default 60)' },
  },
  notes: [
    'Records keep their ids, so that a destination that knows ids takes none twice. What is refused once more stays, with',
    'the new reason. Safe beside an application. Exit code 1 where letters remain, 3 where it gave up.',
  ],
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const { to, pipeline } = destinationOf(run);
    const transport = await transportOf(run, to);
    const patienceMs = (run.values.whole('patience') ?? 60) * 1000;
    const { chosen, others } = chooseFolders(run, await folders(run), transport);
    for (const { path, deadLetterBytes } of others) {
      if (deadLetterBytes === 0) continue;
      output.warn(
        `Not retried: ${plain(path)} was written for another destination. Name it, or say --any-destination.`,
      );
    }
    const reports: Retried[] = [];
    for (const { path, deadLetterBytes } of chosen) {
      if (deadLetterBytes === 0 || run.io.signal.aborted) continue;
      const common = { transport, pipeline, patienceMs, runtime: awake, env: run.io.env };
      const backlog = new Backlog({ folder: path, encryption: encryptionOf(run), ...common });
      reports.push(await retryFolder(run, path, backlog));
      describe(output, reports.at(-1)!);
      if (reports.at(-1)!.trouble !== undefined) break;
    }
    if (reports.length === 0) output.line('There are no dead letters to retry.');
    await output.result('dead-letters retry', { folders: reports });
    if (run.io.signal.aborted) return exitCodes.interrupted;
    if (reports.some(({ trouble }) => trouble !== undefined)) return exitCodes.unfinished;
    const left = reports.some(({ remaining, rejected, unreadable }) => remaining + rejected + unreadable > 0);
    return left ? exitCodes.problems : exitCodes.fine;
  },
};

async function retryFolder(run: Run, folder: string, backlog: Backlog): Promise<Retried> {
  try {
    const report = await backlog.retryDeadLetters(run.io.signal, run.values.text('file'));
    const { delivered, rejected } = backlog.report();
    return { folder, delivered: delivered.records, rejected: rejected.records, ...report };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    throw new Failure(
      code === 'EBUSY'
        ? `${folder}: its dead letters are being retried by another process`
        : `${folder}: ${code ?? message}`,
    );
  }
}

function describe(output: Output, { folder, delivered, rejected, remaining, unreadable, trouble }: Retried): void {
  output.line(output.paint('bold', plain(folder)));
  output.line(`  ${count(delivered, 'dead letter')} delivered`);
  if (rejected > 0) output.line(`  ${count(rejected, 'dead letter')} refused once more`);
  if (remaining > 0) output.line(`  ${count(remaining, 'dead letter')} not sent`);
  if (unreadable > 0) output.line(`  ${count(unreadable, 'line')} that cannot be read`);
  if (trouble !== undefined) output.warn(`  Gave up: ${plain(trouble)}. Nothing is lost: start it again.`);
}
