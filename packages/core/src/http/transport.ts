// Completes a destination that speaks HTTP: it brings the codec, this brings the connection.
// In: a name, a URL, limits, `encode` and what differs from the defaults. Out: a transport.
// Invariants: names and destinations hold no credentials, not even those of the URL; nothing is opened before a send.

import type { Batch } from '../batch.js';
import { SpillwayError } from '../errors.js';
import type { Idempotency, Limits, Recommended, Transport, Verdict } from '../transport.js';
import { classifyReply } from './classify.js';
import { chooseEncoding } from './compression.js';
import { destinationOf } from './location.js';
import type { HttpOptions } from './options.js';
import { proxyFor } from './proxy.js';
import { HttpSender } from './sender.js';
import type { Authorize, ContentEncoding, HttpReply, HttpWire, SecretHeader } from './types.js';

/** A destination that speaks HTTP. */
export interface HttpDefinition {
  /** Short name for stats and events. */
  readonly name: string;
  /** Where to send, with path and query. Credentials in it become an authorization header. */
  readonly url: string | URL;
  /** @default 'POST' */
  readonly method?: 'POST' | 'PUT';
  /** Parsed from the fields of {@link httpFields}. */
  readonly options: HttpOptions;
  readonly limits: Limits;
  readonly idempotency: Idempotency;
  readonly recommended?: Recommended;
  /** Constant headers, such as the content type. Names in lower case; the user's `headers` win. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the destination can decompress, best first. The pipeline's `send.compression` chooses among them. */
  readonly encodings: readonly ContentEncoding[];
  /** Pure: the same batch gives the same bytes, not compressed. */
  encode(batch: Batch): HttpWire;
  /** Takes back the memory of a body that `encode` made, when nobody reads it any more. */
  recycle?(body: Buffer): void;
  /** Pure: this destination's own replies; undefined for those that mean what they always mean. */
  classify?(reply: HttpReply, batch: Batch): Verdict | undefined;
  /** How much of a reply is kept, for destinations that answer for each record. @default 65536 */
  readonly maxReplyBytes?: number;
  /** A secret that this destination wants in a header of its own. */
  readonly secretHeader?: SecretHeader;
  /** Credentials beyond those of the common options. */
  readonly authorize?: Authorize;
  /** Replies that refuse the credentials, besides 401 and 403. */
  refuses?(reply: HttpReply): boolean;
}

/** Makes a transport of an HTTP destination.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` for `tls` where nothing on the way speaks it
 */
export function httpTransport(definition: HttpDefinition): Transport<HttpWire, HttpReply> {
  const { name, method = 'POST', options, limits, idempotency, recommended, encodings } = definition;
  const url = new URL(definition.url);
  refuseIdleTls(name, url, options);
  const headers = definition.headers ?? {};
  return {
    name,
    destination: destinationOf(url),
    limits,
    idempotency,
    ...(recommended && { recommended }),
    encode: (batch) => definition.encode(batch),
    recycle: (wire) => definition.recycle?.(wire.body),
    sizeOf: (wire) => wire.size ?? wire.body.length,
    classify: (reply, batch) => definition.classify?.(reply, batch) ?? classifyReply(reply),
    open(runtime, { compression, maxInFlight }) {
      const encoding = chooseEncoding(compression, encodings, name);
      const { authorize, refuses, secretHeader, maxReplyBytes } = definition;
      return new HttpSender({
        url,
        method,
        headers,
        options,
        authorize,
        refuses,
        secretHeader,
        maxReplyBytes,
        runtime,
        encoding,
        connections: maxInFlight,
      });
    },
  };
}

/** Behind an https:// proxy plain HTTP has its use for it. */
function refuseIdleTls(name: string, url: URL, { tls, proxy }: HttpOptions): void {
  if (!tls || url.protocol === 'https:' || proxyFor(url, proxy, process.env)?.protocol === 'https:') return;
  const message = `Expected no \`${name}.tls\` with http://, where it has no effect`;
  throw new SpillwayError('SPILLWAY_OPTIONS_INVALID', message);
}
