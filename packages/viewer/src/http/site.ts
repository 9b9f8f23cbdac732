// What every handler needs: the store, the budget for bodies, the counters, the settings and the live tails.
import type { Counters } from '../counters.js';
import type { Settings } from '../options.js';
import type { StoreClient } from '../store/client.js';
import type { Budget } from './budget.js';
import type { Tails } from './tail.js';

/** The parts of a running viewer that requests touch. */
export interface Site {
  readonly settings: Settings;
  readonly store: StoreClient;
  readonly budget: Budget;
  readonly counters: Counters;
  readonly tails: Tails;
}
