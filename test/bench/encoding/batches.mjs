// The batches that all transports encode: what pino writes for a service that answers requests.
// Always true: the same bytes in every process.

import { Batch } from '@spillway/core';

/** Records of a batch: what the pipeline's defaults make of a busy service. */
export const recordsPerBatch = 1000;
const start = 1_700_000_000_000;

/** Different batches, so that no encoder meets the same bytes at once again. */
export function batches(count) {
  return Array.from({ length: count }, (_, b) => batch(b * recordsPerBatch));
}

function batch(first) {
  const lines = Array.from({ length: recordsPerBatch }, (_, i) => line(first + i));
  const buffers = lines.map((text) => Buffer.from(text));
  const offsets = new Uint32Array(lines.length + 1);
  buffers.forEach((buffer, i) => {
    offsets[i + 1] = offsets[i] + buffer.length;
  });
  return new Batch({
    writer: '0193f0a1b2c3d4e5f60718293a4',
    firstSequence: first + 1,
    bytes: Buffer.concat(buffers),
    offsets,
    times: Float64Array.from(lines, (_, i) => timeOf(first + i)),
    levels: Uint16Array.from(lines, (_, i) => levelOf(first + i)),
  });
}

const timeOf = (n) => start + n * 3;
const levelOf = (n) => (n % 20 === 0 ? 50 : 30);

function line(n) {
  const fields = {
    level: levelOf(n),
    time: timeOf(n),
    pid: 4242,
    hostname: 'web-1.example.com',
    trace_id: (n * 2_654_435_761).toString(16).padStart(32, 'a').slice(0, 32),
    req: { id: n, method: 'GET', url: `/orders/${n % 997}?page=${n % 7}&q="new"`, remoteAddress: '10.0.3.17' },
    res: { statusCode: n % 20 === 0 ? 500 : 200 },
    responseTime: (n % 400) + 0.25,
    msg: n % 20 === 0 ? 'request failed: größer als 1 MiB' : 'request completed',
  };
  return `${JSON.stringify(fields)}\n`;
}
