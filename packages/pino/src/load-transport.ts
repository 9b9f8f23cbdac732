// The transport of a thread: the code of the one that is named, and of no other. A thread that loads them all starts with
// 40 ms of CPU and 10 MB that it has no use for.
// In: what users write after `to`. Out: a transport. Anything but a plain name of ours goes the ordinary way, errors included.

import type { AnyTransport } from '@spillway/core';
import type { TransportTarget } from '@spillway/transports';

/** What a transport's module has as its factory, which checks the options itself. */
type Factory = (options: never) => AnyTransport;

/** The transports by name, as in the registry. */
export const loaders: Readonly<Record<string, () => Promise<Factory>>> = {
  clickhouse: async () => (await import('@spillway/transports/clickhouse')).clickhouse,
  cloudwatch: async () => (await import('@spillway/transports/cloudwatch')).cloudwatch,
  datadog: async () => (await import('@spillway/transports/datadog')).datadog,
  elasticsearch: async () => (await import('@spillway/transports/elasticsearch')).elasticsearch,
  fluent: async () => (await import('@spillway/transports/fluent')).fluent,
  gelf: async () => (await import('@spillway/transports/gelf')).gelf,
  'google-cloud': async () => (await import('@spillway/transports/google-cloud')).googleCloud,
  http: async () => (await import('@spillway/transports/http')).http,
  kafka: async () => (await import('@spillway/transports/kafka')).kafka,
  logstash: async () => (await import('@spillway/transports/logstash')).logstash,
  loki: async () => (await import('@spillway/transports/loki')).loki,
  otlp: async () => (await import('@spillway/transports/otlp')).otlp,
  redis: async () => (await import('@spillway/transports/redis')).redis,
  s3: async () => (await import('@spillway/transports/s3')).s3,
  sls: async () => (await import('@spillway/transports/sls')).sls,
  splunk: async () => (await import('@spillway/transports/splunk')).splunk,
  stdout: async () => (await import('@spillway/transports/stdout')).stdout,
  syslog: async () => (await import('@spillway/transports/syslog')).syslog,
  victorialogs: async () => (await import('@spillway/transports/victorialogs')).victorialogs,
};

/** @throws SpillwayError `SPILLWAY_TRANSPORT_UNKNOWN`, `SPILLWAY_OPTIONS_INVALID` */
export async function loadTransport(target: TransportTarget): Promise<AnyTransport> {
  const [name, options]: readonly unknown[] = Array.isArray(target) ? target : [target];
  const load = typeof name === 'string' && Object.hasOwn(loaders, name) ? loaders[name] : undefined;
  if (load === undefined) return (await import('@spillway/transports')).loadTransport(target);
  const factory = await load();
  return factory((options ?? {}) as never);
}
