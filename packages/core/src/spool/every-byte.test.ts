import { batchOf, SimMachine, seededRandom } from '@spillway/testing';
import { beforeAll, expect, it, describe as suite } from 'vitest';
import type { Batch } from '../batch.js';
import type { SegmentCipher } from './encryption.js';
import { type FileSystem, runSync } from './file-system.js';
import { frameHeaderBytes } from './frame.js';
import { Keys } from './keys.js';
import { readUnit } from './reader.js';
import { Segment } from './segment.js';
import { decodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from './segment-header.js';
import { createSpool, type LastBatch } from './spool.js';
import { unitsOf } from './units.js';
import { type FoundFrame, walk } from './walk.js';

// A segment of a few small frames, damaged in every way there is: no record may come out that was not put in, every
// frame that is intact must come out, and what is missing must be counted where later frames prove it.

const key = '5a'.repeat(32);

/** One file in memory, as a disk. */
function memory(bytes: Buffer): FileSystem {
  return {
    perform: () => Promise.reject(new Error('not used')),
    light: () => undefined,
    performSync(call) {
      if (call.name === 'size') return bytes.length;
      if (call.name !== 'read') throw new Error(`${call.name} is not used`);
      const [, target, position] = call.args;
      return position >= bytes.length
        ? 0
        : bytes.copy(target, 0, position, Math.min(bytes.length, position + target.length));
    },
  };
}

interface Result {
  readonly header: SegmentHeader | undefined;
  readonly foreign: boolean;
  readonly frames: readonly FoundFrame[];
  readonly batches: readonly Batch[];
  readonly lost: number;
}

const keys = new Keys({ key, keyFile: undefined, keyEnv: undefined, previousKeys: [] }, {});

const ciphers = new Map<string, SegmentCipher | undefined>();

function cipherOf(header: SegmentHeader): SegmentCipher | undefined {
  const salt = header.keySalt.toString('hex');
  if (!ciphers.has(salt))
    ciphers.set(salt, runSync(memory(header.keySalt), keys.cipher(header)) as SegmentCipher | undefined);
  return ciphers.get(salt);
}

/** What a reader gets out of a file. */
function recover(bytes: Buffer, number = 1): Result {
  const fs = memory(bytes);
  const found = runSync(fs, walk(3, { segmentNumber: number }));
  const about = {
    path: '',
    lane: 'normal',
    kind: 'spill',
    queueId: '',
    number,
    createdAt: 0,
    recovered: true,
  } as const;
  const segment = new Segment({ ...about, header: found.header });
  const cipher = found.header && cipherOf(found.header);
  let lost = found.lost.records;
  const batches: Batch[] = [];
  for (const unit of unitsOf(segment, found.frames)) {
    if (unit.state === 'settled') continue;
    const read = runSync(fs, readUnit(3, unit, { cipher, bad: 'fail' }));
    lost += read.lost.records;
    if (read.batch) batches.push(read.batch);
  }
  return { header: found.header, foreign: found.foreign, frames: found.frames, batches, lost };
}

/** Segments as a spool writes them: last words, or the journal with seals. */
function written(kind: 'exit' | 'journal', seed: number, encrypted = false): Buffer {
  const machine = new SimMachine(seed);
  const { fs, runtime } = machine.spawn('writer');
  const options = { directory: '/data/s', minFreeBytes: 0, ...(encrypted && { encryption: { key } }) };
  const spool = createSpool(options, { runtime, fs, destination: 'd', env: {}, identity });
  const random = seededRandom(seed);
  const batches = Array.from({ length: 9 }, (_, i) => batch(i * 10, 1 + Math.floor(random() * 5), random));
  if (kind === 'exit') {
    spool.appendSync(
      batches.map((each): LastBatch => ({ batch: each, lane: 'normal' })),
      1000,
    );
  } else {
    batches.forEach((each, i) => {
      expect(spool.journal(each, 'normal')).toBeDefined();
      if (i % 3 === 1) expect(spool.seal(each, 'normal')).toBeDefined();
    });
  }
  const [path] = machine.files().filter((name) => name.endsWith('.seg'));
  return machine.read(path!);
}
const identity = { pid: 1, hostname: 'h', bootId: 'b' };

function batch(firstSequence: number, count: number, random: () => number): Batch {
  const lines = Array.from({ length: count }, (_, i) => {
    return `{"level":30,"time":${1_700_000_000_000 + firstSequence + i},"m":"${'y'.repeat(random() * 60)}"}`;
  });
  return batchOf(lines, { firstSequence });
}

/** Record number to line, of all batches; fails on a record that comes twice. */
function records(batches: readonly Batch[]): Map<number, string> {
  const all = new Map<number, string>();
  for (const each of batches) {
    for (let i = 0; i < each.count; i++) {
      const known = all.has(each.sequence(i));
      if (known) throw new Error(`record ${each.sequence(i)} came twice`);
      const columns = each.times[i] === 1_700_000_000_000 + each.sequence(i) && each.levels[i] === 30;
      all.set(each.sequence(i), columns ? each.line(i).toString('latin1') : 'other columns');
    }
  }
  return all;
}

interface Original {
  readonly bytes: Buffer;
  readonly all: Map<number, string>;
  readonly frames: readonly FoundFrame[];
}
let exit: Original;
let journal: Original;
let sealed: Original;
let other: Buffer;

function original(bytes: Buffer): Original {
  const { batches, frames, lost } = recover(bytes);
  expect(lost).toBe(0);
  return { bytes, frames, all: records(batches) };
}

beforeAll(() => {
  exit = original(written('exit', 1));
  journal = original(written('journal', 2));
  sealed = original(written('exit', 3, true));
  other = written('exit', 4);
  expect(exit.all.size).toBeGreaterThan(15);
  expect(journal.frames.some(({ pieces }) => pieces)).toBe(true);
  expect(sealed.bytes.includes('level')).toBe(false);
});

/** Runs a reader over damaged bytes: nothing but true records may come out. */
function survivors(of: Original, bytes: Buffer, what: string): { kept: number; lost: number } {
  const { batches, lost } = recover(bytes);
  const found = records(batches);
  for (const [sequence, line] of found) {
    if (of.all.get(sequence) !== line) throw new Error(`${what}: record ${sequence} is not what was written`);
  }
  return { kept: found.size, lost };
}

/** Records in the frames for which the test holds. */
function count(of: Original, test: (start: number, end: number) => boolean): number {
  return of.frames
    .filter(({ offset, header }) => test(offset, offset + frameHeaderBytes + header.storedLength))
    .reduce((sum, { header }) => sum + header.recordCount, 0);
}

const cases = () => [exit, journal, sealed];

suite('every byte', { timeout: 300_000 }, () => {
  it('survives truncation at every length', () => {
    for (const of of cases()) {
      for (let size = 0; size < of.bytes.length; size++) {
        const { kept } = survivors(of, of.bytes.subarray(0, size), `cut to ${size}`);
        // An encrypted file is nothing without its header.
        const readable = of !== sealed || size >= segmentHeaderBytes;
        const intact = readable ? count(of, (_, end) => end <= size) : 0;
        if (kept !== intact) throw new Error(`cut to ${size}: ${kept} records instead of ${intact}`);
      }
    }
  });

  it('survives zeros from every byte on', () => {
    for (const of of cases()) {
      for (let size = 0; size < of.bytes.length; size++) {
        const bytes = Buffer.from(of.bytes).fill(0, size);
        const { kept } = survivors(of, bytes, `zeros from ${size}`);
        const intact = of === sealed && size < segmentHeaderBytes ? 0 : count(of, (_, end) => end <= size);
        // A frame whose last bytes were zeros anyway is intact as well.
        if (kept < intact) throw new Error(`zeros from ${size}: ${kept} records instead of ${intact}`);
      }
    }
  });

  it('loses at most one frame to a flipped bit, and knows how much', () => {
    for (const of of cases()) {
      for (let bit = 0; bit < of.bytes.length * 8; bit++) {
        const at = bit >> 3;
        const bytes = Buffer.from(of.bytes);
        bytes[at] = bytes[at]! ^ (1 << (bit & 7));
        const { kept, lost } = survivors(of, bytes, `bit ${bit}`);
        if (of === sealed && at < segmentHeaderBytes) continue;
        const hit = count(of, (start, end) => at >= start && at < end);
        if (kept < of.all.size - hit) throw new Error(`bit ${bit}: ${kept} records left of ${of.all.size}`);
        const last = of.frames.at(-1)!;
        const footer = of !== journal;
        const provable = footer || at < last.offset;
        if (provable && kept + lost !== of.all.size)
          throw new Error(`bit ${bit}: ${lost} counted as lost, ${kept} kept`);
      }
    }
  });

  it.each([512, 4096])('loses what lost blocks of %i bytes held, and nothing else', (block) => {
    for (const of of cases()) {
      for (let start = 0; start < of.bytes.length; start += block) {
        const end = start + block;
        const bytes = Buffer.from(of.bytes).fill(0, start, Math.min(end, of.bytes.length));
        const { kept, lost } = survivors(of, bytes, `block at ${start}`);
        if (of === sealed && start < segmentHeaderBytes) continue;
        const intact = count(of, (from, to) => to <= start || from >= end);
        if (kept < intact) throw new Error(`block at ${start}: ${kept} records instead of ${intact}`);
        const footer = of !== journal && end < of.bytes.length - frameHeaderBytes - 64;
        if (footer && kept + lost !== of.all.size) throw new Error(`block at ${start}: ${lost} lost, ${kept} kept`);
      }
    }
  });

  it('never takes blocks from elsewhere for its own', () => {
    const random = seededRandom(7);
    for (const of of cases()) {
      const blocks = Math.floor(of.bytes.length / 512);
      for (let round = 0; round < 600; round++) {
        const bytes = Buffer.from(of.bytes);
        const a = Math.floor(random() * blocks) * 512;
        const b = Math.floor(random() * blocks) * 512;
        // Blocks of this file in other places, twice, or of another file with the same number.
        const source = round % 3 === 0 ? other : of.bytes;
        source.copy(bytes, a, b, b + 512);
        if (round % 3 === 1) of.bytes.copy(bytes, b, a, a + 512);
        survivors(of, bytes, `round ${round}`);
      }
    }
  });

  it('is not fooled by what lay behind its end before', () => {
    for (const of of cases()) {
      const { kept, lost } = survivors(of, Buffer.concat([of.bytes, other]), 'stale tail');
      expect({ kept, lost }).toEqual({ kept: of.all.size, lost: 0 });
    }
  });

  it('ends, whatever the bytes', () => {
    const random = seededRandom(11);
    for (const of of cases()) {
      for (let round = 0; round < 2000; round++) {
        const bytes = Buffer.from(of.bytes);
        for (let smashes = 1 + Math.floor(random() * 8); smashes > 0; smashes--) {
          const at = Math.floor(random() * bytes.length);
          const length = Math.floor(random() * 200);
          for (let i = at; i < Math.min(bytes.length, at + length); i++) bytes[i] = random() * 256;
        }
        survivors(of, bytes, `smash ${round}`);
      }
    }
    const magics = Buffer.alloc(1 << 20, 'SWF1....');
    expect(recover(magics).batches).toEqual([]);
  });

  it('leaves files of the future alone', () => {
    for (const [offset, value] of [
      [8, 2],
      [12, 128],
    ] as const) {
      const bytes = Buffer.from(exit.bytes);
      bytes[offset] = value;
      // With a checksum that fits: somebody meant it.
      const header = decodeSegmentHeader(bytes);
      expect(header).toBe('damaged');
      bytes.writeUInt32LE(crc(bytes.subarray(0, 124)), 124);
      expect(recover(bytes)).toMatchObject({ foreign: true, batches: [] });
    }
  });
});

function crc(bytes: Buffer): number {
  let value = 0xffff_ffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let i = 0; i < 8; i++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  }
  return (value ^ 0xffff_ffff) >>> 0;
}
