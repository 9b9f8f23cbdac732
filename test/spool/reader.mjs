// A reader of spool directories that shares nothing with the spool: written from docs/spool-format.md alone, with pure
// functions over whole files. What it finds must be what the spool hands out; where the two differ, one of them, or the
// page, is wrong. Usage by hand: `node test/spool/reader.mjs <directory> [<key as 64 hex digits> ...]` prints a summary.

import { createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as zlib from 'node:zlib';

const LANES = ['high', 'normal', 'low'];
const KINDS = ['spill', 'journal', 'exit'];
const [BATCH, PIECE, SEAL, FOOTER] = [0, 1, 2, 3];
const SEGMENT_MAGIC = '8953575345470d0a';
const MARKS = { '!ACK': 'acked', '!DRP': 'rejected' };
const align = (n) => (n + 7) & ~7;
const u64 = (bytes, at) => Number(bytes.readBigUInt64LE(at));

// --- files

export function segmentHeader(file) {
  if (file.length < 128 || file.toString('hex', 0, 8) !== SEGMENT_MAGIC) return undefined;
  if (file.readUInt32LE(124) !== zlib.crc32(file.subarray(0, 124))) return undefined;
  const features = file.readUInt32LE(12);
  if (file.readUInt16LE(8) !== 1 || features > 3 || file.readUInt16LE(22) !== 128) return { foreign: true };
  return {
    bytes: file.subarray(0, 128),
    encrypted: (features & 1) === 1,
    zstd: (features & 2) === 2,
    lane: LANES[file[20]],
    kind: KINDS[file[21]],
    queueId: file.toString('hex', 24, 40),
    number: u64(file, 40),
    createdAt: u64(file, 48),
    salt: file.readUInt32LE(56),
    keyId: file.toString('hex', 64, 80),
    keySalt: file.subarray(80, 112),
  };
}

function frameHeader(file, at) {
  if (at + 96 > file.length || file.toString('latin1', at, at + 4) !== 'SWF1') return undefined;
  const b = file.subarray(at, at + 96);
  if (b.readUInt32LE(4) !== zlib.crc32(b.subarray(8, 88))) return undefined;
  const header = {
    at,
    bytes: b,
    first: u64(b, 8),
    last: u64(b, 16),
    count: b.readUInt32LE(24),
    stored: b.readUInt32LE(28),
    raw: b.readUInt32LE(32),
    crc: b.readUInt32LE(36),
    minTime: b.readDoubleLE(40),
    maxTime: b.readDoubleLE(48),
    maxLevel: b.readUInt16LE(56),
    type: b[58],
    codec: b[59],
    encrypted: (b[60] & 1) === 1,
    salt: b.readUInt32LE(64),
    index: b.readUInt32LE(68),
    recordsBefore: b.readUInt32LE(72),
    segment: b.readUInt32LE(76),
    lineBytes: b.readUInt32LE(80),
    mark: MARKS[b.toString('latin1', 88, 92)],
    attempts: (b.readUInt16LE(92) ^ b.readUInt16LE(94)) === 0xffff ? b.readUInt16LE(92) : 0,
  };
  const sane = Math.max(header.stored, header.raw) <= 2 ** 26 && header.count <= 2 ** 20 && header.type <= FOOTER;
  return sane ? header : undefined;
}

/** All frames that belong to a file, in its order, and the number of records that it once held. */
export function frames(file, number) {
  const { kind, salt: ownSalt } = segmentHeader(file) ?? {};
  let salt = ownSalt;
  const belongs = (f) => f && f.segment === number % 2 ** 32 && (salt === undefined || f.salt === salt);
  const found = new Map();
  let held = 0;
  for (let at = 128; at < file.length; ) {
    const frame = frameHeader(file, at);
    if (!belongs(frame)) {
      at += 8;
      continue;
    }
    salt ??= frame.salt;
    const payload = file.subarray(at + 96, at + 96 + frame.stored);
    const torn = payload.length < frame.stored;
    if (!torn || kind !== 'journal' || frame.type !== BATCH) held = Math.max(held, frame.recordsBefore + frame.count);
    if (torn) break;
    const intact = zlib.crc32(payload) === frame.crc;
    if (frame.type === FOOTER && intact) held = Math.max(held, payload.readUInt32LE(4));
    if (!found.has(frame.index)) found.set(frame.index, { ...frame, payload, intact });
    at += 96 + align(frame.stored);
  }
  return { frames: [...found.values()], held };
}

// --- payloads

const inflate = [
  (bytes) => bytes,
  (bytes, size) => zlib.gunzipSync(bytes, { maxOutputLength: size }),
  (bytes, size) => zlib.brotliDecompressSync(bytes, { maxOutputLength: size }),
  (bytes, size) => zlib.zstdDecompressSync(bytes, { maxOutputLength: size }),
];

function decrypt(frame, header, keys) {
  const key = keys.find((each) => createHash('sha256').update(each).digest('hex').startsWith(header.keyId));
  if (!key) throw new Error(`the key ${header.keyId} is missing`);
  const info = `spillway segment ${header.queueId} ${header.lane} ${header.number}`;
  const own = Buffer.from(hkdfSync('sha256', key, header.keySalt, info, 32));
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(frame.index, 8);
  const decipher = createDecipheriv('aes-256-gcm', own, nonce);
  const { bytes, payload } = frame;
  decipher.setAAD(Buffer.concat([header.bytes.subarray(0, 120), bytes.subarray(8, 36), bytes.subarray(40, 88)]));
  decipher.setAuthTag(payload.subarray(-16));
  return Buffer.concat([decipher.update(payload.subarray(0, -16)), decipher.final()]);
}

/** The records of a batch or piece frame. */
export function records(frame, header, keys) {
  const packed = frame.encrypted ? decrypt(frame, header, keys) : frame.payload;
  const raw = inflate[frame.codec](packed, frame.raw);
  if (raw.length !== frame.raw) throw new Error('the payload has another length');
  return columns(raw, frame);
}

function columns(raw, { first, last, count }) {
  const end = 4 + raw.readUInt32LE(0);
  const flags = raw[4];
  let at = 5;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = raw[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  const folded = () => {
    const n = varint();
    return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
  };
  const list = (next) => Array.from({ length: count }, next);
  const running = (from, next) => {
    let sum = from;
    return list(() => {
      sum += next();
      return sum;
    });
  };
  const length = varint();
  const writer = raw.toString('utf8', at, at + length);
  at += length;
  const ends = running(end, varint);
  const levels = list(varint);
  const double = () => {
    at += 8;
    return raw.readDoubleLE(at - 8);
  };
  const times = flags & 4 ? list(double) : running(0, folded);
  const nanos = flags & 1 ? list(varint) : undefined;
  const sequences = flags & 2 ? running(first, varint) : list((_, i) => first + i);
  if (at !== end || ends.at(-1) !== raw.length || sequences.at(-1) !== last)
    throw new Error('the columns do not add up');
  return ends.map((to, i) => ({
    id: `${writer}-${sequences[i]}`,
    sequence: sequences[i],
    line: raw.toString('latin1', i === 0 ? end : ends[i - 1], to - 1),
    time: times[i],
    level: levels[i],
    ...(nanos && { nanos: nanos[i] }),
  }));
}

// --- batches

const boundBy = ({ stored, payload }) => Array.from({ length: stored / 4 }, (_, i) => payload.readUInt32LE(4 * i));
const seals = (all) => all.filter(({ type, intact }) => type === SEAL && intact);

/**
 * Frames as what is delivered together: batches, sealed pieces, and groups of the pieces that no seal binds. Those that were
 * written again count as acked.
 */
function deliveries(all, again) {
  const pieces = new Map(all.filter(({ type }) => type === PIECE).map((piece) => [piece.index, piece]));
  const whole = all.filter(({ type }) => type === BATCH).map((frame) => ({ parts: [frame], mark: frame.mark }));
  for (const seal of seals(all)) {
    const bound = boundBy(seal).map((index) => pieces.get(index));
    for (const piece of bound) if (piece) pieces.delete(piece.index);
    whole.push({ parts: bound.filter(Boolean), mark: seal.mark });
  }
  for (const [index, piece] of pieces) if (again.has(index)) pieces.set(index, { ...piece, mark: 'acked' });
  const groups = [[]];
  let size = { bytes: 0, records: 0 };
  for (const piece of pieces.values()) {
    const grown = { bytes: size.bytes + piece.lineBytes, records: size.records + piece.count };
    const full = groups.at(-1).length > 0 && (grown.bytes > 2 ** 20 || grown.records > 5000);
    if (full) groups.push([]);
    size = full ? { bytes: piece.lineBytes, records: piece.count } : grown;
    groups.at(-1).push(piece);
  }
  for (const group of groups) {
    whole.push({ parts: group.filter(({ mark }) => !mark), mark: undefined });
    for (const piece of group) if (piece.mark) whole.push({ parts: [piece], mark: piece.mark });
  }
  return whole.filter(({ parts }) => parts.length > 0).sort((a, b) => a.parts[0].at - b.parts[0].at);
}

/** Where pieces with nanoseconds are joined to pieces without, those get the ones that their numbers stand for. */
function withNanos(list) {
  if (!list.some(({ nanos }) => nanos !== undefined)) return list;
  return list.map((record) => ({ ...record, nanos: record.nanos ?? record.sequence % 1_000_000 }));
}

function batchId(list) {
  const [first, last] = [list[0], list.at(-1)];
  const gaps = last.sequence - first.sequence + 1 !== list.length;
  return `${first.id}-${list.length}${gaps ? `-${last.sequence}` : ''}`;
}

/** One segment file, and the frames in it. */
function opened(path) {
  const file = readFileSync(path);
  const name = /^([hnl])-(\d{16})\.seg$/.exec(basename(path));
  const header = segmentHeader(file);
  const lane = LANES.find((each) => each[0] === name[1]);
  const about = { path, lane, number: Number(name[2]), queueId: basename(join(path, '..')).slice(2), header };
  return header?.foreign ? { ...about, frames: [], held: 0 } : { ...about, ...frames(file, about.number) };
}

/** Indices of the pieces that no seal binds and whose records are all in a batch in the segment or in a later one. */
function writtenAgain({ frames: all, header, lane, queueId, number }, segments, keys) {
  const bound = new Set(seals(all).flatMap(boundBy));
  const loose = all.filter(({ type, index, mark, intact }) => type === PIECE && intact && !mark && !bound.has(index));
  const behind = segments.filter((each) => each.lane === lane && each.queueId === queueId && each.number >= number);
  const ids = (frame, of) => records(frame, of, keys).map(({ id }) => id);
  const wholes = (loose.length > 0 ? behind : []).flatMap((each) =>
    each.frames
      .filter(({ type, intact, mark }) => type === BATCH && intact && !mark)
      .map((frame) => new Set(ids(frame, each.header))),
  );
  const again = (piece) => wholes.some((whole) => ids(piece, header).every((id) => whole.has(id)));
  return new Set(loose.filter(again).map(({ index }) => index));
}

/** What waits in a segment, what is settled, and how many records are missing. */
function described({ frames: all, held, ...about }, segments, keys) {
  const { header } = about;
  if (header?.foreign) return { ...about, foreign: true, batches: [], lost: 0 };
  const holders = all.filter(({ type }) => type === BATCH || type === PIECE);
  let lost = Math.max(0, held - holders.reduce((sum, { count }) => sum + count, 0));
  const batches = deliveries(all, writtenAgain({ frames: all, ...about }, segments, keys)).flatMap(
    ({ parts, mark }) => {
      const good = parts.filter(({ intact }) => intact);
      for (const part of parts) if (!part.intact && !mark) lost += part.count;
      const list = withNanos(good.flatMap((part) => records(part, header, keys)));
      return list.length > 0 ? [{ id: batchId(list), records: list, state: mark ?? 'waiting' }] : [];
    },
  );
  return { ...about, closed: all.some(({ type }) => type === FOOTER), batches, lost };
}

// --- directories

/** All segments below a directory, in the order in which they are drained inside a lane. */
export function spool(directory, keys = []) {
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((each) => each.name.endsWith('.seg') && basename(each.parentPath) !== 'damaged')
    .map((each) => join(each.parentPath, each.name));
  const segments = paths.map(opened);
  return segments
    .map((each) => described(each, segments, keys))
    .sort((a, b) => {
      const [x, y] = [a, b].map((each) => each.header?.createdAt ?? 0);
      return (
        LANES.indexOf(a.lane) - LANES.indexOf(b.lane) || x - y || compare(a.queueId, b.queueId) || a.number - b.number
      );
    });
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** What the next process will be given: waiting batches, each once. */
export function waiting(directory, keys = []) {
  const seen = new Set();
  return spool(directory, keys)
    .flatMap(({ batches }) => batches.filter(({ state }) => state === 'waiting'))
    .filter(({ id }) => !seen.has(id) && seen.add(id));
}

/** Who wrote a queue, and whether the last heartbeat was a good-bye. */
export function owner(queue) {
  const heartbeat = readFileSync(join(queue, 'hb'), 'latin1');
  return { ...JSON.parse(readFileSync(join(queue, 'OWNER'), 'utf8')), stopped: heartbeat === 's' };
}

/** Rejected records in a destination's folder. */
export function deadLetters(folder, keys = []) {
  const place = join(folder, 'dead-letters');
  if (!existsSync(place)) return [];
  return readdirSync(place)
    .sort()
    .flatMap((name) => readFileSync(join(place, name), 'utf8').split('\n').filter(Boolean))
    .map((text) => openLetter(JSON.parse(text), keys));
}

function openLetter(letter, keys) {
  if (!letter.sealed) return letter;
  const key = keys.find((each) => createHash('sha256').update(each).digest('hex').startsWith(letter.keyId));
  const sealed = Buffer.from(letter.sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
  decipher.setAAD(Buffer.from('spillway dead letter'));
  decipher.setAuthTag(sealed.subarray(-16));
  return JSON.parse(Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [directory, ...keys] = process.argv.slice(2);
  for (const each of spool(
    directory,
    keys.map((key) => Buffer.from(key, 'hex')),
  )) {
    const count = (state) => each.batches.filter((b) => b.state === state).reduce((n, b) => n + b.records.length, 0);
    console.log(`${each.path}: ${count('waiting')} records wait, ${count('acked')} acked, ${each.lost} missing`);
  }
}
