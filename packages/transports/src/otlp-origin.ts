// Who wrote a record: what pino puts at the start of each line, `"pid":7,"hostname":"h"`, belongs to the resource.
// In: the lines of a batch, in order. Out: groups of neighbours of one process, and where the rest of each line begins.
// Lines that begin differently belong to no process; their `pid` and `hostname` become attributes.

import type { Batch } from '@spillway/core';
import { spells } from './otlp-fields.js';

const levelHead = Buffer.from('{"level":');
const timeHead = Buffer.from(',"time":');
const pidHead = Buffer.from(',"pid":');
const hostHead = Buffer.from(',"hostname":"');
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const close = 0x7d;

/** `,"pid":` and 15 digits, which every number holds exactly. */
const maxPidBytes = 7 + 15;
/** Host names have at most 253 bytes (RFC 1035). */
const maxHostBytes = 255;

/** Where lines of many processes alternate, a resource for each would cost more than attributes do. */
export const maxGroups = 16;

/** The process of a group of records. */
export interface Origin {
  /** Decimal digits. */
  readonly pid: string;
  readonly host: string;
}

/** Reads one line after the other. */
export class Origins {
  /** Where the rest of the line begins: at its `{`, or at the comma or brace after what was read. */
  rest = 0;
  readonly #bytes: Buffer;
  readonly #offsets: Uint32Array;
  /** The current group's `,"pid":7,"hostname":"h"`; empty where it has none. */
  #span: Buffer = Buffer.alloc(0);
  #groups = 0;

  constructor({ bytes, offsets }: Batch) {
    this.#bytes = bytes;
    this.#offsets = offsets;
  }

  /** Reads record `i`; true when it begins a new group. */
  next(i: number): boolean {
    const bytes = this.#bytes;
    const from = this.#offsets[i]!;
    const head = afterHead(bytes, from);
    this.rest = head;
    const { length } = this.#span;
    if (this.#groups === maxGroups) return false;
    if (length > 0 && spells(bytes, head, this.#span) && isEnd(bytes[head + length])) {
      this.rest = head + length;
      return false;
    }
    const to = head === from ? head : afterOrigin(bytes, head, this.#offsets[i + 1]!);
    if (to === head && length === 0 && this.#groups > 0) return false;
    this.#groups++;
    const last = this.#groups === maxGroups;
    this.#span = last ? this.#span.subarray(0, 0) : bytes.subarray(head, to);
    this.rest = last ? head : to;
    return true;
  }

  /** The process of the current group, if it is of one. */
  get current(): Origin | undefined {
    const text = this.#span.toString();
    if (text === '') return undefined;
    const split = text.indexOf(',', 1);
    return { pid: text.slice(pidHead.length, split), host: text.slice(split + hostHead.length, -1) };
  }
}

/** The position after `{"level":30,"time":1700000000123`, or `from` where the line begins differently. */
function afterHead(bytes: Buffer, from: number): number {
  if (!spells(bytes, from, levelHead)) return from;
  const level = afterDigits(bytes, from + levelHead.length);
  if (level === from + levelHead.length || !spells(bytes, level, timeHead)) return from;
  const time = afterDigits(bytes, level + timeHead.length);
  return time > level + timeHead.length && isEnd(bytes[time]) ? time : from;
}

/** The position after `,"pid":7,"hostname":"h"`, or `from` where something else follows. */
function afterOrigin(bytes: Buffer, from: number, end: number): number {
  if (!spells(bytes, from, pidHead)) return from;
  const pid = afterDigits(bytes, from + pidHead.length);
  if (pid === from + pidHead.length || pid - from > maxPidBytes || !spells(bytes, pid, hostHead)) return from;
  const last = Math.min(end, pid + hostHead.length + maxHostBytes);
  for (let at = pid + hostHead.length; at < last; at++) {
    if (bytes[at] === backslash) return from;
    if (bytes[at] === quote) return isEnd(bytes[at + 1]) ? at + 1 : from;
  }
  return from;
}

function afterDigits(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
  return at;
}

function isEnd(byte: number | undefined): boolean {
  return byte === comma || byte === close;
}
