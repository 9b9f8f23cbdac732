// Completes a destination that takes datagrams: UDP.
// In: a name, an address, limits and `encode`. Out: a transport.
// An ack says that the operating system took all datagrams of the batch, and that the destination's machine did not say for
// a while that nobody listens there. It is no more than that: UDP loses packets without telling.

import type { Batch } from '../batch.js';
import { chooseEncoding } from '../http/compression.js';
import type { Limits, Recommended, Transport, Verdict } from '../transport.js';
import { showAddress } from './address.js';
import { type DatagramReply, DatagramSender, type DatagramSettings, type DatagramWire } from './datagram-sender.js';

/** A destination that takes datagrams. */
export interface DatagramDefinition extends DatagramSettings {
  /** Short name for stats and events. */
  readonly name: string;
  /** The address as the user wrote it. */
  readonly url: string;
  readonly limits: Limits;
  readonly recommended?: Recommended;
  /** Pure: the same batch gives the same bytes. */
  encode(batch: Batch): DatagramWire;
}

/** Makes a transport of a destination that takes datagrams. */
export function datagramTransport(definition: DatagramDefinition): Transport<DatagramWire, DatagramReply> {
  const { name, url, address, limits, recommended } = definition;
  return {
    name,
    destination: showAddress(address, url),
    limits,
    idempotency: 'none',
    ...(recommended && { recommended }),
    encode: (batch) => definition.encode(batch),
    sizeOf: ({ records }) => records.reduce((sum, parts) => parts.reduce((s, part) => s + part.length, sum), 0),
    classify: classifyDatagrams,
    open(runtime, { compression }) {
      chooseEncoding(compression, [], name);
      return new DatagramSender(definition, runtime);
    },
  };
}

function classifyDatagrams({ tooLarge }: DatagramReply, { count }: Batch): Verdict {
  if (tooLarge.length === 0) return { outcome: 'ack' };
  const reason = 'datagram too large for the network (EMSGSIZE)';
  return count === 1 ? { outcome: 'reject', reason } : { outcome: 'partial', retry: [], reject: tooLarge, reason };
}
