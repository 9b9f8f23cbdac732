// Amazon CloudWatch Logs: PutLogEvents, signed.
// In: batches. Out: an event a record, in the order of their times; the line is the message, as it is.
// A group and a stream that are not there are made when they are first missed. There is no key by which CloudWatch knows
// a repetition: delivery is at least once.

import { hostname } from 'node:os';
import {
  custom,
  dictionary,
  flag,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  object,
  optional,
  parseOptions,
  required,
  SpillwayError,
  type Transport,
  text,
  url,
} from '@spillway/core';
import { refuseWith } from './applicable.js';
import { awsAuthorize, awsCredentials, awsRegion, endpointOf, regionOf } from './aws-authorize.js';
import { awsHost } from './aws-sources.js';
import { countedBytes, encodeEvents, eventBytes } from './cloudwatch-events.js';
import { LogPlace, operation } from './cloudwatch-place.js';
import { classifyPut, refusesKeys } from './cloudwatch-replies.js';
import type { Traits } from './traits.js';

/** What PutRetentionPolicy takes. */
const retentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const entityValues = (doc: string) =>
  dictionary(text({ pattern: /^.{1,512}$/u, expected: 'a string of at most 512 characters', doc: 'Value.' }), {
    default: {},
    doc,
  });

/** Options of {@link cloudwatch}. */
export const cloudwatchOptions = object(
  {
    logGroup: required(
      text({
        pattern: /^[.\-_/#A-Za-z0-9]{1,512}$/,
        expected: 'the name of a log group: letters, digits and . - _ / #',
        doc: 'Log group, such as `/shop/api`.',
      }),
    ),
    logStream: text({
      pattern: /^[^:*\p{Cc}]{1,512}$/u,
      expected: 'the name of a log stream, without : and *',
      doc: 'Log stream. Default: the name of the host, which on Kubernetes is that of the pod. Several writers may share one.',
    }),
    create: flag({ default: true, doc: 'Makes the group and the stream if they are missing.' }),
    retentionDays: custom<number>({
      expected: `a number of days that CloudWatch knows: ${retentions.join(', ')}`,
      check: (value) => (retentions.includes(value as number) ? (value as number) : undefined),
      doc: 'For how long a group that is made keeps its events. Unset: for ever.',
    }),
    entity: optional(
      object(
        {
          keyAttributes: entityValues('What identifies it, such as `Type`, `Name`, `Environment`: two to four.'),
          attributes: entityValues('What else is known of it, such as `PlatformType`: at most ten.'),
        },
        { doc: 'The service that the events belong to, for Application Signals and Explore related.' },
      ),
    ),
    region: awsRegion,
    endpoint: url({
      doc: 'Address instead of that of AWS, such as of a VPC endpoint. Unset: `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`, else AWS.',
    }),
    credentials: awsCredentials,
    ...httpFields(),
  },
  { doc: 'Amazon CloudWatch Logs.' },
);

/** What users write. */
export type CloudwatchOptions = Input<typeof cloudwatchOptions>;

/** Facts for the docs. */
export const cloudwatchTraits: Traits = {
  title: 'Amazon CloudWatch Logs',
  body: 'escaped',
  maxRequest: '1 MiB, counting 26 bytes beside each message; 10,000 records; 24 hours',
  maxRecord: '1 MiB less 26 bytes',
  idempotency: 'none: a repeated batch is stored again',
  compression: 'none',
  auth: 'AWS signature 4: options, environment, EKS, shared files, ECS, EC2',
  proven: "moto, read back through its interface; requests checked by AWS' own service model, signatures by aws4",
};

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
const maxBatchBytes = 1_048_576;
const maxEvents = 10_000;
const maxSpanMs = 86_400_000;

/** Ships to CloudWatch Logs.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example cloudwatch({ logGroup: '/shop/api', region: 'eu-central-1', retentionDays: 30 })
 */
export function cloudwatch(options: CloudwatchOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(cloudwatchOptions, options, 'cloudwatch');
  const { logGroup, logStream = ownStream(), create, retentionDays, entity } = parsed;
  if (!create) refuseWith('cloudwatch', options, 'create off', ['retentionDays']);
  if (entity) checkEntity(entity);
  const region = regionOf(parsed.region, 'cloudwatch');
  const given = endpointOf(parsed.endpoint, 'AWS_ENDPOINT_URL_CLOUDWATCH_LOGS');
  const form = { logGroup, logStream, entity };
  const http = httpTransport({
    name: 'cloudwatch',
    url: given ?? `https://${awsHost('logs', region)}/`,
    options: parsed,
    encodings: [],
    headers: operation('PutLogEvents'),
    limits: {
      maxBytes: maxBatchBytes,
      maxRecords: maxEvents,
      maxRecordBytes: maxBatchBytes - eventBytes,
      overheadBytes: eventBytes,
      maxSpanMs,
    },
    idempotency: 'none',
    recommended: { maxBytes: maxBatchBytes, maxRecords: maxEvents, lingerMs: 1000, maxInFlight: 2, timeoutMs: 15_000 },
    encode: (batch) => ({ body: encodeEvents(batch, form), headers: {}, size: countedBytes(batch) }),
    classify: (reply, batch) => classifyPut(reply, batch, create),
    authorize: awsAuthorize({ region, service: 'logs', credentials: parsed.credentials }),
    refuses: refusesKeys,
  });
  if (!create) return http;
  const place = { logGroup, logStream, retentionDays };
  return { ...http, open: (runtime, settings) => new LogPlace(http.open(runtime, settings), place) };
}

function ownStream(): string {
  return hostname().replace(/[:*]/g, '-') || 'unknown';
}

interface Entity {
  readonly keyAttributes: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, string>>;
}

/** CloudWatch would take the events and leave out an entity of another shape. */
function checkEntity({ keyAttributes, attributes }: Entity): void {
  const keys = Object.keys(keyAttributes).length;
  const others = Object.keys(attributes).length;
  if (keys >= 2 && keys <= 4 && others <= 10) return;
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected \`cloudwatch.entity\` to have 2 to 4 \`keyAttributes\` and at most 10 \`attributes\`, got ${keys} and ${others}`,
  );
}
