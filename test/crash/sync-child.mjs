// An application that dies in the turn in which it logs: `node sync-child.mjs <directory> <records>`.

import { spillway } from '@spillway/pino';
import pino from 'pino';

const [directory, records] = process.argv.slice(2);
const to = ['http', { url: 'http://127.0.0.1:9/nobody' }];
const log = pino(spillway({ to, warnings: 'off', spool: { directory, durability: 'sync', minFreeBytes: 0 } }));
for (let i = 0; i < Number(records); i++) log[i % 10 === 0 ? 'error' : 'info']({ i }, 'an audit record');
process.kill(process.pid, 'SIGKILL');
