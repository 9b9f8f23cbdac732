// The application as it is when an agent ships for it: pino writes to its stdout, which is a file. Buffered, which is the
// cheapest way that pino has, and asynchronous. The container runtime, which would copy from a pipe to the file and add its
// own prefix to each line, is left out: in favour of the agents.

import pino from 'pino';
import { agents } from '../agents/index.mjs';

export const beside = Object.keys(agents).map((agent) => ({
  name: `stdout → file → ${agent}`,
  group: 'peer',
  ships: true,
  agent,
  async start({ file }) {
    const destination = pino.destination({ dest: file, sync: false, minLength: 4096 });
    return {
      log: pino(destination),
      flush: () => new Promise((resolve) => destination.flush(resolve)),
      close: () => new Promise((resolve) => destination.once('close', resolve).end()),
    };
  },
}));
