// Compression of payloads. In: buffers. Out: one buffer and the number of its codec, as the frame header stores it.
// The default is brotli at its fastest, which every supported Node has: a spool written today can be read after a
// downgrade. zstd needs Node 22.15, on the reading side too.

import * as zlib from 'node:zlib';
import type { Steps } from './file-system.js';
import { work } from './file-system.js';

/** Codec numbers of the frame header. */
export const codecs = { none: 0, gzip: 1, brotli: 2, zstd: 3 } as const;

type Bytes = Buffer | Uint8Array;
type Done = (error: Error | null, result: Buffer) => void;
interface Method {
  deflate(source: Bytes): Buffer;
  deflateLater(source: Bytes, done: Done): void;
  inflate(source: Bytes, most: number): Buffer;
  inflateLater(source: Bytes, most: number, done: Done): void;
}

const { constants } = zlib;

/**
 * Room for a result, in few pieces: logs shrink to less than a quarter. What the last piece leaves empty is garbage that
 * the collector sees late, so that quarters of large batches took 15 MB more in a long outage.
 */
const deflated = (source: Bytes) => ({ chunkSize: Math.min(Math.max(source.length >> 2, 16_384), 65_536) });
const inflated = (most: number) => ({ maxOutputLength: most, chunkSize: Math.max(64, most) });
const gzip: Method = {
  deflate: (source) => zlib.gzipSync(source, { level: 1, ...deflated(source) }),
  deflateLater: (source, done) => zlib.gzip(source, { level: 1, ...deflated(source) }, done),
  inflate: (source, most) => zlib.gunzipSync(source, inflated(most)),
  inflateLater: (source, most, done) => zlib.gunzip(source, inflated(most), done),
};

const brotliParams = (source: Bytes) => ({
  ...deflated(source),
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 1,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_SIZE_HINT]: source.length,
  },
});
const brotli: Method = {
  deflate: (source) => zlib.brotliCompressSync(source, brotliParams(source)),
  deflateLater: (source, done) => zlib.brotliCompress(source, brotliParams(source), done),
  inflate: (source, most) => zlib.brotliDecompressSync(source, inflated(most)),
  inflateLater: (source, most, done) => zlib.brotliDecompress(source, inflated(most), done),
};

/** The part of newer Node versions that this uses. */
interface ZstdModule {
  readonly constants: Record<string, number>;
  zstdCompressSync?(source: Bytes, options: object): Buffer;
  zstdCompress(source: Bytes, options: object, done: Done): void;
  zstdDecompressSync(source: Bytes, options: object): Buffer;
  zstdDecompress(source: Bytes, options: object, done: Done): void;
}

function zstdMethod(): Method | undefined {
  const host = zlib as unknown as ZstdModule;
  const compress = host.zstdCompressSync;
  if (!compress) return undefined;
  const params = { [host.constants.ZSTD_c_compressionLevel!]: 1 };
  return {
    deflate: (source) => compress(source, { params, ...deflated(source) }),
    deflateLater: (source, done) => host.zstdCompress(source, { params, ...deflated(source) }, done),
    inflate: (source, most) => host.zstdDecompressSync(source, inflated(most)),
    inflateLater: (source, most, done) => host.zstdDecompress(source, inflated(most), done),
  };
}

const methods: Record<number, Method | undefined> = {
  [codecs.gzip]: gzip,
  [codecs.brotli]: brotli,
  [codecs.zstd]: zstdMethod(),
};

/** Whether this Node can read and write a codec. */
export function supports(codec: number): boolean {
  return codec === codecs.none || methods[codec] !== undefined;
}

function later(start: (done: Done) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))));
}

/** Compresses with a codec other than `none`. */
export function* compress(codec: number, source: Buffer): Steps<Buffer> {
  const method = methods[codec];
  if (!method) return source;
  return yield* work(
    () => method.deflate(source),
    () => later((done) => method.deflateLater(source, done)),
  );
}

/** Decompresses to exactly `rawLength` bytes; undefined for anything else, and never allocates more than that. */
export function* decompress(codec: number, source: Buffer, rawLength: number): Steps<Buffer | undefined> {
  if (codec === codecs.none) return source.length === rawLength ? source : undefined;
  const method = methods[codec];
  if (!method) return undefined;
  // Zero is not a valid bound to zlib; payloads are never empty.
  const most = Math.max(1, rawLength);
  try {
    const raw = yield* work(
      () => method.inflate(source, most),
      () => later((done) => method.inflateLater(source, most, done)),
    );
    return raw.length === rawLength ? raw : undefined;
  } catch {
    return undefined;
  }
}
