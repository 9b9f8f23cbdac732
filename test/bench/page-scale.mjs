// The sections of the page about scale and about memory over time.

import { machineLine } from './machine.mjs';
import { fixed, markdownTable } from './table.mjs';

/** Cost by rate, by size, memory by settings. */
export function scaleSection({ rates, sizes, memory, machine }) {
  const whole = (value) => value.toLocaleString('en-US');
  const shared = [
    ['CPU µs/record', ({ cpuUs }) => cpuUs, fixed(2)],
    ['floor', ({ floorCpuUs }) => floorCpuUs, fixed(2)],
    ['RSS peak MB', ({ peakRssMb }) => peakRssMb, fixed(0)],
    ['floor', ({ floorPeakRssMb }) => floorPeakRssMb, fixed(0)],
    ['arrives p50 ms', ({ latencyP50Ms }) => latencyP50Ms, fixed(0)],
    ['p99', ({ latencyP99Ms }) => latencyP99Ms, fixed(0)],
    ['lost', ({ lost }) => lost, String],
  ];
  const parts = ['## Scale', `Worker, HTTP, no compression, beside pino → worker → /dev/null. ${machineLine(machine)}`];
  if (rates)
    parts.push(
      `By rate, records of about 270 bytes; the last row is as fast as the calls return.`,
      markdownTable(rates, [['records/s', ({ reached }) => reached, (v) => whole(Math.round(v))], ...shared]),
    );
  if (sizes)
    parts.push(
      `By size of the records, as fast as the calls return.`,
      markdownTable(sizes, [['MB/s', ({ mbPerSecond }) => mbPerSecond, fixed(0)], ...shared]),
    );
  if (memory)
    parts.push(
      `Memory by settings: a burst with nobody listening, then the backend comes.`,
      markdownTable(memory, [
        ['RSS peak MB', ({ peakRssMb }) => peakRssMb, fixed(0)],
        ['settled', ({ settledRssMb }) => settledRssMb, fixed(0)],
        ['lost', ({ lost }) => lost, whole],
      ]),
    );
  return parts.join('\n\n');
}

/** Memory over time. */
export function soakSection({ rows, perSecond, minutes, machine }) {
  return [
    '## Memory over time',
    `${perSecond.toLocaleString('en-US')} records a second for ${minutes} minutes, resident memory twice a minute; the slope is fitted to the second half. ${machineLine(machine)}`,
    markdownTable(rows, [
      ['records', ({ records }) => records, (value) => value.toLocaleString('en-US')],
      ['RSS first MB', ({ firstMb }) => firstMb, fixed(0)],
      ['last', ({ lastMb }) => lastMb, fixed(0)],
      ['slope MB/hour', ({ slopeMbPerHour }) => slopeMbPerHour, fixed(1)],
      ['lost', ({ lost }) => lost, String],
    ]),
  ].join('\n\n');
}
