// The sections of the page about scale and about memory over time.

import { machineLine } from './machine.mjs';
import { memoryColumns, rateColumns, sizeColumns, soakColumns } from './scale-columns.mjs';
import { markdownTable } from './table.mjs';

/** Cost by rate, by size, memory by settings. */
export function scaleSection({ rates, sizes, memory, rounds, machine }) {
  const table = (rows, columns, text) => (rows ? [text, markdownTable(rows, columns)] : []);
  return [
    '## Scale',
    `Worker, HTTP, no compression, beside pino → worker → /dev/null, in processes that run for a while. Medians of ${rounds} interleaved rounds. ${machineLine(machine)}`,
    ...table(rates, rateColumns, 'By rate, records of about 270 bytes; the last row is as fast as the calls return.'),
    ...table(sizes, sizeColumns, 'By size of the records, as fast as the calls return.'),
    ...table(
      memory,
      memoryColumns,
      'Memory by settings: 80 MB of records in a burst while nobody listens for 8 s, then the backend comes. Without a spool, what the queue cannot hold is dropped and counted.',
    ),
  ].join('\n\n');
}

/** Memory over time. */
export function soakSection({ rows, perSecond, minutes, machine }) {
  return [
    '## Memory over time',
    `${perSecond.toLocaleString('en-US')} records a second for ${minutes} minutes, our three ways and the floor side by side; the slope is that of a line through the resident memory of the second half. ${machineLine(machine)}`,
    markdownTable(rows, soakColumns),
  ].join('\n\n');
}
