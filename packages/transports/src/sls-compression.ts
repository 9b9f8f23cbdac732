// Compression as Log Service takes it: named in a header of its own, with the size before it in another.
// In: the settings of a pipeline. Out: a sender that compresses each wire once.
// Invariant: every attempt at a wire sends the same bytes. zstd and deflate run off the event loop; lz4 takes no longer
// than handing it over would.

import zlib from 'node:zlib';
import {
  type HttpReply,
  type HttpWire,
  type Runtime,
  type Sender,
  type SendSettings,
  SpillwayError,
  type Transport,
  wireCompressor,
} from '@spillway/core';
import { lz4Block } from './encode/lz4.js';

type Kind = 'lz4' | 'zstd' | 'deflate';

/** Below this many bytes compression saves less than it costs. */
const minBytes = 1024;

/** Opens the transport with its own compression. `lz4`: for stores that do not know zstd.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` for other kinds of compression
 */
export function slsCompressed(
  transport: Transport<HttpWire, HttpReply>,
  { runtime, settings, lz4 }: { readonly runtime: Runtime; readonly settings: SendSettings; readonly lz4: boolean },
): Sender<HttpWire, HttpReply> {
  const kind = kindOf(settings.compression, lz4);
  const sender = transport.open(runtime, { ...settings, compression: 'none' });
  if (kind === undefined) return sender;
  const compress = kind === 'lz4' ? lz4Compressor() : wireCompressor(kind);
  return {
    prepare: async () => sender.prepare?.(),
    async send(wire, signal) {
      signal.throwIfAborted();
      const { body } = await compress(wire);
      if (body === wire.body) return sender.send(wire, signal);
      return sender.send({ ...wire, body, headers: { ...wire.headers, 'x-log-compresstype': kind } }, signal);
    },
    close: () => sender.close(),
  };
}

function kindOf(compression: SendSettings['compression'], lz4: boolean): Kind | undefined {
  // zstd is part of Node.js from 22.15 and 23.8.
  const zstd = 'zstdCompress' in zlib;
  if (compression === 'none') return undefined;
  if (compression === 'auto') return zstd && !lz4 ? 'zstd' : 'lz4';
  if (compression === 'deflate' || (compression === 'zstd' && zstd)) return compression;
  const why = compression === 'zstd' ? `; this Node.js (${process.version}) has no zstd` : '';
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected \`send.compression\` for sls to be 'auto' | 'none' | 'deflate'${zstd ? " | 'zstd'" : ''}, got '${compression}'${why}`,
  );
}

function lz4Compressor(): (wire: HttpWire) => { readonly body: Buffer } {
  const done = new WeakMap<HttpWire, Buffer>();
  return (wire) => {
    if (wire.body.length < minBytes) return wire;
    const body = done.get(wire) ?? lz4Block(wire.body);
    done.set(wire, body);
    return { body };
  };
}
