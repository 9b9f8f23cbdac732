// The public API of @spillway/transports, one screen.

export { type ClickhouseOptions, clickhouse } from './clickhouse.js';
export { type CloudwatchOptions, cloudwatch } from './cloudwatch.js';
export { type DatadogOptions, datadog } from './datadog.js';
export { type ElasticsearchOptions, elasticsearch } from './elasticsearch.js';
export { type FluentOptions, fluent } from './fluent.js';
export { type GelfOptions, gelf } from './gelf.js';
export { type GoogleCloudOptions, googleCloud } from './google-cloud.js';
export { type HttpTransportOptions, http } from './http.js';
export { type KafkaOptions, kafka } from './kafka.js';
export { type LogstashOptions, logstash } from './logstash.js';
export { type LokiOptions, loki } from './loki.js';
export { type OtlpOptions, otlp } from './otlp.js';
export { type RedisOptions, redis } from './redis.js';
export { registry, type TransportEntry } from './registry.js';
export { loadTransport, resolveTransport, type TransportTarget } from './resolve.js';
export { type S3Options, s3 } from './s3.js';
export { type SlsOptions, sls } from './sls.js';
export { type SplunkOptions, splunk } from './splunk.js';
export { type StdoutOptions, stdout } from './stdout.js';
export { type SyslogOptions, syslog } from './syslog.js';
export type { Traits } from './traits.js';
export { type VictoriaLogsOptions, victorialogs } from './victorialogs.js';
