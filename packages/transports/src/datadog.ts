// Datadog's logs intake, version 2: POST /api/v2/logs.
// In: batches. Out: an array of logs, the lines as they are, with what Datadog reads put before them.
// There is no key by which it knows a repetition: delivery is at least once.

import {
  dictionary,
  flag,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  object,
  type Parsed,
  parseOptions,
  type Transport,
  text,
  url,
  withDefaultPath,
} from '@spillway/core';
import { readEnvironment } from './datadog-environment.js';
import { type DatadogForm, datadogEncoder, datadogOverhead } from './datadog-logs.js';
import { reclaim } from './encode/byte-writer.js';
import type { Traits } from './traits.js';

const keyPattern = { pattern: /^[\x21-\x7e]+$/, expected: 'an API key' };

/** Options of {@link datadog}. */
export const datadogOptions = object(
  {
    site: text({
      pattern: /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
      expected: "a site such as 'datadoghq.eu'",
      doc: 'Site of the account. Unset: `DD_SITE`, else `datadoghq.com`.',
    }),
    url: url({ doc: 'Another intake instead of that of the site; without a path, `/api/v2/logs` is added.' }),
    apiKey: text({ secret: true, ...keyPattern, doc: 'API key. Unset: `DD_API_KEY`.' }),
    apiKeyFile: text({ doc: 'File that holds the API key; read again when it changes or after a 401 or 403.' }),
    service: text({ doc: 'Service. Unset: `DD_SERVICE`.' }),
    source: text({ default: 'nodejs', doc: '`ddsource`, by which Datadog chooses its pipeline.' }),
    hostname: text({ doc: 'Host of lines that name none, as pino does in `hostname`. Unset: `DD_HOSTNAME`.' }),
    tags: dictionary(text({ pattern: /^[^,\s]+$/, expected: 'text without commas and spaces', doc: 'Value.' }), {
      default: {},
      keys: text({ pattern: /^[^,:\s]+$/, expected: 'text without commas, colons and spaces', doc: 'Key.' }),
      doc: '`ddtags`, such as `env` and `version`. They win over `DD_ENV`, `DD_VERSION` and `DD_TAGS`.',
    }),
    messageField: text({ default: 'msg', doc: 'Field that becomes `message`.' }),
    idField: text({
      doc: "Name of an attribute for the record's id, by which readers can tell repetitions. Default: none.",
    }),
    environment: flag({ default: true, doc: 'Whether the `DD_*` variables fill in what is not given here.' }),
    ...httpFields(),
  },
  { doc: 'Datadog.' },
);

/** What users write. */
export type DatadogOptions = Input<typeof datadogOptions>;

/** Facts for the docs. */
export const datadogTraits: Traits = {
  title: 'Datadog (logs intake v2)',
  body: 'framed',
  maxRequest: '5 MB, 1,000 records',
  maxRecord: '1 MB; Datadog would cut longer ones',
  idempotency: 'none: a repeated batch is stored again',
  compression: 'gzip, deflate',
  auth: 'API key',
  proven: "VictoriaLogs' Datadog intake, read back through LogsQL, and the models of Datadog's own client",
};

// https://docs.datadoghq.com/api/latest/logs/#send-logs
const maxRequestBytes = 5_000_000;
const maxRecords = 1000;
const maxLogBytes = 1_000_000;

/** Ships to Datadog.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example datadog({ site: 'datadoghq.eu', apiKeyFile: '/run/secrets/datadog', service: 'shop', tags: { env: 'prod' } })
 */
export function datadog(options: DatadogOptions = {}): Transport<HttpWire, HttpReply> {
  const given = parseOptions(datadogOptions, options, 'datadog');
  const known = parseOptions(datadogOptions, given.environment ? readEnvironment(process.env) : {}, 'DD');
  const site = given.site ?? known.site ?? 'datadoghq.com';
  const form: DatadogForm = { ...given, constants: constantsOf(given, known) };
  const encode = datadogEncoder(form);
  const overheadBytes = datadogOverhead(form);
  return httpTransport({
    name: 'datadog',
    url: withDefaultPath(given.url ?? `https://http-intake.logs.${site}`, '/api/v2/logs'),
    options: given,
    encodings: ['gzip', 'deflate'],
    headers: { 'content-type': 'application/json' },
    secretHeader: {
      name: 'dd-api-key',
      option: 'apiKey',
      value: given.apiKey ?? (given.apiKeyFile === undefined ? known.apiKey : undefined),
      file: given.apiKeyFile,
    },
    limits: { maxBytes: maxRequestBytes, maxRecords, maxRecordBytes: maxLogBytes - overheadBytes, overheadBytes },
    idempotency: 'none',
    // It takes logs of up to 18 hours ago: after an outage the oldest have the least time left.
    recommended: {
      maxBytes: 4_194_304,
      lingerMs: 2000,
      maxInFlight: 2,
      timeoutMs: 15_000,
      drain: 'oldestFirst',
    },
    encode: (batch) => ({ body: encode(batch), headers: {} }),
    recycle: reclaim,
  });
}

type Settings = Parsed<typeof datadogOptions>;

function constantsOf(given: Settings, known: Settings): Record<string, string> {
  const tags = Object.entries({ ...known.tags, ...given.tags }).map(([key, value]) => `${key}:${value}`);
  const service = given.service ?? known.service;
  const hostname = given.hostname ?? known.hostname;
  return {
    ddsource: given.source,
    ...(tags.length > 0 && { ddtags: tags.join(',') }),
    ...(hostname && { hostname }),
    ...(service && { service }),
  };
}
