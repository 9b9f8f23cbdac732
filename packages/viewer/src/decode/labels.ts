// Label sets: the `{app="web", env="prod"}` literal of Loki's protobuf streams, and the bounds that both encodings share.
import { limits } from '../limits.js';
import { type Pairs, pairs } from './entry.js';
import { Refusal } from './refusal.js';

const name = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const value = /"((?:[^"\\\n]|\\.)*)"/y;

/** Parses a label-set literal. @throws Refusal 400 */
export function parseLabels(literal: string): Pairs {
  if (literal.length > limits.labels * (limits.labelNameBytes + limits.labelValueBytes)) throw unparsable(literal);
  const labels = pairs();
  let at = skipSpace(literal, 0);
  if (literal[at++] !== '{') throw unparsable(literal);
  at = skipSpace(literal, at);
  while (literal[at] !== '}') {
    const key = take(name, literal, at);
    at = skipSpace(literal, at + (key?.length ?? 0));
    if (key === undefined || literal[at++] !== '=') throw unparsable(literal);
    at = skipSpace(literal, at);
    const quoted = take(value, literal, at);
    if (quoted === undefined) throw unparsable(literal);
    if (key in labels) throw new Refusal(400, `error parsing labels: duplicate label name: '${key.slice(0, 100)}'`);
    labels[key] = unquote(quoted);
    at = skipSpace(literal, at + quoted.length);
    if (literal[at] === ',') at = skipSpace(literal, at + 1);
    else if (literal[at] !== '}') throw unparsable(literal);
  }
  if (skipSpace(literal, at + 1) !== literal.length) throw unparsable(literal);
  return checkLabels(labels);
}

/** Checks number and sizes. @throws Refusal 400 */
export function checkLabels(labels: Record<string, string>): Pairs {
  const names = Object.keys(labels);
  if (names.length === 0) throw new Refusal(400, 'error at least one label pair is required per stream');
  if (names.length > limits.labels) {
    throw new Refusal(400, `stream has ${names.length} label names; limit ${limits.labels}`);
  }
  for (const key of names) {
    const shown = key.slice(0, 100);
    if (Buffer.byteLength(key) > limits.labelNameBytes)
      throw new Refusal(400, `stream has label name too long: '${shown}'`);
    if (Buffer.byteLength(labels[key]!) > limits.labelValueBytes) {
      throw new Refusal(400, `stream has label value too long: '${shown}'`);
    }
  }
  return labels;
}

/** Checks number and size of structured metadata. @throws Refusal 400 */
export function checkMetadata(metadata: Record<string, string>): Pairs {
  const names = Object.keys(metadata);
  if (names.length > limits.metadataPairs) {
    throw new Refusal(
      400,
      `entry has too many structured metadata labels: ${names.length}, limit ${limits.metadataPairs}`,
    );
  }
  let size = 0;
  for (const key of names) size += Buffer.byteLength(key) + Buffer.byteLength(metadata[key]!);
  if (size > limits.metadataBytes) {
    throw new Refusal(400, `entry has structured metadata too large: ${size} bytes, limit ${limits.metadataBytes}`);
  }
  return metadata;
}

function take(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function skipSpace(text: string, at: number): number {
  let next = at;
  while (text[next] === ' ' || text[next] === '\t') next++;
  return next;
}

// The literal is a Go string: its escapes are those of JSON plus \a \v \' \xHH, octal and \U; the rest is refused.
const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', a: '\x07', v: '\v' };

function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (!inner.includes('\\')) return inner;
  return inner.replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-7][0-9a-fA-F]|.)/g, (_, code: string) => {
    if (code.length > 1) {
      const point = Number.parseInt(code.slice(1), 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) throw unparsable(quoted);
      return String.fromCodePoint(point);
    }
    const plain = code === '\\' || code === '"' || code === "'" ? code : escapes[code];
    if (plain === undefined) throw unparsable(quoted);
    return plain;
  });
}

function unparsable(literal: string): Refusal {
  return new Refusal(400, `couldn't parse labels: ${JSON.stringify(literal.slice(0, 100))}`);
}
