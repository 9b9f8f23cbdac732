// The parts of undici that make connections to a destination, loaded when a pool is made.
// Out: constructors. Not through its front door, which loads fetch, WebSocket, caches and mocks as well: that costs a
// process 100 ms of CPU and 9 MB at its start, and puts an agent of its own under the application's `fetch`.
// Should a later version move its files, the front door still has them. Agents for proxies work with it only.

import type { buildConnector, Pool } from 'undici';

/** What makes connections to a destination. */
export interface Direct {
  readonly Pool: typeof Pool;
  readonly buildConnector: typeof buildConnector;
}

/** Loads what makes connections to a destination. */
export async function loadDirect(): Promise<Direct> {
  try {
    const [pool, connect] = await Promise.all([
      // @ts-expect-error undici declares types for its front door only
      import('undici/lib/dispatcher/pool.js') as Promise<{ default: typeof Pool }>,
      // @ts-expect-error undici declares types for its front door only
      import('undici/lib/core/connect.js') as Promise<{ default: typeof buildConnector }>,
    ]);
    return { Pool: pool.default, buildConnector: connect.default };
  } catch {
    return import('undici');
  }
}
