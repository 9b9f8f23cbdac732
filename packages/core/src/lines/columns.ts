// Reads runs of lines that begin as pino's do, {"level":30,"time":1700000000123, into columns.
// In: bytes of whole lines. Out: where each line starts and ends, its level and its time, up to the first line that
// looks otherwise, which the general reader takes.
// Never allocates. Touches about 36 bytes a line. All that is done for each single line is in one loop, so that in a burst
// one small function is compiled early and once (nothing follows the loop: code that was never reached when the loop got hot
// would throw away what was compiled); the stages behind it work on runs.

import type { Columns } from '../batch.js';

const LEVEL = Buffer.from('{"level":');
const TIME = Buffer.from(',"time":');
/** The shortest line there is: both keys, a digit of level and 13 of time, brace and newline. */
const MIN_LINE_BYTES = LEVEL.length + TIME.length + 16;
const ZERO = 0x30;
const COMMA = 0x2c;
const BRACE = 0x7d;
const NEWLINE = 0x0a;

/** Most lines that are read at a time. */
const CAPACITY = 1024;

/** The columns of a run of lines, in the manner of a batch. One instance serves a whole pipeline. */
export class LineColumns implements Columns {
  count = 0;
  readonly offsets = new Uint32Array(CAPACITY + 1);
  readonly times = new Float64Array(CAPACITY);
  readonly levels = new Uint16Array(CAPACITY);

  /** Whether the last scan ended because there is no room for more. */
  get full(): boolean {
    return this.count === CAPACITY;
  }

  /**
   * Reads the lines of bytes[start, end), which ends with a newline, one after the other.
   * @returns where the first line starts that was not read: `end`, or the columns are full, or that line is larger than
   *   `maxBytes` without its newline, or has not pino's prefix with a time in milliseconds
   */
  scan(bytes: Buffer, start: number, end: number, maxBytes: number): number {
    const { offsets, times, levels } = this;
    let count = 0;
    let line = start;
    offsets[0] = start;
    this.count = 0;
    scanning: while (count < CAPACITY && end - line >= MIN_LINE_BYTES) {
      for (let i = 0; i < 9; i++) if (bytes[line + i] !== LEVEL[i]) break scanning;
      let at = line + 9;
      let level = bytes[at]! - ZERO;
      if (level < 0 || level > 9) break;
      for (at++; ; at++) {
        const digit = bytes[at]! - ZERO;
        if (digit < 0 || digit > 9) break;
        level = level * 10 + digit;
      }
      if (level > 0xffff) break;
      for (let i = 0; i < 8; i++) if (bytes[at + i] !== TIME[i]) break scanning;
      at += 8;
      const from = at;
      let time = 0;
      for (; ; at++) {
        const digit = bytes[at]! - ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        time = time * 10 + digit;
      }
      // 13 digits are milliseconds between 2001 and 2286; anything else is another unit and read with care elsewhere.
      if (at - from !== 13 || (bytes[at] !== COMMA && bytes[at] !== BRACE)) break;
      const newline = bytes.indexOf(NEWLINE, at);
      if (bytes[newline - 1] !== BRACE || newline - line > maxBytes) break;
      times[count] = time;
      levels[count] = level;
      count++;
      line = newline + 1;
      offsets[count] = line;
      this.count = count;
    }
    return line;
  }

  /** Holds one line, at the start of its bytes, that was read by other means. */
  single(bytes: number, time: number, level: number): void {
    this.count = 1;
    this.offsets[0] = 0;
    this.offsets[1] = bytes;
    this.times[0] = time;
    this.levels[0] = level;
  }

  /** Bytes of the lines [from, to), newlines included. */
  bytes(from: number, to: number): number {
    return this.offsets[to]! - this.offsets[from]!;
  }

  /** Writes the lines [from, to) behind the first `count` ones of other columns, whose bytes end at `size`. */
  copy(from: number, to: number, target: Columns, count: number, size: number): void {
    const { offsets, times, levels } = this;
    const { offsets: targetOffsets, times: targetTimes, levels: targetLevels } = target;
    const shift = size - offsets[from]!;
    for (let i = from, at = count; i < to; i++, at++) {
      targetTimes[at] = times[i]!;
      targetLevels[at] = levels[i]!;
      targetOffsets[at + 1] = offsets[i + 1]! + shift;
    }
  }

  /** How many of the lines [from, to), in their order, stay within a budget if each costs its bytes and an overhead. */
  within(budget: number, overhead: number, from: number, to: number): number {
    let fit = to - from;
    if (this.bytes(from, to) + fit * overhead <= budget) return fit;
    let tooMany = fit;
    for (fit = 0; fit + 1 < tooMany; ) {
      const middle = (fit + tooMany) >> 1;
      if (this.bytes(from, from + middle) + middle * overhead <= budget) fit = middle;
      else tooMany = middle;
    }
    return fit;
  }
}
