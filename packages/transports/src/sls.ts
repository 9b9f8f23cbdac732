// Alibaba Cloud Simple Log Service (SLS): PutLogs, in protobuf, signed.
// In: batches. Out: a log a record, with a content for each field, or with the line as it is.
// There is no key by which the service knows a repetition: delivery is at least once.

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import {
  choice,
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
  required,
  SpillwayError,
  type Transport,
  text,
} from '@spillway/core';
import { slsAuthorize, slsCredentials } from './sls-authorize.js';
import { slsCompressed } from './sls-compression.js';
import { SlsEncoder, slsOverhead } from './sls-logs.js';
import { classifyPutLogs, refusesSignature } from './sls-replies.js';
import type { Traits } from './traits.js';

/** Options of {@link sls}. */
export const slsOptions = object(
  {
    endpoint: required(
      text({
        pattern: /^(https?:\/\/)?[a-z0-9.[\]:-]+\/?$/i,
        expected: "a host such as 'cn-hangzhou.log.aliyuncs.com'",
        doc: 'Host of the service, such as `cn-hangzhou.log.aliyuncs.com`, or `cn-hangzhou-intranet.log.aliyuncs.com` within the region; or its address with `http://`.',
      }),
    ),
    project: required(text({ pattern: /^[\w-]{2,128}$/, expected: 'the name of a project', doc: 'Project.' })),
    logstore: required(text({ pattern: /^[\w-]{2,128}$/, expected: 'the name of a logstore', doc: 'Logstore.' })),
    region: text({
      pattern: /^[a-z0-9-]{1,64}$/,
      expected: "a region such as 'cn-hangzhou'",
      doc: 'Region, for signatures. Unset: that of the endpoint.',
    }),
    signature: choice(['v4', 'v1'], {
      doc: 'Version of signatures. Default: v4 where the region is known, else v1.',
    }),
    topic: text({ doc: 'Topic of all logs.' }),
    source: text({ doc: 'Source of all logs. Default: the name of the host.' }),
    tags: dictionary(text({ doc: 'Value.' }), { default: {}, doc: 'Tags of all logs, such as `env`.' }),
    body: choice(['fields', 'line'], {
      default: 'fields',
      doc: 'fields: a content for each top-level field. line: one content with the line as it is, and `level`; cheaper, for an index of the type JSON.',
    }),
    lineField: text({ default: 'content', doc: 'Name of the content that holds a line.' }),
    idField: text({
      doc: "Name of a content for the record's id, by which readers can tell repetitions. Default: none.",
    }),
    hashKey: text({
      doc: 'Keeps all logs of this transport in one shard, in order: any text, whose MD5 chooses the shard. Default: shards in turn.',
    }),
    lz4: flag({
      default: false,
      doc: 'Compresses with lz4 also where zstd could be had, for services that do not know zstd.',
    }),
    credentials: slsCredentials,
    ...httpFields(),
  },
  { doc: 'Alibaba Cloud Simple Log Service.' },
);

/** What users write. */
export type SlsOptions = Input<typeof slsOptions>;

/** Facts for the docs. */
export const slsTraits: Traits = {
  title: 'Alibaba Cloud Log Service (SLS)',
  body: 'transcoded',
  maxRequest: '10 MB before compression; we send 1 MiB and 4,096 logs',
  maxRecord: '1 MB',
  idempotency: 'none: a repeated batch is stored again',
  compression: 'zstd, lz4, deflate',
  auth: 'signatures 4 and 1: options, environment, credentials URI, RAM role of ECS',
  proven: "the vendor's own sls.proto and signatures made by its own SDK; no server to be had",
};

/** https://www.alibabacloud.com/help/en/sls/developer-reference/api-sls-2020-12-30-putlogs: "10 MB" of raw logs. */
const maxGroupBytes = 10_000_000;
/** What the vendor's producers put into a group at most. */
const maxLogs = 40_960;
/** "We recommend that the total size of the values for each log in a log group does not exceed 1 MB." */
const maxRecordBytes = 1_000_000;

/** Ships to Alibaba Cloud Log Service.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example sls({ endpoint: 'cn-hangzhou.log.aliyuncs.com', project: 'shop', logstore: 'api' })
 */
export function sls(options: SlsOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(slsOptions, options, 'sls');
  const { source = hostname(), credentials, lz4 } = parsed;
  const form = { ...parsed, source };
  const encoder = new SlsEncoder(form);
  const http = httpTransport({
    name: 'sls',
    url: storeUrl(parsed),
    options: parsed,
    encodings: [],
    headers: { 'content-type': 'application/x-protobuf', 'x-log-apiversion': '0.6.0' },
    limits: { maxBytes: maxGroupBytes, maxRecords: maxLogs, maxRecordBytes, overheadBytes: slsOverhead(form) },
    idempotency: 'none',
    recommended: { maxBytes: 1_048_576, maxRecords: 4096, lingerMs: 2000, maxInFlight: 2, timeoutMs: 30_000 },
    encode(batch) {
      const body = encoder.encode(batch);
      return { body, headers: { 'x-log-bodyrawsize': String(body.length) } };
    },
    classify: classifyPutLogs,
    authorize: slsAuthorize({ region: signingRegion(parsed), credentials }),
    refuses: refusesSignature,
  });
  return { ...http, open: (runtime, settings) => slsCompressed(http, { runtime, settings, lz4 }) };
}

type Options = Parsed<typeof slsOptions>;

/** The project is part of the host, but for addresses that have no names. */
function storeUrl({ endpoint, project, logstore, hashKey }: Options): URL {
  const url = new URL(endpoint.includes('://') ? endpoint : `https://${endpoint}`);
  const nameless = isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0 || url.hostname === 'localhost';
  if (!nameless && !url.hostname.startsWith(`${project}.`)) url.hostname = `${project}.${url.hostname}`;
  url.pathname = `/logstores/${logstore}/shards/${hashKey === undefined ? 'lb' : 'route'}`;
  if (hashKey !== undefined) url.searchParams.set('key', createHash('md5').update(hashKey).digest('hex'));
  return url;
}

/** The region for signatures of version 4, or undefined for those of version 1. */
function signingRegion({ signature, region, endpoint }: Options): string | undefined {
  if (signature === 'v1') return undefined;
  const named = /([a-z0-9-]+?)(?:-(?:intranet|internal|share|vpc))?\.log\.aliyuncs\.com(?::\d+)?\/?$/.exec(
    endpoint,
  )?.[1];
  const found = region ?? named;
  if (found !== undefined || signature === undefined) return found;
  throw new SpillwayError('SPILLWAY_OPTIONS_INVALID', 'Expected `sls.region` with signature v4, got nothing');
}
