// ClickHouse: its engine (chDB) behind the part of its HTTP interface that log writers use. SQL, types, deduplication,
// settings and error texts are the engine's; statuses and headers are those that ClickHouse documents, but ours.
// Not there: TLS, `X-ClickHouse-Summary`, the native protocol, parallel statements. The user is `default`.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { answers, fetchText, jsonLines } from './http.js';
import type { StartOptions } from './server.js';

export interface ClickhouseOptions extends StartOptions {
  /** Password of the user `default`. @default none */
  readonly password?: string;
}

export interface ClickhouseReadBack {
  /** Runs a statement; the rows of its result. */
  query<Row = Record<string, unknown>>(sql: string): Promise<Row[]>;
}

export const clickhouse = serverOf<'http', ClickhouseReadBack, ClickhouseOptions>({
  name: 'clickhouse',
  ports: ['http'],
  url: ({ ports }) => `http://127.0.0.1:${ports.http}`,
  command({ directory, dir, ports, options }) {
    const flags = ['--port', `${ports.http}`, '--data', join(dir, 'data'), '--password', options.password ?? ''];
    return { file: process.execPath, args: [join(directory, 'server.mjs'), ...flags] };
  },
  ready: ({ ports }) => answers(`http://127.0.0.1:${ports.http}/ping`),
  extend: ({ ports, options }) => ({
    async query<Row>(sql: string) {
      const headers = { 'X-ClickHouse-Format': 'JSONEachRow', 'X-ClickHouse-Key': options.password ?? '' };
      return jsonLines<Row>(await fetchText(`http://127.0.0.1:${ports.http}/`, { method: 'POST', headers, body: sql }));
    },
  }),
});
