// What nobody can beat who uses pino: formatting the lines and throwing them away, in its thread or in a worker's.

import { toFile } from './destination.mjs';
import { inWorker } from './worker.mjs';

/** What the others are compared with. */
export const floor = 'pino → worker → /dev/null';

export const floors = [
  {
    name: 'pino → sonic-boom → /dev/null',
    group: 'floor',
    ships: false,
    start: async () => toFile('/dev/null'),
  },
  {
    name: floor,
    group: 'floor',
    ships: false,
    start: inWorker('pino/file', () => ({ destination: '/dev/null' })),
  },
];
