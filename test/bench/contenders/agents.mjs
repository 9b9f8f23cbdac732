// The application as it is when an agent ships for it: pino writes to its stdout, which is a file. The container runtime,
// which would copy from a pipe to the file and add its own prefix to each line, is left out: in favour of the agents.

import { agents } from '../agents/index.mjs';
import { toFile } from './destination.mjs';

export const beside = Object.keys(agents).map((agent) => ({
  name: `stdout → file → ${agent}`,
  group: 'peer',
  ships: true,
  agent,
  start: async ({ file }) => toFile(file),
}));
