// A transform in a pino pipeline: passes the lines on.

import { PassThrough } from 'node:stream';

export default () => new PassThrough();
