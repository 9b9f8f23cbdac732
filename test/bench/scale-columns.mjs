// The columns of the tables about scale and about memory over time, for the terminal and for the page.

import { fixed } from './table.mjs';

const whole = (value) => (value === undefined ? '–' : Math.round(value).toLocaleString('en-US'));
const cost = [
  ['CPU µs/record', ({ cpuUs }) => cpuUs, fixed(2)],
  ['floor', ({ floorCpuUs }) => floorCpuUs, fixed(2)],
  ['RSS peak MB', ({ peakRssMb }) => peakRssMb, fixed(0)],
  ['floor', ({ floorPeakRssMb }) => floorPeakRssMb, fixed(0)],
  ['disk B/record', ({ diskBytes }) => diskBytes, fixed(0)],
  ['arrives p50 ms', ({ latencyP50Ms }) => latencyP50Ms, fixed(0)],
  ['p99', ({ latencyP99Ms }) => latencyP99Ms, fixed(0)],
  ['lost', ({ lost }) => lost, whole],
];

export const rateColumns = [['records/s', ({ perSecond }) => perSecond, whole], ...cost];
export const sizeColumns = [
  ['records/s', ({ perSecond }) => perSecond, whole],
  ['MB/s', ({ mbPerSecond }) => mbPerSecond, whole],
  ...cost,
];
export const memoryColumns = [
  ['RSS peak MB', ({ peakRssMb }) => peakRssMb, fixed(0)],
  ['settled', ({ settledRssMb }) => settledRssMb, fixed(0)],
  ['dropped or lost', ({ lost }) => lost, whole],
];
export const soakColumns = [
  ['records', ({ records }) => records, whole],
  ['RSS after a tenth MB', ({ earlyMb }) => earlyMb, fixed(1)],
  ['at half', ({ halfMb }) => halfMb, fixed(1)],
  ['at the end', ({ endMb }) => endMb, fixed(1)],
  ['slope MB/hour', ({ slopeMbPerHour }) => slopeMbPerHour, fixed(1)],
  ['lost', ({ lost }) => lost, whole],
];
