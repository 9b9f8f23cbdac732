// The one logger of the service: lines on stdout and, if SPILLWAY_URL names a collector, there as well.
// `withContext` puts the context of the running request on every line and keeps secrets out of all of them.
import { withContext } from '@spillway/middleware';
import { spillway } from '@spillway/pino';
import pino from 'pino';

const { SPILLWAY_URL: url, LOG_LEVEL: level = 'info' } = process.env;
const to = url ? ['http', { url }] : ['stdout', {}];

export const logger = pino(withContext({ level }), spillway({ to, mirror: url ? 'all' : 'off', shutdown: 'auto' }));
