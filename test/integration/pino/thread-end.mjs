// Loaded before everything else, in every thread: lets the application end its shipping thread from within, as a dependency
// would whose error nobody catches.

import { workerData } from 'node:worker_threads';

if (workerData?.ring) {
  const orders = new BroadcastChannel('thread-end');
  orders.onmessage = () => {
    throw new Error('deliberate');
  };
  orders.unref();
}
