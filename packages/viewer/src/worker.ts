// Entry of the store's thread: SQLite is synchronous, so it gets a thread where it blocks nobody.
import { parentPort, workerData } from 'node:worker_threads';
import { serve } from './store/service.js';
import type { StoreOptions } from './store/store.js';

if (parentPort !== null) serve(parentPort, workerData as StoreOptions);
