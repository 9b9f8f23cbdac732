// `spillway dead-letters ls | show | purge`: records that a destination refused for good. What they hold is shown only
// with --records. Retrying them is in dead-letters-retry.ts.

import { createSpool, systemRuntime } from '@spillway/core';
import { type DeadLetter, type Keys, type LetterFile, readDeadLetters } from '@spillway/core/spool';
import { type Command, Failure, type OptionSpec, type Run } from '../command.js';
import { exitCodes } from '../io.js';
import { Output } from '../output.js';
import { configOptions, keyOptions, keysOf } from '../settings.js';
import { folders } from '../spools.js';
import { bytes, count, duration } from '../text/amounts.js';
import { plain } from '../text/plain.js';

const takes = '[path …]';
export const fileOption = {
  file: { value: '<name>', doc: 'only the letters of this file, as `dead-letters ls` names it' },
} as const satisfies Record<string, OptionSpec>;

/** Every file of letters at the paths of a run. */
async function* filesAt(run: Run, keys: Keys): AsyncGenerator<{ folder: string; file: LetterFile }> {
  const only = run.values.text('file');
  for (const { path: folder } of await folders(run)) {
    for await (const file of readDeadLetters(folder, keys)) {
      if (only === undefined || file.name === only) yield { folder, file };
    }
  }
}

export const list: Command = {
  name: 'dead-letters ls',
  summary: 'Lists the files of dead letters, with how many there are for which reason.',
  takes,
  options: { ...keyOptions, ...fileOption },
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const files = [];
    const totals = { files: 0, bytes: 0, letters: 0, unreadable: 0 };
    for await (const { folder, file } of filesAt(run, await keysOf(run))) {
      const reasons = reasonsOf(file.letters);
      const { name, bytes: size, modifiedMs, letters, unreadable } = file;
      files.push({ folder, name, bytes: size, modifiedMs, letters: letters.length, unreadable, reasons });
      totals.files++;
      totals.bytes += size;
      totals.letters += letters.length;
      totals.unreadable += unreadable;
      output.line(`${output.paint('bold', name)}  ${plain(folder)}`);
      const age = duration(Date.now() - modifiedMs);
      output.line(
        `  ${count(letters.length, 'dead letter')}, ${bytes(size)}, last ${age} ago${unreadableWords(unreadable)}`,
      );
      for (const { reason, letters: n } of reasons) output.line(`  ${String(n).padStart(7)}  ${plain(reason)}`);
    }
    output.line(`${count(totals.letters, 'dead letter')} in ${count(totals.files, 'file')}, ${bytes(totals.bytes)}`);
    await output.result('dead-letters ls', { files, totals });
    return totals.unreadable > 0 ? exitCodes.problems : exitCodes.fine;
  },
};

function unreadableWords(unreadable: number): string {
  return unreadable === 0
    ? ''
    : `, ${count(unreadable, 'line')} that cannot be read (torn, or sealed with another key)`;
}

/** Reasons by how often, the most frequent first. */
function reasonsOf(letters: readonly DeadLetter[]): { reason: string; letters: number }[] {
  const counts = new Map<string, number>();
  for (const { reason } of letters) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, n]) => ({ reason, letters: n })).sort((a, b) => b.letters - a.letters);
}

export const show: Command = {
  name: 'dead-letters show',
  summary: 'Shows each dead letter: when and why it was rejected, its id, time and level.',
  takes,
  options: {
    ...keyOptions,
    ...fileOption,
    records: { doc: 'also print the records themselves' },
    limit: { value: '<n>', doc: 'stop after so many' },
  },
  notes: ['With --json one object a line on stdout, not one document: there can be many.'],
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const limit = run.values.whole('limit') ?? Number.POSITIVE_INFINITY;
    let shown = 0;
    let unreadable = 0;
    for await (const { folder, file } of filesAt(run, await keysOf(run))) {
      unreadable += file.unreadable;
      for (const letter of file.letters.slice(0, limit - shown)) {
        shown++;
        await showOne(run, output, { folder, file: file.name, ...letter });
      }
      if (shown >= limit || run.io.signal.aborted) break;
    }
    if (unreadable > 0) output.warn(`${count(unreadable, 'line')} cannot be read: torn, or sealed with another key`);
    return unreadable > 0 ? exitCodes.problems : exitCodes.fine;
  },
};

async function showOne({ io, values }: Run, output: Output, shown: DeadLetter & { folder: string; file: string }) {
  const { line, base64, ...about } = shown;
  const records = values.has('records');
  if (values.has('json')) {
    const record = records ? { line, ...(base64 !== undefined && { base64 }) } : {};
    await io.stdout(`${JSON.stringify({ ...about, ...record })}\n`);
    return;
  }
  const when = new Date(about.time).toISOString();
  output.line(`${when}  ${plain(about.id)}  level ${about.level}  ${plain(about.reason)}`);
  if (records) output.line(`  ${plain(line)}`);
}

export const purge: Command = {
  name: 'dead-letters purge',
  summary: 'Deletes dead letters. They are gone then.',
  takes,
  options: {
    ...configOptions,
    ...fileOption,
    yes: { short: 'y', doc: 'do not ask; needed where nobody can answer' },
  },
  notes: ['Needs no key. Safe beside an application: it goes on with a new file.'],
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const only = run.values.text('file');
    const targets = (await folders(run)).filter(({ deadLetterBytes }) => deadLetterBytes > 0);
    const total = targets.reduce((sum, { deadLetterBytes }) => sum + deadLetterBytes, 0);
    if (total > 0)
      await confirm(run, only ?? `all dead letters, ${bytes(total)}, in ${count(targets.length, 'folder')}`);
    let freed = 0;
    for (const { path } of targets) {
      const spool = createSpool(
        { directory: path },
        { runtime: systemRuntime, destination: '', folder: path, env: {} },
      );
      freed += await spool.deadLetters.purge(only);
      await spool.close();
    }
    output.line(freed > 0 ? `Deleted ${bytes(freed)}.` : 'There is nothing to delete.');
    await output.result('dead-letters purge', { freedBytes: freed });
    return exitCodes.fine;
  },
};

/** Makes sure that it is meant.
 * @throws Failure
 */
async function confirm({ io, values }: Run, what: string): Promise<void> {
  if (values.has('yes')) return;
  const answer = await io.ask(`Delete ${what}? [y/N] `);
  if (answer === undefined)
    throw new Failure('Nobody can be asked here: say --yes if it is meant. Nothing was deleted.');
  if (!/^y(es)?$/i.test(answer.trim())) throw new Failure('Nothing was deleted.');
}
