// The columns of the table of the whole way, for the terminal and for the page.

import { fixed } from './table.mjs';

export const wayColumns = [
  ['CPU µs/record', ({ cpuUs }) => cpuUs, fixed(2)],
  ['application', ({ appCpuUs }) => appCpuUs, fixed(2)],
  ['agent', ({ agentCpuUs }) => agentCpuUs, fixed(2)],
  ['disk B/record', ({ diskBytes }) => diskBytes, fixed(0)],
  ['RSS peak MB', ({ peakRssMb }) => peakRssMb, fixed(0)],
  ['agent MB', ({ agentRssMb }) => agentRssMb, fixed(0)],
  ['arrives p50 ms', ({ latencyP50Ms }) => latencyP50Ms, fixed(0)],
  ['p99', ({ latencyP99Ms }) => latencyP99Ms, fixed(0)],
  ['lost', ({ lost }) => lost, String],
];
