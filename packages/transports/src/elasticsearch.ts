// Elasticsearch and OpenSearch, and what speaks their protocol: POST /<data stream>/_bulk.
// In: batches. Out: `create` actions, the only kind that data streams take, over the logger's own bytes.
// With ids, which are the default, a record that was sent twice is stored once within one backing index.

import {
  choice,
  flag,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  object,
  optional,
  parseOptions,
  SpillwayError,
  type Transport,
  text,
  url,
} from '@spillway/core';
import { awsAuthorize, awsCredentials, awsRegion, regionOf } from './aws-authorize.js';
import { bulkOverhead, encodeBulk, hasDate } from './elasticsearch-bulk.js';
import { classifyBulk } from './elasticsearch-replies.js';
import { reclaim } from './encode/byte-writer.js';
import type { Traits } from './traits.js';

/** Options of {@link elasticsearch}. */
export const elasticsearchOptions = object(
  {
    url: url({
      doc: "The server's address; a path is kept before `/<index>/_bulk`. One that ends in `/_bulk` is taken as it is.",
    }),
    cloudId: text({
      pattern: /^[^:]*:[A-Za-z0-9+/=]+$/,
      expected: 'a cloud id: `name:base64`',
      doc: 'Elastic Cloud deployment, instead of `url`.',
    }),
    index: text({
      default: 'logs-app-default',
      pattern: /^(?![-_+.])(?:[^\\/*?"<>|\s,#:A-Z{}]|\{(?:yyyy|MM|dd|HH|[-._])+\})+$/,
      expected: 'a name in lower case without \\ / * ? " < > | , # : and spaces; parts of the date as in {yyyy.MM.dd}',
      doc: "Data stream, index or alias. Parts of the record's date may stand in braces, as in `app-{yyyy.MM.dd}`.",
    }),
    ids: flag({
      default: true,
      doc: 'Gives each document the id of its record, so that a replay does not store it twice. Off: a little faster, and the only way for OpenSearch Serverless.',
    }),
    timestamp: flag({
      default: true,
      doc: 'Adds `@timestamp` to documents that have none. Off: an ingest pipeline does it, or the index needs none.',
    }),
    pipeline: text({ doc: 'Ingest pipeline to run.' }),
    apiKey: text({
      secret: true,
      pattern: /^[\x21-\x7e]+$/,
      expected: 'an API key',
      doc: 'API key of Elasticsearch: the encoded form, or `id:key`.',
    }),
    apiKeyFile: text({ doc: 'File that holds the API key; read again when it changes or after a 401.' }),
    aws: optional(
      object(
        {
          service: choice(['es', 'aoss'], {
            default: 'es',
            doc: 'Amazon OpenSearch Service, or its Serverless kind, which wants `ids: false`.',
          }),
          region: awsRegion,
          credentials: awsCredentials,
        },
        { doc: 'Signs requests for OpenSearch on AWS.' },
      ),
    ),
    ...httpFields(),
  },
  { doc: 'Elasticsearch and OpenSearch.' },
);

/** What users write. */
export type ElasticsearchOptions = Input<typeof elasticsearchOptions>;

/** Facts for the docs. */
export const elasticsearchTraits: Traits = {
  title: 'Elasticsearch and OpenSearch',
  body: 'framed',
  maxRequest: '100 MB (`http.max_content_length`); we send up to 5 MiB',
  maxRecord: '10 MiB',
  idempotency: 'record: `_id`, within one backing index',
  compression: 'gzip',
  auth: 'API key, basic, bearer, headers, mutual TLS, AWS signature 4',
  proven: 'OpenSearch and VictoriaLogs, read back through their search',
};

/** http.max_content_length of both servers; it counts the body after decompression. */
const maxRequestBytes = 104_857_600;
/** A document beyond is a mistake, not a log line. */
const maxRecordBytes = 10_485_760;
/** The statuses of 5,000 records with an error each; an answer beyond is read as far as that. */
const maxReplyBytes = 4_194_304;
const filterPath = 'took,errors,items.*.status,items.*.error.type,items.*.error.reason';

/** Ships to Elasticsearch or OpenSearch.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example elasticsearch({ url: 'https://es:9200', index: 'logs-shop-prod', apiKeyFile: '/run/secrets/es' })
 */
export function elasticsearch(options: ElasticsearchOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(elasticsearchOptions, options, 'elasticsearch');
  const { index, ids, timestamp, pipeline, apiKey, aws } = parsed;
  const target = bulkUrl(parsed);
  const form = { ids, timestamp, index: target.named ? undefined : index };
  if (pipeline) target.url.searchParams.set('pipeline', pipeline);
  if (!target.url.searchParams.has('filter_path')) target.url.searchParams.set('filter_path', filterPath);
  return httpTransport({
    name: 'elasticsearch',
    url: target.url,
    options: parsed,
    encodings: ['gzip'],
    headers: { 'content-type': 'application/x-ndjson' },
    limits: {
      maxBytes: maxRequestBytes,
      maxRecords: 50_000,
      maxRecordBytes,
      overheadBytes: bulkOverhead + Buffer.byteLength(index),
    },
    idempotency: ids ? 'record' : 'none',
    recommended: { maxBytes: 5_242_880, maxRecords: 5000, lingerMs: 1000, maxInFlight: 2, timeoutMs: 30_000 },
    maxReplyBytes,
    ...(aws && {
      authorize: awsAuthorize({
        service: aws.service,
        region: regionOf(aws.region, 'elasticsearch.aws'),
        credentials: aws.credentials,
      }),
    }),
    secretHeader: {
      name: 'authorization',
      option: 'apiKey',
      value: apiKey,
      file: parsed.apiKeyFile,
      format: (key) => `ApiKey ${key.includes(':') ? Buffer.from(key).toString('base64') : key}`,
    },
    encode: (batch) => ({ body: encodeBulk(batch, form), headers: {} }),
    recycle: reclaim,
    classify: classifyBulk,
  });
}

interface Place {
  readonly url: string | undefined;
  readonly cloudId: string | undefined;
  readonly index: string;
}

interface Target {
  readonly url: URL;
  /** Whether the URL names the index, so that action lines need not. */
  readonly named: boolean;
}

function bulkUrl({ url: given, cloudId, index }: Place): Target {
  if ((given === undefined) === (cloudId === undefined)) {
    throw new SpillwayError(
      'SPILLWAY_OPTIONS_INVALID',
      `Expected either \`elasticsearch.url\` or \`elasticsearch.cloudId\`, got ${given === undefined ? 'neither' : 'both'}`,
    );
  }
  const base = given === undefined ? cloudUrl(cloudId!) : new URL(given);
  if (base.pathname.endsWith('/_bulk')) return { url: base, named: false };
  const named = !hasDate(index);
  base.pathname = `${base.pathname.replace(/\/+$/, '')}${named ? `/${encodeURIComponent(index)}` : ''}/_bulk`;
  return { url: base, named };
}

/** `name:base64("<host>[:port]$<uuid of Elasticsearch>[:port]$<uuid of Kibana>")` stands for `https://<uuid>.<host>`. */
function cloudUrl(cloudId: string): URL {
  const [host = '', id = ''] = Buffer.from(cloudId.slice(cloudId.indexOf(':') + 1), 'base64')
    .toString()
    .split('$');
  const [hostName, hostPort] = host.split(':');
  const [idName, idPort] = id.split(':');
  const address = `https://${idName}.${hostName}:${idPort ?? hostPort ?? 443}`;
  if (!idName || !hostName || !URL.canParse(address)) {
    throw new SpillwayError(
      'SPILLWAY_OPTIONS_INVALID',
      'Expected `elasticsearch.cloudId` to name a host and a cluster',
    );
  }
  return new URL(address);
}
