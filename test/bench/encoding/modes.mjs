// What is measured of each transport: its ways to write a batch, with the options that choose them.
// Always true: every transport of the registry has at least one; the first is the default.

const http = 'http://127.0.0.1:9';
const tcp = 'tcp://127.0.0.1:9';
const aws = { region: 'eu-central-1', credentials: { accessKeyId: 'id', secretAccessKey: 'key' } };

/** Name of a transport → name of a way → options. */
export const modes = {
  clickhouse: { raw: { url: http, table: 'logs' } },
  cloudwatch: { escaped: { logGroup: 'shop', ...aws } },
  datadog: {
    framed: { url: http, service: 'shop', tags: { env: 'prod' }, environment: false },
    'framed, ids': { url: http, service: 'shop', idField: 'uid', environment: false },
  },
  elasticsearch: { 'framed, ids': { url: http }, framed: { url: http, ids: false, timestamp: false } },
  fluent: { transcoded: { url: tcp }, line: { url: tcp, record: 'line' } },
  gelf: {
    transcoded: { url: tcp },
    line: { url: tcp, body: 'line' },
    'UDP, transcoded': { url: 'udp://127.0.0.1:9' },
    'UDP, transcoded, gzip': { url: 'udp://127.0.0.1:9', compress: 'gzip' },
  },
  'google-cloud': { framed: { logName: 'shop', projectId: 'project' } },
  http: { raw: { url: http }, array: { url: http, format: 'array' } },
  kafka: { raw: { brokers: ['127.0.0.1:9'], topic: 'logs' } },
  logstash: { framed: { url: tcp }, 'framed, ids': { url: tcp, idField: 'uid' }, array: { url: http } },
  loki: { protobuf: { url: http, labels: { app: 'shop' } }, 'JSON, escaped': { url: http, encoding: 'json' } },
  otlp: {
    'protobuf, transcoded': { url: http, environment: false },
    'protobuf, line': { url: http, body: 'line', environment: false },
    'JSON, transcoded': { url: http, encoding: 'json', environment: false },
    'JSON, line': { url: http, encoding: 'json', body: 'line', environment: false },
  },
  redis: {
    stream: { url: 'redis://127.0.0.1:9', key: 'logs' },
    list: { url: 'redis://127.0.0.1:9', key: 'logs', type: 'list' },
  },
  s3: { raw: { bucket: 'logs', ...aws } },
  sls: {
    transcoded: { endpoint: 'https://cn-hangzhou.log.aliyuncs.com', project: 'shop', logstore: 'app' },
    line: { endpoint: 'https://cn-hangzhou.log.aliyuncs.com', project: 'shop', logstore: 'app', body: 'line' },
  },
  splunk: {
    framed: { url: http, token: 't' },
    'framed, ids': { url: http, token: 't', idField: 'id' },
    raw: { url: http, token: 't', endpoint: 'raw' },
  },
  stdout: { raw: {} },
  syslog: {
    framed: { url: tcp },
    'framed, ids': { url: tcp, recordIdElement: 'shop@32473' },
    'framed, fields lifted': { url: tcp, structuredDataFrom: { 'shop@32473': ['trace_id'] } },
  },
  victorialogs: { raw: { url: http } },
};
