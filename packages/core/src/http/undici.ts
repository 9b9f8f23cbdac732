// The parts of undici that make connections to a destination. To be loaded when they are needed.
// Not through its front door, which loads fetch, WebSocket, caches and mocks as well: that costs a process 100 ms of CPU
// and 9 MB at its start, and puts an agent of its own under the application's `fetch`.

import type * as undici from 'undici';
// @ts-expect-error undici declares types for its front door only
import connector from 'undici/lib/core/connect.js';
// @ts-expect-error undici declares types for its front door only
import pool from 'undici/lib/dispatcher/pool.js';

export const Pool: typeof undici.Pool = pool;
export const buildConnector: typeof undici.buildConnector = connector;
