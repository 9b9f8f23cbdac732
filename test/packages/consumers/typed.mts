// A TypeScript application, compiled and run: types of both ways in, and of what comes back.
import { closeOnSignal, type Stats, type StreamOptions, spillway, stats, type TargetOptions } from '@spillway/pino';
import { http } from '@spillway/transports/http';
import pino from 'pino';

const url: string = process.env['RECEIVER_URL'] ?? '';
const options: TargetOptions = { to: ['http', { url: `${url}/worker` }], batch: { lingerMs: 50, maxBytes: '512kb' } };
const transport = pino.transport<TargetOptions>({ target: '@spillway/pino', options });
closeOnSignal(transport);
const worker: pino.Logger = pino(transport);
for (let i = 0; i < 500; i++) worker.info({ i }, 'from the worker');
await new Promise((resolve) => worker.flush(resolve));
const [counted]: readonly Stats[] = await stats(transport);
if (counted?.acked.records !== 500) throw new Error(`acked ${counted?.acked.records}`);

const inProcess: StreamOptions = { to: http({ url: `${url}/stream` }), shutdown: 'auto' };
const stream = spillway(inProcess);
const log = pino({ customLevels: { audit: 35 } }, stream);
for (let i = 500; i < 1000; i++) log.audit({ i }, 'from the stream');
const { settled, stats: last } = await stream.close();
const own = pino(spillway({ to: ['http', { url: `${url}/own` }], worker: true }));
for (let i = 1000; i < 1500; i++) own.info({ i }, 'from the thread of its own');
if (!settled || last.acked.records !== 500) throw new Error(`acked ${last.acked.records}`);

// @ts-expect-error an unknown option
const wrong: TargetOptions = { to: ['http', { url }], bacth: {} };
void wrong;
