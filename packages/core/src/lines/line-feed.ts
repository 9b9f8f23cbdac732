// The first stage: chunks of any cut become regions of whole lines.
// In: strings or bytes as a logger or a pipe hands them over. Out: `lines(bytes, end)`, where bytes[0, end) is whole
// lines, each with its newline, valid only until it returns.
// Invariants: memory is one staging buffer of at most a line and a piece; a line longer than the limit is skipped to
// its end and reported by size, never kept.

const PIECE = 262_144;
const NEWLINE = 0x0a;

/** Where the lines go. */
export interface LineSink {
  /** Whole lines in bytes[0, end). `trusted`: encoded from a string, so certainly valid UTF-8. */
  lines(bytes: Buffer, end: number, trusted: boolean): void;
  /** A line of this many bytes was longer than the limit and is gone. */
  oversize(bytes: number): void;
}

/** Cuts chunks at newlines. */
export class LineFeed {
  private staging = Buffer.allocUnsafeSlow(PIECE * 4);
  private held = 0;
  private skipped = 0;
  private trusted = true;
  private readonly sink: LineSink;
  /** Without the newline. */
  private readonly maxLineBytes: number;

  constructor(sink: LineSink, maxLineBytes: number) {
    this.sink = sink;
    this.maxLineBytes = maxLineBytes;
  }

  write(chunk: string | Uint8Array): void {
    if (typeof chunk === 'string') this.text(chunk);
    else this.bytes(chunk);
  }

  /** Takes whole lines in between: what was brought of a line so far waits for its rest. */
  insert(lines: string): void {
    const bytes = Buffer.from(lines);
    this.sink.lines(bytes, bytes.length, true);
  }

  /** Takes what is left without a newline as a last line. */
  end(): void {
    if (this.held > 0 || this.skipped > 0) this.text('\n');
  }

  private text(chunk: string): void {
    for (let at = 0; at < chunk.length; ) {
      let to = Math.min(at + PIECE, chunk.length);
      // Never between the halves of a surrogate pair: alone, each would become U+FFFD.
      if (to < chunk.length && (chunk.charCodeAt(to - 1) & 0xfc00) === 0xd800) to++;
      const piece = at === 0 && to === chunk.length ? chunk : chunk.slice(at, to);
      this.reserve(piece.length * 3);
      const written = this.staging.write(piece, this.held);
      this.drain(this.held, this.held + written);
      at = to;
    }
  }

  private bytes(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.held > 0 || this.skipped > 0) {
      const newline = rest.indexOf(NEWLINE);
      this.keep(rest.subarray(0, newline < 0 ? rest.length : newline + 1));
      if (newline < 0) return;
      rest = rest.subarray(newline + 1);
    }
    const last = rest.lastIndexOf(NEWLINE);
    if (last >= 0) this.sink.lines(rest, last + 1, false);
    if (last + 1 < rest.length) this.keep(rest.subarray(last + 1));
  }

  private keep(part: Buffer): void {
    this.trusted = false;
    for (let at = 0; at < part.length; at += PIECE) {
      const piece = part.subarray(at, at + PIECE);
      this.reserve(piece.length);
      this.staging.set(piece, this.held);
      this.drain(this.held, this.held + piece.length);
    }
  }

  /** Hands on the whole lines of staging[0, end); what is new starts at `from`. */
  private drain(from: number, end: number): void {
    let start = 0;
    if (this.skipped > 0) {
      const newline = this.staging.subarray(from, end).indexOf(NEWLINE);
      if (newline < 0) {
        this.skipped += end - from;
        return;
      }
      this.sink.oversize(this.skipped + newline);
      this.skipped = 0;
      start = from + newline + 1;
    }
    const last = this.staging.subarray(start, end).lastIndexOf(NEWLINE);
    if (last >= 0) {
      const region = start === 0 ? this.staging : this.staging.subarray(start);
      this.sink.lines(region, last + 1, this.trusted);
      this.trusted = true;
      start += last + 1;
    }
    this.held = end - start;
    if (start > 0) this.staging.copyWithin(0, start, end);
    if (this.held > this.maxLineBytes) {
      this.skipped = this.held;
      this.held = 0;
    }
  }

  private reserve(size: number): void {
    const needed = this.held + size;
    if (needed <= this.staging.length) return;
    const wider = Buffer.allocUnsafeSlow(
      Math.max(needed, Math.min(this.staging.length * 2, this.maxLineBytes + PIECE * 4)),
    );
    wider.set(this.staging.subarray(0, this.held));
    this.staging = wider;
  }
}
