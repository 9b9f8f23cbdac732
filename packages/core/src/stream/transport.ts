// Completes a destination that is reached over a stream: it brings the codec and the protocol, this brings the connection.
// In: a name, an address, limits, `encode`, `classify` and what is said on a connection. Out: a transport.
// Invariant: nothing is opened before a send.

import type { Batch } from '../batch.js';
import { chooseEncoding } from '../http/compression.js';
import type { ContentEncoding } from '../http/types.js';
import type { Idempotency, Limits, Recommended, Transport, Verdict } from '../transport.js';
import { type StreamAddress, showAddress } from './address.js';
import type { StreamOptions } from './options.js';
import { StreamSender } from './sender.js';
import type { StreamProtocol } from './types.js';

/** A destination that is reached over a stream. */
export interface StreamDefinition<Wire, Reply> {
  /** Short name for stats and events. */
  readonly name: string;
  /** The address as the user wrote it, and its parts. */
  readonly url: string;
  readonly address: StreamAddress;
  /** Parsed from the fields of {@link streamFields}. */
  readonly options: StreamOptions;
  readonly limits: Limits;
  readonly idempotency: Idempotency;
  readonly recommended?: Recommended;
  /** Pure: the same batch gives the same bytes. */
  encode(batch: Batch): Wire;
  sizeOf(wire: Wire): number;
  /** Pure: what a reply means for this batch. */
  classify(reply: Reply, batch: Batch): Verdict;
  /** What the destination can decompress, best first. @default none */
  readonly encodings?: readonly ContentEncoding[];
  /** What is said on a connection. Called when the transport is opened, with the compression to use. */
  protocol(encoding: ContentEncoding | undefined): StreamProtocol<Wire, Reply>;
}

/** Makes a transport of a destination that is reached over a stream. */
export function streamTransport<Wire, Reply>(definition: StreamDefinition<Wire, Reply>): Transport<Wire, Reply> {
  const { name, url, address, options, limits, idempotency, recommended } = definition;
  return {
    name,
    destination: showAddress(address, url),
    limits,
    idempotency,
    ...(recommended && { recommended }),
    encode: (batch) => definition.encode(batch),
    sizeOf: (wire) => definition.sizeOf(wire),
    classify: (reply, batch) => definition.classify(reply, batch),
    open(runtime, settings) {
      const protocol = definition.protocol(chooseEncoding(settings.compression, definition.encodings ?? [], name));
      return new StreamSender({ address, options, protocol, runtime });
    },
  };
}
