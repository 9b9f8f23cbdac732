// Compression that belongs to what is stored, not to the way there: the object is a gzip file, and its name says so.
// In: the settings of a pipeline. Out: a sender that compresses each wire once, off the event loop.
// Invariant: every attempt at a wire sends the same bytes under the same name.

import { promisify } from 'node:util';
import zlib from 'node:zlib';
import {
  type HttpReply,
  type HttpWire,
  type Runtime,
  type Sender,
  type SendSettings,
  SpillwayError,
  type Transport,
} from '@spillway/core';

const gzip = promisify(zlib.gzip) as (body: Buffer, options: zlib.ZlibOptions) => Promise<Buffer>;

/** Opens the transport; unless compression is 'none', bodies are gzip files and paths end in `.gz`.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` for other kinds of compression
 */
export function gzipped(
  transport: Transport<HttpWire, HttpReply>,
  runtime: Runtime,
  settings: SendSettings,
): Sender<HttpWire, HttpReply> {
  const { compression } = settings;
  const sender = transport.open(runtime, { ...settings, compression: 'none' });
  if (compression === 'none') return sender;
  if (compression !== 'auto' && compression !== 'gzip') {
    throw new SpillwayError(
      'SPILLWAY_OPTIONS_INVALID',
      `Expected \`send.compression\` for ${transport.name} to be 'auto' | 'none' | 'gzip', got '${compression}'`,
    );
  }
  const done = new WeakMap<HttpWire, Promise<HttpWire>>();
  const filed = async (wire: HttpWire) => ({
    ...wire,
    body: await gzip(wire.body, { level: 1 }),
    path: `${wire.path}.gz`,
  });
  return {
    prepare: async () => sender.prepare?.(),
    async send(wire, signal) {
      signal.throwIfAborted();
      let file = done.get(wire);
      if (!file) {
        file = filed(wire);
        done.set(wire, file);
      }
      return sender.send(await file, signal);
    },
    close: () => sender.close(),
  };
}
