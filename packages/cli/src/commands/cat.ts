// `spillway cat`: the one command whose purpose is to print records: NDJSON on stdout, as they were logged.

import type { Batch } from '@spillway/core';
import { type Keys, readBatches } from '@spillway/core/spool';
import { type Command, type OptionSpec, type Run, UsageError } from '../command.js';
import { type ExitCode, exitCodes } from '../io.js';
import { keyOptions, keysOf } from '../settings.js';
import { folders, type Located, segmentsOf, selectOptions } from '../spools.js';
import { count } from '../text/amounts.js';
import { plain } from '../text/plain.js';

const options = {
  ...keyOptions,
  ...selectOptions,
  writer: { value: '<id>', doc: "only records whose writer's id begins so" },
  since: { value: '<time>', doc: 'only records from this time on: ISO 8601, or ms since 1970' },
  until: { value: '<time>', doc: 'only records before this time' },
  level: { value: '<number>', doc: 'only records of this level or above: 50 is error' },
  limit: { value: '<n>', doc: 'stop after so many records' },
  all: { doc: 'also records that were acked or rejected and are still on the disk' },
} as const satisfies Record<string, OptionSpec>;

export const cat: Command = {
  name: 'cat',
  summary: 'Prints the waiting records as NDJSON on stdout, as they were logged.',
  takes: '[path …]',
  options,
  notes: [
    'With --json each line is an object: id, time, level, queue, segment, settled, and the record as `line`, or as',
    '`base64` where it is not UTF-8. Records are sorted by segment, not by time. Changes nothing.',
    'Exit code 1 where records could not be read.',
  ],
  async run(run) {
    const keys = await keysOf(run);
    const printer = new Printer(run);
    for (const located of segmentsOf(await folders(run))) {
      if (!(await printer.print(located, keys))) break;
    }
    return printer.done();
  },
};

class Printer {
  readonly #run: Run;
  readonly #limit: number;
  readonly #level: number;
  readonly #since: number;
  readonly #until: number;
  readonly #writer: string;
  #printed = 0;
  #lost = 0;
  readonly #locked = new Set<string>();

  constructor(run: Run) {
    const { values } = run;
    this.#run = run;
    this.#limit = values.whole('limit') ?? Number.POSITIVE_INFINITY;
    this.#level = values.whole('level') ?? 0;
    this.#since = timeOf('since', values.text('since')) ?? Number.NEGATIVE_INFINITY;
    this.#until = timeOf('until', values.text('until')) ?? Number.POSITIVE_INFINITY;
    this.#writer = values.text('writer') ?? '';
  }

  /** Prints a segment; false where enough was printed. */
  async print(located: Located, keys: Keys): Promise<boolean> {
    const { io, values } = this.#run;
    if (located.segment.state === 'unreadable') this.#locked.add(located.segment.code ?? 'unreadable');
    for await (const { batch, settled, lost, locked } of readBatches(located.segment, keys)) {
      if (locked) this.#locked.add(locked);
      if (!settled) this.#lost += lost;
      if (!batch || (settled && !values.has('all')) || !batch.writer.startsWith(this.#writer)) continue;
      const lines = this.#lines(batch, located, settled);
      if (lines.length > 0) await io.stdout(Buffer.concat(lines));
      if (this.#printed >= this.#limit || io.signal.aborted) return false;
    }
    return true;
  }

  #lines(batch: Batch, located: Located, settled: boolean): Buffer[] {
    const lines: Buffer[] = [];
    for (let i = 0; i < batch.count && this.#printed < this.#limit; i++) {
      const time = batch.times[i]!;
      if (batch.levels[i]! < this.#level || time < this.#since || time >= this.#until) continue;
      this.#printed++;
      lines.push(this.#line(batch, i, { ...located, settled }));
    }
    return lines;
  }

  #line(batch: Batch, i: number, { queue, segment, settled }: Located & { settled: boolean }): Buffer {
    const line = batch.line(i);
    if (!this.#run.values.has('json')) {
      // On a terminal nothing in a record may act.
      if (this.#run.io.stdoutIsTerminal) return Buffer.from(`${plain(line.toString())}\n`);
      return Buffer.concat([line, Buffer.from('\n')]);
    }
    const text = line.toString();
    const exact = Buffer.from(text).equals(line);
    const about = { id: batch.recordId(i), time: batch.times[i], level: batch.levels[i], queue: queue.id };
    const where = { segment: segment.path.slice(segment.path.lastIndexOf('/') + 1), settled };
    const record = exact ? { line: text } : { base64: line.toString('base64') };
    return Buffer.from(`${JSON.stringify({ ...about, ...where, ...record })}\n`);
  }

  done(): ExitCode {
    const { io } = this.#run;
    if (io.signal.aborted) return exitCodes.interrupted;
    if (this.#lost > 0) io.stderr(`${count(this.#lost, 'record')} could not be read: spillway verify tells more.\n`);
    if (this.#locked.has('key')) io.stderr('Some segments need a key: --key-file or --key-env.\n');
    for (const why of this.#locked) if (why !== 'key') io.stderr(`Some segments cannot be read here: ${why}.\n`);
    return this.#lost > 0 || this.#locked.size > 0 ? exitCodes.problems : exitCodes.fine;
  }
}

const ISO_8601 = /^\d{4}(-\d\d(-\d\d(T.+)?)?)?$/;
/** Fewer digits, as those of seconds, would mean a day in the first years after 1970. */
const MILLISECONDS = /^\d{12,16}$/;

function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = MILLISECONDS.test(text) ? Number(text) : ISO_8601.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new UsageError(`--${name} takes ISO 8601 or ms since 1970, got '${text}'`);
  return ms;
}
