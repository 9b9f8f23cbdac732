// All transports by name. A new one is a line here, and one in @spillway/pino for its threads, which load a single one;
// everything else finds it through this table.
// Importing this loads no client of any destination: transports that need one load it when they are opened.

import type { AnyTransport, OptionDoc, Schema } from '@spillway/core';
import { describe } from '@spillway/core';
import { clickhouse, clickhouseOptions, clickhouseTraits } from './clickhouse.js';
import { cloudwatch, cloudwatchOptions, cloudwatchTraits } from './cloudwatch.js';
import { datadog, datadogOptions, datadogTraits } from './datadog.js';
import { elasticsearch, elasticsearchOptions, elasticsearchTraits } from './elasticsearch.js';
import { fluent, fluentOptions, fluentTraits } from './fluent.js';
import { gelf, gelfOptions, gelfTraits } from './gelf.js';
import { googleCloud, googleCloudOptions, googleCloudTraits } from './google-cloud.js';
import { http, httpOptions, httpTraits } from './http.js';
import { kafka, kafkaOptions, kafkaTraits } from './kafka.js';
import { logstash, logstashOptions, logstashTraits } from './logstash.js';
import { loki, lokiOptions, lokiTraits } from './loki.js';
import { otlp, otlpOptions, otlpTraits } from './otlp.js';
import { redis, redisOptions, redisTraits } from './redis.js';
import { s3, s3Options, s3Traits } from './s3.js';
import { sls, slsOptions, slsTraits } from './sls.js';
import { splunk, splunkOptions, splunkTraits } from './splunk.js';
import { stdout, stdoutOptions, stdoutTraits } from './stdout.js';
import { syslog, syslogOptions, syslogTraits } from './syslog.js';
import type { Traits } from './traits.js';
import { victorialogs, victorialogsOptions, victorialogsTraits } from './victorialogs.js';

/** A transport as the registry knows it. */
export interface TransportEntry {
  /** Checks the options and makes the transport. */
  factory(options: unknown): AnyTransport;
  readonly traits: Traits;
  /** The rows of its option table. */
  options(): OptionDoc[];
}

function entry<O>(factory: (options: O) => AnyTransport, schema: Schema<unknown>, traits: Traits): TransportEntry {
  // The factory checks what it gets, whatever the type says.
  return { factory: (options) => factory((options ?? {}) as O), options: () => describe(schema), traits };
}

/** Name → transport. */
export const registry: Readonly<Record<string, TransportEntry>> = {
  clickhouse: entry(clickhouse, clickhouseOptions, clickhouseTraits),
  cloudwatch: entry(cloudwatch, cloudwatchOptions, cloudwatchTraits),
  datadog: entry(datadog, datadogOptions, datadogTraits),
  elasticsearch: entry(elasticsearch, elasticsearchOptions, elasticsearchTraits),
  fluent: entry(fluent, fluentOptions, fluentTraits),
  gelf: entry(gelf, gelfOptions, gelfTraits),
  'google-cloud': entry(googleCloud, googleCloudOptions, googleCloudTraits),
  http: entry(http, httpOptions, httpTraits),
  kafka: entry(kafka, kafkaOptions, kafkaTraits),
  logstash: entry(logstash, logstashOptions, logstashTraits),
  loki: entry(loki, lokiOptions, lokiTraits),
  otlp: entry(otlp, otlpOptions, otlpTraits),
  redis: entry(redis, redisOptions, redisTraits),
  s3: entry(s3, s3Options, s3Traits),
  sls: entry(sls, slsOptions, slsTraits),
  splunk: entry(splunk, splunkOptions, splunkTraits),
  stdout: entry(stdout, stdoutOptions, stdoutTraits),
  syslog: entry(syslog, syslogOptions, syslogTraits),
  victorialogs: entry(victorialogs, victorialogsOptions, victorialogsTraits),
};
