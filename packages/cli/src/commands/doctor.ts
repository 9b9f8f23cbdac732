// `spillway doctor`: whether a spool can do its work here, each finding with a level and what to do.

import { parseOptions, pipelineOptions, spoolOptions } from '@spillway/core';
import { surveySpools } from '@spillway/core/spool';
import type { Command, Run } from '../command.js';
import { checkContents } from '../doctor/contents.js';
import { checkDirectory } from '../doctor/directory.js';
import type { Finding, Level, Wanted } from '../doctor/finding.js';
import { checkHost } from '../doctor/host.js';
import { tryDirectory } from '../doctor/trial.js';
import { exitCodes } from '../io.js';
import { Output } from '../output.js';
import { configOptions, gather, objectAt, pathsOf } from '../settings.js';
import { plain } from '../text/plain.js';

export const doctor: Command = {
  name: 'doctor',
  summary: 'Checks whether a spool can do its work here: disk, permissions, limits, sync latency, grace period.',
  takes: '[path …]',
  options: {
    ...configOptions,
    grace: { value: '<seconds>', doc: 'time between SIGTERM and SIGKILL (default 30, as in Kubernetes)' },
    'no-write': { doc: 'try nothing out: no sync latency, no clock of the file system, no beacon' },
  },
  notes: [
    'Writes 128 KiB at most, to a file without a name, unless told not to. Checks against the options of the application',
    '(--config, SPILLWAY_*) or their defaults. Exit code 1 where there is a warning or an error.',
  ],
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const wanted = wantedBy(run);
    const findings = checkHost(wanted, run.io.env);
    for (const path of pathsOf(run)) findings.push(...(await checkPath(run, path, wanted)));
    for (const finding of findings) describe(output, finding);
    const totals = { fine: 0, hint: 0, warning: 0, error: 0 };
    for (const { level } of findings) totals[level]++;
    await output.result('doctor', { findings, totals });
    return totals.warning + totals.error > 0 ? exitCodes.problems : exitCodes.fine;
  },
};

async function checkPath(run: Run, path: string, wanted: Wanted): Promise<Finding[]> {
  const surveys = await surveySpools(path).catch(() => undefined);
  let usedBytes = 0;
  for (const { queues, deadLetterBytes, damagedBytes } of surveys ?? []) {
    usedBytes += deadLetterBytes + damagedBytes;
    for (const { segments } of queues) usedBytes += segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  const findings = checkDirectory(path, wanted, usedBytes);
  const usable = surveys !== undefined && !findings.some(({ level, check }) => level === 'error' && check !== 'space');
  if (usable && !run.values.has('no-write')) findings.push(...(await tryDirectory(path, wanted)));
  return surveys ? [...findings, ...checkContents(path, surveys)] : findings;
}

/** What the application wants of this host. */
function wantedBy(run: Run): Wanted {
  const options = gather(run);
  const own = parseOptions(spoolOptions, { directory: '.', ...objectAt(options, 'spool') }, 'spool');
  const { deadlineMs } = parseOptions(pipelineOptions.fields.close, options.close, 'close');
  const { keyFile } = own.encryption;
  return {
    maxBytes: own.maxBytes,
    minFreeBytes: own.minFreeBytes,
    sync: own.sync,
    durability: own.durability,
    deadlineMs,
    graceSeconds: run.values.whole('grace') ?? 30,
    ...(keyFile !== undefined && { keyFile }),
  };
}

const marks: Record<Level, readonly [string, 'green' | 'dim' | 'yellow' | 'red']> = {
  fine: ['ok     ', 'green'],
  hint: ['hint   ', 'dim'],
  warning: ['warning', 'yellow'],
  error: ['error  ', 'red'],
};

function describe(output: Output, { level, check, path, found, advice }: Finding): void {
  const [mark, colour] = marks[level];
  output.line(
    `${output.paint(colour, mark)}  ${check.padEnd(13)} ${plain(found)}${path === undefined ? '' : output.paint('dim', `  ${plain(path)}`)}`,
  );
  if (advice !== undefined) output.line(`         ${''.padEnd(13)} ${plain(advice)}`);
}
