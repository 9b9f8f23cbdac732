// Google Cloud Logging: entries.write, in JSON, with a token of Google's.
// In: batches. Out: an entry a record, whose payload is the line as it is. Entries have ids by which Cloud Logging shows a
// repetition once.

import {
  custom,
  dictionary,
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
  url,
} from '@spillway/core';
import { encodeEntries, entryOverhead, requestHead } from './google-cloud-entries.js';
import { classifyWrite } from './google-cloud-replies.js';
import { type GoogleKey, keyOf } from './google-key.js';
import { googleAuthorize } from './google-tokens.js';
import type { Traits } from './traits.js';

const value = text({ doc: 'Value.' });

/** Options of {@link googleCloud}. */
export const googleCloudOptions = object(
  {
    logName: required(
      text({
        pattern: /^((projects|organizations|billingAccounts|folders)\/[\w.:-]{1,100}\/logs\/)?[\w./-]{1,511}$/,
        expected: 'the id of a log: letters, digits and / _ - .',
        doc: 'Log, such as `shop`; or its full name, such as `folders/123/logs/shop`.',
      }),
    ),
    projectId: text({
      pattern: /^[a-z0-9][a-z0-9.:-]{0,99}$/,
      expected: 'the id of a project',
      doc: 'Project of the log and of traces. Unset: `GOOGLE_CLOUD_PROJECT`, `GCLOUD_PROJECT`, or that of `credentials`.',
    }),
    resource: object(
      {
        type: text({
          default: 'global',
          pattern: /^[\w./-]{1,256}$/,
          expected: 'the type of a monitored resource',
          doc: 'Type of the monitored resource, such as `k8s_container`, `cloud_run_revision`, `generic_node`.',
        }),
        labels: dictionary(value, { default: {}, doc: 'Its labels, as the type has them. `project_id` is added.' }),
      },
      { doc: 'What the entries come from.' },
    ),
    labels: dictionary(value, { default: {}, doc: 'Labels of all entries, such as `env`; at most 64.' }),
    messageField: text({
      default: 'msg',
      doc: "Field whose name becomes `message`, which is what the console shows. pino's `msg` by default.",
    }),
    credentials: custom<GoogleKey>({
      secret: true,
      expected: 'the contents of a credentials file of Google, as an object or as JSON',
      check: keyOf,
      doc: 'Contents of a credentials file: a service account key, or the configuration of workload identity federation.',
    }),
    credentialsFile: text({
      doc: "Path of such a file; read again for each token. Unset: `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's own file, the metadata server (GKE, Cloud Run, Compute Engine), in this order.",
    }),
    endpoint: url({ default: 'https://logging.googleapis.com', doc: 'Address instead of the usual one.' }),
    ...httpFields(),
  },
  { doc: 'Google Cloud Logging.' },
);

/** What users write. */
export type GoogleCloudOptions = Input<typeof googleCloudOptions>;

/** Facts for the docs. */
export const googleCloudTraits: Traits = {
  title: 'Google Cloud Logging',
  body: 'framed',
  maxRequest: '10 MB; we send 1 MiB and 1,000 entries',
  maxRecord: '250 KB (an entry may have 256 KiB)',
  idempotency: 'record: `insertId`, in queries; exports may hold both',
  compression: 'none',
  auth: 'service account, metadata server, workload identity federation, gcloud, bearer',
  proven: "Google's own protocol buffers as the decoder and its own client library beside ours; no server to be had",
};

/** https://cloud.google.com/logging/quotas: "Size of an entries.write request: 10 MB". Below, as it does not say which MB. */
const maxRequestBytes = 9_500_000;
/** An entry may have 256 KiB, "based on internal data sizes"; some room for its names. */
const maxRecordBytes = 250_000;
/** The errors of 1,000 entries. */
const maxReplyBytes = 1_048_576;

/** Ships to Google Cloud Logging.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example googleCloud({ logName: 'shop', projectId: 'my-project' })
 */
export function googleCloud(options: GoogleCloudOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(googleCloudOptions, options, 'google-cloud');
  const { labels, messageField, credentials, credentialsFile } = parsed;
  const projectId = projectOf(parsed);
  const form = {
    logName: fullName(parsed.logName, projectId),
    projectId,
    resource: { type: parsed.resource.type, labels: { project_id: projectId, ...parsed.resource.labels } },
    labels,
    messageField,
  };
  const head = requestHead(form);
  return httpTransport({
    name: 'google-cloud',
    url: new URL('/v2/entries:write', parsed.endpoint),
    options: parsed,
    encodings: [],
    headers: { 'content-type': 'application/json' },
    limits: {
      maxBytes: maxRequestBytes,
      maxRecords: 10_000,
      maxRecordBytes,
      overheadBytes: entryOverhead(form),
    },
    idempotency: 'record',
    recommended: { maxBytes: 1_048_576, maxRecords: 1000, lingerMs: 1000, maxInFlight: 2, timeoutMs: 30_000 },
    maxReplyBytes,
    encode: (batch) => ({ body: encodeEntries(batch, form, head), headers: {} }),
    classify: classifyWrite,
    authorize: googleAuthorize({ credentials, credentialsFile }),
  });
}

type Options = Parsed<typeof googleCloudOptions>;

function projectOf({ projectId, credentials }: Options): string {
  const { GOOGLE_CLOUD_PROJECT, GCLOUD_PROJECT } = process.env;
  const found = projectId || GOOGLE_CLOUD_PROJECT || GCLOUD_PROJECT || credentials?.project_id;
  if (found && /^[a-z0-9][a-z0-9.:-]{0,99}$/.test(found)) return found;
  throw invalid('`google-cloud.projectId` or GOOGLE_CLOUD_PROJECT to be the id of a project, got neither');
}

/** Slashes of a log's id are part of its name, and are encoded. */
function fullName(logName: string, projectId: string): string {
  const [, parent = `projects/${projectId}/logs/`, id] = /^(\w+\/[^/]+\/logs\/)?(.*)$/s.exec(logName)!;
  return `${parent}${encodeURIComponent(id!)}`;
}

function invalid(expected: string): SpillwayError {
  return new SpillwayError('SPILLWAY_OPTIONS_INVALID', `Expected ${expected}`);
}
