// The real servers of the integration tests. `await loki.start()` obtains, starts and waits; see README.md beside this file.

export { type ClickhouseOptions, clickhouse } from './clickhouse.js';
export { type FluentEvent, fluent } from './fluent.js';
export { type GraylogMessage, graylog } from './graylog.js';
export { type KafkaOptions, type KafkaRecord, kafka } from './kafka.js';
export { type LokiOptions, loki } from './loki.js';
export type { LokiEntry, LokiQuery } from './loki-query.js';
export { type CloudwatchEvent, moto } from './moto.js';
export { type OpensearchDocument, type OpensearchOptions, opensearch } from './opensearch.js';
export { type OtelcolOptions, type OtlpAttribute, type OtlpRecord, type OtlpValue, otelcol } from './otelcol.js';
export { type RedisOptions, redis } from './redis.js';
export { type RsyslogMessage, type RsyslogOptions, rsyslog } from './rsyslog.js';
export { OBTAIN_TIMEOUT_MS, type RunningServer, type Server, type StartOptions } from './server.js';
export { type SyslogNgMessage, syslogNg } from './syslog-ng.js';
export type { TlsFiles } from './tls.js';
export { type VictoriaLogsRow, victorialogs } from './victorialogs.js';
export { until, type WaitOptions } from './wait.js';
