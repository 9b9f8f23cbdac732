// VictoriaLogs, one process. Takes JSON lines, Elasticsearch bulk, Loki, OTLP, Datadog, journald and syslog; read back in LogsQL.
// Out: `url`, to which clients add `/insert/…`. Written rows are found a second or so later: read back with `until`.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { answers, fetchText, jsonLines } from './http.js';

/** One row: every value is a string, nested fields are flattened (`a.b`); `_time`, `_msg`, `_stream` are always there. */
export type VictoriaLogsRow = Readonly<Record<string, string>>;

export interface VictoriaLogsReadBack {
  /** Every row that a LogsQL query finds, in no particular order unless the query sorts. */
  query(logsql: string): Promise<VictoriaLogsRow[]>;
  /** How many rows a LogsQL query finds. */
  count(logsql: string): Promise<number>;
}

export const victorialogs = serverOf<'http' | 'syslog', VictoriaLogsReadBack>({
  name: 'victorialogs',
  ports: ['http', 'syslog'],
  url: ({ ports }) => `http://127.0.0.1:${ports.http}`,
  command: ({ directory, dir, ports }) => ({
    file: join(directory, 'victoria-logs'),
    args: [
      `-httpListenAddr=127.0.0.1:${ports.http}`,
      `-syslog.listenAddr.tcp=127.0.0.1:${ports.syslog}`,
      `-syslog.listenAddr.udp=127.0.0.1:${ports.syslog}`,
      `-storageDataPath=${join(dir, 'data')}`,
      // What is older than the retention is dropped with only a warning.
      '-retentionPeriod=100y',
      '-futureRetention=100y',
      '-inmemoryDataFlushInterval=1s',
    ],
  }),
  ready: ({ ports }) => answers(`http://127.0.0.1:${ports.http}/health`),
  extend({ ports }) {
    const select = async (logsql: string): Promise<VictoriaLogsRow[]> => {
      const body = new URLSearchParams({ query: logsql });
      const url = `http://127.0.0.1:${ports.http}/select/logsql/query`;
      return jsonLines<VictoriaLogsRow>(await fetchText(url, { method: 'POST', body }));
    };
    return {
      query: select,
      async count(logsql) {
        const [row] = await select(`${logsql} | count() rows`);
        return Number(row?.rows ?? 0);
      },
    };
  },
});
