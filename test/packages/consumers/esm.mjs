// An ESM application: 500 records through the worker target, 500 through the stream, 500 through the stream with a
// thread of its own.
import { spillway, stats } from '@spillway/pino';
import { http } from '@spillway/transports/http';
import pino from 'pino';

const url = process.env.RECEIVER_URL;
const transport = pino.transport({ target: '@spillway/pino', options: { to: ['http', { url: `${url}/worker` }] } });
const worker = pino(transport);
for (let i = 0; i < 500; i++) worker.info({ i }, 'from the worker');
await new Promise((resolve) => worker.flush(resolve));
const [counted] = await stats(transport);
if (counted.acked.records !== 500) throw new Error(`acked ${counted.acked.records}`);

const stream = spillway({ to: http({ url: `${url}/stream` }) });
const log = pino(stream);
for (let i = 500; i < 1000; i++) log.info({ i }, 'from the stream');

// Undici's front door would put another agent under the application's `fetch`.
await stream.ready();
if (globalThis[Symbol.for('undici.globalDispatcher.1')]) throw new Error('our HTTP client is not for us alone');

const thread = spillway({ to: ['http', { url: `${url}/own` }], worker: true });
await thread.ready();
const own = pino(thread);
for (let i = 1000; i < 1500; i++) own.info({ i }, 'from the thread of its own');
