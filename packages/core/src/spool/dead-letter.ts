// A dead letter: one rejected record as a line of JSON, sealed where the spool is encrypted, and back into batches with
// the ids that the records had. Pure.

import { isUtf8 } from 'node:buffer';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Batch } from '../batch.js';
import type { Key } from './encryption.js';

/** One rejected record. */
export interface DeadLetter {
  /** When it was rejected, ms since the epoch. */
  readonly time: number;
  /** Why, in the destination's words. */
  readonly reason: string;
  /** `<writer>-<sequence>`, the id it was sent with. */
  readonly id: string;
  readonly level: number;
  /** The record's own time, ms since the epoch. */
  readonly at: number;
  /** The record as it was logged, without its newline. */
  readonly line: string;
  /** The same in base64, where it is not UTF-8. */
  readonly base64?: string;
}

/** What is stored where there is a key. */
interface SealedLetter {
  readonly keyId: string;
  readonly sealed: string;
}

/** Names of files of letters; with `.r-` in front while they are being retried. */
export const letterFilePattern = /^(\.r-)?[0-9a-f]{32}-\d+\.ndjson$/;
const newline = Buffer.from('\n');
const maxReason = 500;
const batchRecords = 1000;
const batchBytes = 2 ** 20;

/** A batch as lines of a file, each with its newline. */
export function encodeLetters(
  batch: Batch,
  about: { readonly time: number; readonly reason: string },
  key?: Key,
): Buffer {
  const { time } = about;
  // The destination's words may be long, and may hold anything.
  const reason = about.reason.slice(0, maxReason);
  const lines: string[] = [];
  for (let i = 0; i < batch.count; i++) {
    const bytes = batch.line(i);
    const exact = isUtf8(bytes) ? {} : { base64: bytes.toString('base64') };
    const own = { id: batch.recordId(i), level: batch.levels[i]!, at: batch.times[i]! };
    const letter: DeadLetter = { time, reason, ...own, line: bytes.toString(), ...exact };
    lines.push(JSON.stringify(key ? sealLetter(letter, key) : letter));
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}

function sealLetter(letter: DeadLetter, key: Key): SealedLetter {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce);
  cipher.setAAD(Buffer.from('spillway dead letter'));
  const sealed = [nonce, cipher.update(JSON.stringify(letter)), cipher.final(), cipher.getAuthTag()];
  return { keyId: key.id.toString('hex'), sealed: Buffer.concat(sealed).toString('base64') };
}

/** Reads one line of a file; undefined where it cannot be read. */
export function parseLetter(line: string, find: (keyId: string) => Key | undefined): DeadLetter | undefined {
  try {
    const stored = JSON.parse(line) as DeadLetter | SealedLetter;
    const letter = 'sealed' in stored ? openLetter(stored, find) : stored;
    return typeof letter.id === 'string' && typeof letter.line === 'string' ? letter : undefined;
  } catch {
    return undefined;
  }
}

function openLetter(stored: SealedLetter, find: (keyId: string) => Key | undefined): DeadLetter {
  const key = find(stored.keyId);
  if (!key) throw new Error('the key is missing');
  const bytes = Buffer.from(stored.sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key.secret, bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from('spillway dead letter'));
  decipher.setAuthTag(bytes.subarray(bytes.length - 16));
  const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  return JSON.parse(plain.toString()) as DeadLetter;
}

/** Letters that make a batch: of one writer, with ascending numbers, up to a size. What is no letter is left out. */
export function* groups<T extends { readonly letter?: DeadLetter }>(
  items: readonly T[],
): Generator<(T & { readonly letter: DeadLetter })[]> {
  let group: (T & { readonly letter: DeadLetter })[] = [];
  let bytes = 0;
  for (const item of items) {
    const { letter } = item;
    if (!letter) continue;
    const last = group.at(-1)?.letter;
    const follows = last && writerOf(last) === writerOf(letter) && sequenceOf(last) < sequenceOf(letter);
    if (last && (!follows || group.length >= batchRecords || bytes + letter.line.length > batchBytes)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(item as T & { readonly letter: DeadLetter });
    bytes += letter.line.length;
  }
  if (group.length > 0) yield group;
}

const writerOf = ({ id }: DeadLetter) => id.slice(0, id.lastIndexOf('-'));
const sequenceOf = ({ id }: DeadLetter) => Number(id.slice(id.lastIndexOf('-') + 1));

/** The batch that a group of letters is. */
export function toBatch(letters: readonly DeadLetter[]): Batch {
  const lines = letters.map(({ line, base64 }) =>
    base64 === undefined ? Buffer.from(`${line}\n`) : Buffer.concat([Buffer.from(base64, 'base64'), newline]),
  );
  const offsets = new Uint32Array(lines.length + 1);
  lines.forEach((line, i) => {
    offsets[i + 1] = offsets[i]! + line.length;
  });
  const sequences = Float64Array.from(letters, sequenceOf);
  const gaps = sequences.some((sequence, i) => i > 0 && sequence !== sequences[i - 1]! + 1);
  return new Batch({
    writer: writerOf(letters[0]!),
    firstSequence: sequences[0]!,
    bytes: Buffer.concat(lines),
    offsets,
    times: Float64Array.from(letters, ({ at }) => at),
    levels: Uint16Array.from(letters, ({ level }) => level),
    ...(gaps && { sequences }),
  });
}
