// Splunk, by its HTTP Event Collector: POST /services/collector/event or /services/collector/raw.
// In: batches. Out: an event a record, the line as it is. With acknowledgement a batch counts when indexers have written
// it; without, when the collector has taken it.

import { randomUUID } from 'node:crypto';
import {
  choice,
  dictionary,
  flag,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  milliseconds,
  object,
  type Parsed,
  parseOptions,
  required,
  size,
  type Transport,
  text,
  url,
} from '@spillway/core';
import { refuseWith } from './applicable.js';
import { reclaim } from './encode/byte-writer.js';
import { AckSender } from './splunk-acks.js';
import { type SplunkForm, splunkEvents, splunkOverhead } from './splunk-events.js';
import { ackIdOf, classifySplunk, withoutAck } from './splunk-replies.js';
import type { Traits } from './traits.js';

const printable = /^[\x21-\x7e]+$/;

/** Options of {@link splunk}. */
export const splunkOptions = object(
  {
    url: required(
      url({
        doc: "The collector's address, with its port, 8088 by default; without a path, that of the endpoint is added.",
      }),
    ),
    token: text({ secret: true, pattern: printable, expected: 'a token', doc: 'Token of the collector.' }),
    tokenFile: text({ doc: 'File that holds the token; read again when it changes or after a 401 or 403.' }),
    endpoint: choice(['event', 'raw'], {
      default: 'event',
      doc: 'event: each record in an envelope with its time. raw: the lines alone, which Splunk breaks and dates by the rules of the source type.',
    }),
    index: text({ doc: "Index. Default: the token's." }),
    source: text({ doc: "Source. Default: the token's." }),
    sourcetype: text({ default: '_json', doc: 'Source type; `_json` makes fields of the members of each line.' }),
    host: text({ doc: 'Host. Default: what the collector takes us for.' }),
    fields: dictionary(text({ doc: 'Value.' }), {
      default: {},
      doc: 'Endpoint event: indexed fields of all events, such as `env`.',
    }),
    idField: text({
      doc: "Endpoint event: name of an indexed field for the record's id, by which readers can tell repetitions. Default: none.",
    }),
    ack: flag({
      default: false,
      doc: 'Waits for indexer acknowledgement, which the token must have switched on. `send.maxInFlight` is 8 with it.',
    }),
    ackPollMs: milliseconds({ default: 1000, min: 100, max: 60_000, doc: 'With `ack`: how often to ask.' }),
    channel: text({
      pattern: /^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/,
      expected: 'a UUID',
      doc: 'Channel, which endpoint raw and `ack` need. Default: a new one.',
    }),
    maxEventBytes: size({ default: 5_242_880, min: 1024, doc: 'Longest record.' }),
    ...httpFields(),
  },
  { doc: 'Splunk.' },
);

/** What users write. */
export type SplunkOptions = Input<typeof splunkOptions>;

/** Facts for the docs. */
export const splunkTraits: Traits = {
  title: 'Splunk (HTTP Event Collector)',
  body: 'framed',
  maxRequest: '800 MiB (`max_content_length`), less in the cloud; we send 1 MiB',
  maxRecord: '5 MiB by default, an option; shown up to `TRUNCATE`',
  idempotency: 'none; indexer acknowledgement prevents loss, not repetition',
  compression: 'gzip',
  auth: 'token, headers, mutual TLS',
  proven: "the OpenTelemetry Collector's receiver, with acknowledgement",
};

/** Well below http_input's max_content_length of 838860800, and what proxies before it tend to take. */
const maxRequestBytes = 16_777_216;

/** Ships to Splunk.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example splunk({ url: 'https://splunk:8088', tokenFile: '/run/secrets/hec', index: 'shop' })
 */
export function splunk(options: SplunkOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(splunkOptions, options, 'splunk');
  const { endpoint, token, tokenFile, ack, ackPollMs, channel = randomUUID() } = parsed;
  if (endpoint === 'raw') refuseWith('splunk', options, 'endpoint raw', ['fields', 'idField']);
  if (!ack) refuseWith('splunk', options, 'ack off', ['ackPollMs']);
  const form: SplunkForm = parsed;
  const raw = endpoint === 'raw';
  const target = collectorUrl(parsed);
  const overheadBytes = raw ? 0 : splunkOverhead(form);
  const transport = httpTransport({
    name: 'splunk',
    url: target,
    options: parsed,
    encodings: ['gzip'],
    headers: {
      'content-type': 'application/json',
      ...((raw || ack) && { 'x-splunk-request-channel': channel }),
    },
    secretHeader: {
      name: 'authorization',
      option: 'token',
      value: token,
      file: tokenFile,
      format: (secret) => `Splunk ${secret}`,
    },
    limits: {
      maxBytes: Math.max(maxRequestBytes, parsed.maxEventBytes + overheadBytes),
      maxRecords: 50_000,
      maxRecordBytes: parsed.maxEventBytes,
      overheadBytes,
    },
    idempotency: 'none',
    recommended: {
      maxBytes: 1_048_576,
      maxRecords: 5000,
      lingerMs: 1000,
      // Acknowledgements take seconds, in which other batches may be on their way.
      ...(ack ? { maxInFlight: 8, timeoutMs: 120_000 } : { maxInFlight: 2, timeoutMs: 30_000 }),
    },
    encode: (batch) => ({ body: raw ? batch.bytes : splunkEvents(batch, form), headers: {} }),
    recycle: reclaim,
    classify(reply, batch) {
      const verdict = classifySplunk(reply, batch);
      return ack && verdict?.outcome === 'ack' && ackIdOf(reply) === undefined ? withoutAck(reply) : verdict;
    },
  });
  if (!ack) return transport;
  const path = `${target.pathname.replace(/\/(event|raw)(\/1\.0)?$/, '')}/ack`;
  return {
    ...transport,
    open: (runtime, settings) => new AckSender(transport.open(runtime, settings), { path, pollMs: ackPollMs, runtime }),
  };
}

function collectorUrl({ url: given, endpoint, ...metadata }: Parsed<typeof splunkOptions>): URL {
  const target = new URL(given);
  if (target.pathname === '/') target.pathname = `/services/collector/${endpoint}`;
  if (endpoint === 'raw') {
    const { index, source, sourcetype, host } = metadata;
    for (const [name, value] of Object.entries({ index, source, sourcetype, host })) {
      if (value !== undefined) target.searchParams.set(name, value);
    }
  }
  return target;
}
