// S3 and what speaks its protocol: PUT of an object for each batch.
// In: batches. Out: objects of NDJSON, by day and hour, whose names follow from the batch.
// A repetition meets the object that is there already (`If-None-Match: *`), so that each batch is stored once.

import {
  flag,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  object,
  parseOptions,
  required,
  type Transport,
  text,
  url,
} from '@spillway/core';
import { awsAuthorize, awsCredentials, awsRegion, endpointOf, regionOf } from './aws-authorize.js';
import { awsHost } from './aws-sources.js';
import { encodeRfc3986 } from './encode/sigv4.js';
import { gzipped } from './gzip-sender.js';
import { classifyPut } from './s3-replies.js';
import type { Traits } from './traits.js';

/** Options of {@link s3}. */
export const s3Options = object(
  {
    bucket: required(
      text({ pattern: /^[a-zA-Z0-9][\w.-]{1,62}$/, expected: 'the name of a bucket', doc: 'Bucket. It must exist.' }),
    ),
    prefix: text({
      default: 'logs/',
      pattern: /^(?!\/)(?!.*\/\/)(?!(?:.*\/)?\.{1,2}(?:\/|$))[^\p{Cc}\\]{1,512}$/u,
      expected: 'the beginning of a name, not of `/`, without empty, `.` and `..` parts',
      doc: 'What the names of objects begin with, such as `logs/app=shop/`.',
    }),
    region: awsRegion,
    endpoint: url({
      doc: 'Address of a store that is not of AWS, such as `http://minio:9000`. Unset: `AWS_ENDPOINT_URL_S3`, else AWS.',
    }),
    pathStyle: flag({
      doc: 'Whether the bucket stands in the path rather than in the host. Unset: with an `endpoint`, and for names with dots.',
    }),
    overwrite: flag({
      default: false,
      doc: 'Leaves out `If-None-Match`, for stores that do not know it: a repetition then writes the same object again.',
    }),
    credentials: awsCredentials,
    ...httpFields(),
  },
  { doc: 'S3.' },
);

/** What users write. */
export type S3Options = Input<typeof s3Options>;

/** Facts for the docs. */
export const s3Traits: Traits = {
  title: 'S3',
  body: 'raw',
  maxRequest: '5 GB; we send up to 16 MiB',
  maxRecord: '16 MiB',
  idempotency: 'batch: the name of the object, for ever',
  compression: 'gzip',
  auth: 'AWS signature 4: options, environment, EKS, shared files, ECS, EC2',
  proven: 'moto, read back through its S3 interface; signatures by published vectors and aws4',
};

/** A PUT may have 5 GB; larger objects than this would mean much memory and long retries. */
const maxRequestBytes = 67_108_864;

/** Ships to S3.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example s3({ bucket: 'shop-logs', region: 'eu-central-1', prefix: 'logs/app=shop/' })
 */
export function s3(options: S3Options): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(s3Options, options, 's3');
  const region = regionOf(parsed.region, 's3');
  const base = bucketUrl(parsed, region);
  const folder = `${base.pathname.replace(/\/+$/, '')}/${parsed.prefix.split('/').map(encodeRfc3986).join('/')}`;
  const http = httpTransport({
    name: 's3',
    url: base,
    method: 'PUT',
    options: parsed,
    encodings: [],
    headers: { 'content-type': 'application/x-ndjson', ...(!parsed.overwrite && { 'if-none-match': '*' }) },
    limits: { maxBytes: maxRequestBytes, maxRecords: 1_000_000, maxRecordBytes: 16_777_216, overheadBytes: 0 },
    idempotency: 'batch',
    recommended: { maxBytes: 16_777_216, maxRecords: 200_000, lingerMs: 60_000, maxInFlight: 2, timeoutMs: 120_000 },
    encode: ({ bytes, times, id }) => ({ body: bytes, headers: {}, path: `${folder}${hourOf(times[0]!)}${id}.ndjson` }),
    classify: classifyPut,
    authorize: awsAuthorize({ region, service: 's3', credentials: parsed.credentials }),
    // Old keys and strange clocks are refused with these too: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    refuses: ({ status, body }) => status === 400 && /<Code>(ExpiredToken|TokenRefreshRequired)</.test(body.toString()),
  });
  return { ...http, open: (runtime, settings) => gzipped(http, runtime, settings) };
}

type Parsed = ReturnType<(typeof s3Options)['parse']>;

function bucketUrl({ bucket, endpoint, pathStyle }: Parsed, region: string): URL {
  const given = endpointOf(endpoint, 'AWS_ENDPOINT_URL_S3');
  const base = new URL(given ?? `https://${awsHost('s3', region)}`);
  // A certificate for *.s3.<region>.amazonaws.com does not cover names with dots.
  if (pathStyle ?? (given !== undefined || bucket.includes('.'))) {
    base.pathname = `${base.pathname.replace(/\/+$/, '')}/${bucket}`;
  } else base.hostname = `${bucket}.${base.hostname}`;
  return base;
}

/** `dt=2023-11-14/hour=22/`, of the batch's first record: as Hive, Athena and Spark read partitions. */
function hourOf(ms: number): string {
  const iso = new Date(Math.min(Math.max(ms, 0), 253_402_300_799_999)).toISOString();
  return `dt=${iso.slice(0, 10)}/hour=${iso.slice(11, 13)}/`;
}
