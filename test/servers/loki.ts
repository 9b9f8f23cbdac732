// Grafana Loki, one process, storage in its folder. Read back by time order, entry by entry, as many as there are.
// In: `limits: 'generous'` for delivery tests (nothing throttled), `'strict'` for tests of its refusals (16 KB lines, 1 MB/s,
// 50 streams, a week back, ten minutes ahead). Out: `url`, to which clients add `/loki/api/v1/push` or `/otlp/v1/logs`.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { answers } from './http.js';
import { type LokiEntry, type LokiQuery, lokiPages } from './loki-query.js';
import type { StartOptions } from './server.js';
import { configText, renderConfig } from './template.js';

export interface LokiOptions extends StartOptions {
  /** @default 'generous' */
  readonly limits?: 'generous' | 'strict';
}

export interface LokiReadBack {
  /** Every entry that the LogQL selector finds, oldest first. */
  query(query: LokiQuery): Promise<LokiEntry[]>;
  /** How many entries the LogQL selector finds. */
  count(query: LokiQuery): Promise<number>;
}

export const loki = serverOf<'http' | 'grpc', LokiReadBack, LokiOptions>({
  name: 'loki',
  ports: ['http', 'grpc'],
  url: ({ ports }) => `http://127.0.0.1:${ports.http}`,
  command({ directory, dir, ports, options }) {
    const config = renderConfig('loki.yaml', dir, {
      DIR: dir,
      HTTP: ports.http,
      GRPC: ports.grpc,
      LIMITS: configText(`loki-limits-${options.limits ?? 'generous'}.yaml`),
    });
    return { file: join(directory, 'loki'), args: [`-config.file=${config}`] };
  },
  ready: ({ ports }) => answers(`http://127.0.0.1:${ports.http}/ready`),
  extend({ ports }) {
    const url = `http://127.0.0.1:${ports.http}`;
    return {
      async query(query) {
        const entries: LokiEntry[] = [];
        for await (const page of lokiPages(url, query)) entries.push(...page);
        return entries;
      },
      async count(query) {
        let count = 0;
        for await (const page of lokiPages(url, query)) count += page.length;
        return count;
      },
    };
  },
});
