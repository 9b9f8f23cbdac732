// What nobody can beat who uses pino: formatting the lines and throwing them away, in its thread or in a worker's.

import pino from 'pino';
import { inWorker } from './worker.mjs';

/** What the others are compared with. */
export const floor = 'pino → worker → /dev/null';

export const floors = [
  {
    name: 'pino → sonic-boom → /dev/null',
    group: 'floor',
    ships: false,
    async start() {
      const destination = pino.destination({ dest: '/dev/null', sync: false, minLength: 4096 });
      return {
        log: pino(destination),
        flush: () => new Promise((resolve) => destination.flush(resolve)),
        close: () => new Promise((resolve) => destination.once('close', resolve).end()),
      };
    },
  },
  {
    name: floor,
    group: 'floor',
    ships: false,
    start: inWorker('pino/file', () => ({ destination: '/dev/null' })),
  },
];
