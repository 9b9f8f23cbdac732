// What the application's thread and the shipping thread say to each other beside the ring. Plain data.

import type { MessagePort } from 'node:worker_threads';
import type { FlushReport, Stats } from '@spillway/core';
import type { StreamOptions } from '../options.js';

/** What a shipping thread is started with. */
export interface HandOverData {
  readonly ring: SharedArrayBuffer;
  readonly account: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly options: StreamOptions;
  readonly deadlineMs: number;
}

/** To the shipping thread. */
export type Request =
  | { readonly type: 'flush'; readonly id: number; readonly timeoutMs: number | undefined }
  | { readonly type: 'ready'; readonly id: number }
  | { readonly type: 'levels'; readonly levels: Readonly<Record<string, number>> };

/** From the shipping thread. */
export type Answer =
  | { readonly type: 'stats'; readonly stats: Stats }
  | { readonly type: 'answered'; readonly id: number; readonly report: FlushReport }
  | { readonly type: 'closed'; readonly report: FlushReport };
