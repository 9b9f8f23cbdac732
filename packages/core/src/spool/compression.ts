// Compression of payloads. In: buffers. Out: buffers and the number of their codec, as the frame header stores it.
// The default is brotli at its fastest, which every supported Node has: a spool written today can be read after a
// downgrade. zstd needs Node 22.15, on the reading side too.

import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { pieceBytes } from '../compressed-piece.js';
import type { Steps } from './file-system.js';
import { work } from './file-system.js';

/** Codec numbers of the frame header. */
export const codecs = { none: 0, gzip: 1, brotli: 2, zstd: 3 } as const;

type Done = (error: Error | null, result: Buffer) => void;
interface Method {
  deflate(source: Buffer): Buffer;
  deflater(source: Buffer): Transform;
  inflate(source: Buffer, most: number): Buffer;
  inflateLater(source: Buffer, most: number, done: Done): void;
}

const { constants } = zlib;

const deflated = (source: Buffer) => ({ chunkSize: pieceBytes(source.length) });
/** In one piece. A byte more than that, because zlib makes room for another piece as soon as one is full. */
const inflated = (most: number) => ({ maxOutputLength: most, chunkSize: Math.max(64, most + 1) });

const gzip: Method = {
  deflate: (source) => zlib.gzipSync(source, { level: 1, ...deflated(source) }),
  deflater: (source) => zlib.createGzip({ level: 1, ...deflated(source) }),
  inflate: (source, most) => zlib.gunzipSync(source, inflated(most)),
  inflateLater: (source, most, done) => zlib.gunzip(source, inflated(most), done),
};

/**
 * How far back brotli looks, as a power of two. At its fastest it never looks further; told so, it takes less memory and
 * time, and whoever decompresses needs a quarter of a megabyte where the usual window takes four.
 */
const brotliWindow = 18;
const brotliParams = (source: Buffer) => ({
  ...deflated(source),
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 1,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_SIZE_HINT]: source.length,
    [constants.BROTLI_PARAM_LGWIN]: brotliWindow,
  },
});
const brotli: Method = {
  deflate: (source) => zlib.brotliCompressSync(source, brotliParams(source)),
  deflater: (source) => zlib.createBrotliCompress(brotliParams(source)),
  inflate: (source, most) => zlib.brotliDecompressSync(source, inflated(most)),
  inflateLater: (source, most, done) => zlib.brotliDecompress(source, inflated(most), done),
};

/** The part of newer Node versions that this uses. */
interface ZstdModule {
  readonly constants: Record<string, number>;
  zstdCompressSync?(source: Buffer, options: object): Buffer;
  createZstdCompress(options: object): Transform;
  zstdDecompressSync(source: Buffer, options: object): Buffer;
  zstdDecompress(source: Buffer, options: object, done: Done): void;
}

function zstdMethod(): Method | undefined {
  const host = zlib as unknown as ZstdModule;
  const compress = host.zstdCompressSync;
  if (!compress) return undefined;
  const params = { [host.constants.ZSTD_c_compressionLevel!]: 1 };
  return {
    deflate: (source) => compress(source, { params, ...deflated(source) }),
    deflater: (source) => host.createZstdCompress({ params, ...deflated(source) }),
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

/** What comes out of a stream, piece by piece: put together it would lie in memory twice. */
function piecesOf(engine: Transform, source: Buffer): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    engine.on('data', (piece: Buffer) => pieces.push(piece));
    engine.once('end', () => resolve(pieces));
    engine.once('error', reject);
    engine.end(source);
  });
}

/** Compresses with a codec other than `none`. The result is in pieces, which are the caller's alone. */
export function* compress(codec: number, source: Buffer): Steps<readonly Buffer[]> {
  const method = methods[codec];
  if (!method) return [source];
  return yield* work<readonly Buffer[]>(
    () => [method.deflate(source)],
    () => piecesOf(method.deflater(source), source),
  );
}

/**
 * Decompresses to exactly `rawLength` bytes; undefined for anything else, and never allocates more than that. With a
 * codec other than `none` the result is the caller's alone.
 */
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

function later(start: (done: Done) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))));
}
