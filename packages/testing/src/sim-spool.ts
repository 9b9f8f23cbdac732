// A spool of a process on a simulated machine, for tests that say what each process does.
// In: the machine, and what differs from test to test. Out: the process and its spool, on the machine's one directory.

import { createSpool, type Spool, type SpoolPorts } from '@spillway/core';
import type { SimMachine, SimProcess } from './sim-disk.js';

/** What a test may want otherwise. */
export interface SimSpoolOptions {
  readonly name?: string;
  readonly options?: object;
  readonly tuning?: SpoolPorts['tuning'];
  readonly onEvent?: SpoolPorts['onEvent'];
}

/** Starts a process with a spool that writes uncompressed. */
export function startSpool(
  disk: SimMachine,
  { name = 'p', options = {}, tuning = {}, onEvent }: SimSpoolOptions = {},
): { process: SimProcess; spool: Spool } {
  const process = disk.spawn(name);
  const spool = createSpool(
    { directory: '/data/s', minFreeBytes: 0, compression: 'none', ...options },
    {
      runtime: process.runtime,
      fs: process.fs,
      destination: 'd',
      env: {},
      identity: { pid: 1, hostname: 'h', bootId: 'b' },
      ...(onEvent && { onEvent }),
      tuning: { ...tuning, offload: false },
    },
  );
  return { process, spool };
}
