// Compression of request bodies: off the event loop, once per wire.
// In: a body and what the destination takes. Out: the body to send and its encoding.
// Invariant: every attempt at a wire sends the same bytes, which is what makes destinations recognize a repetition.

import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { pieceBytes } from '../compressed-piece.js';
import { SpillwayError } from '../errors.js';
import type { SendSettings } from '../transport.js';
import type { ContentEncoding } from './types.js';

/** Below this many bytes compression saves less than it costs. */
const minBytes = 1024;

interface Encoded {
  readonly body: Buffer;
  readonly encoding?: ContentEncoding;
}

type Compressor = (body: Buffer) => Promise<Buffer>;

// Logs compress about 12:1 at level 1 already; higher levels cost several times the CPU for a few percent.
const gzip = promisify(zlib.gzip) as (body: Buffer, options: zlib.ZlibOptions) => Promise<Buffer>;
const deflate = promisify(zlib.deflate) as (body: Buffer, options: zlib.ZlibOptions) => Promise<Buffer>;
const compressors: Partial<Record<ContentEncoding, Compressor>> = {
  gzip: (body) => gzip(body, deflateOptions(body)),
  deflate: (body) => deflate(body, deflateOptions(body)),
};

function deflateOptions({ length }: Buffer): zlib.ZlibOptions {
  return { level: 1, chunkSize: pieceBytes(length) };
}

/** zstd is part of Node.js from 22.15 and 23.8. */
interface WithZstd {
  zstdCompress?(body: Buffer, options: object, done: (error: Error | null, result: Buffer) => void): void;
  constants: Record<string, number>;
}
const { zstdCompress, constants } = zlib as unknown as WithZstd;
if (zstdCompress) {
  const zstd = promisify(zstdCompress);
  const params = { [constants.ZSTD_c_compressionLevel!]: 1 };
  compressors.zstd = (body) => zstd(body, { params });
}

/** True where this Node.js can compress that way. */
function canCompress(encoding: ContentEncoding): boolean {
  return compressors[encoding] !== undefined;
}

/** The encoding that the `send.compression` option stands for.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` when the destination or this Node.js cannot do what is asked for
 */
export function chooseEncoding(
  option: SendSettings['compression'],
  accepted: readonly ContentEncoding[],
  name: string,
): ContentEncoding | undefined {
  if (option === 'none') return undefined;
  const possible = accepted.filter(canCompress);
  if (option === 'auto') return possible[0];
  if (possible.includes(option)) return option;
  const expected = ['auto', 'none', ...possible].map((word) => `'${word}'`).join(' | ');
  const why = accepted.includes(option) ? `; this Node.js (${process.version}) has no ${option}` : '';
  const message = `Expected \`send.compression\` for ${name} to be ${expected}, got '${option}'${why}`;
  throw new SpillwayError('SPILLWAY_OPTIONS_INVALID', message);
}

/** Compresses wires and remembers the result as long as the wire lives. */
export function wireCompressor(
  encoding: ContentEncoding | undefined,
): (wire: { readonly body: Buffer }) => Promise<Encoded> {
  const compress = encoding && compressors[encoding];
  const done = new WeakMap<object, Promise<Encoded>>();
  return (wire) => {
    const { body } = wire;
    if (!compress || body.length < minBytes) return Promise.resolve({ body });
    let encoded = done.get(wire);
    if (!encoded) {
      encoded = compress(body).then((compressed) => ({ body: compressed, encoding }));
      done.set(wire, encoded);
    }
    return encoded;
  };
}
