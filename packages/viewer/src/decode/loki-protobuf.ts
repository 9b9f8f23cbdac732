// Loki's PushRequest in protobuf (pkg/push/push.proto), already out of its snappy block.
//   PushRequest { repeated Stream streams = 1 }   Stream { string labels = 1; repeated Entry entries = 2 }
//   Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3 }
import { limits } from '../limits.js';
import { asUtf8, type Emit, type Pairs, pairs } from './entry.js';
import { checkMetadata, parseLabels } from './labels.js';
import { ProtobufReader } from './protobuf.js';
import { Refusal } from './refusal.js';

// Field number times 8 plus wire type 2 (length-delimited) or 0 (varint).
const FIELD_1 = 0x0a;
const FIELD_2 = 0x12;
const FIELD_3 = 0x1a;
const INT_1 = 0x08;
const INT_2 = 0x10;

/** Emits the entries of a push request. @throws Refusal 400 or 422 */
export function decodeLokiProtobuf(body: Uint8Array, emit: Emit): void {
  const request = new ProtobufReader(body);
  let streams = 0;
  for (let tag = request.tag(); tag !== undefined; tag = request.tag()) {
    if (tag !== FIELD_1) {
      request.skip(tag);
      continue;
    }
    if (++streams > limits.streamsPerRequest) throw new Refusal(400, 'too many streams in one request');
    readStream(request.bytes(), emit);
  }
  if (streams === 0) throw new Refusal(422, 'error at least one valid stream is required for ingestion');
}

function readStream(bytes: Uint8Array, emit: Emit): void {
  // Labels first, wherever they stand: protobuf does not promise an order of fields.
  let literal = '';
  const first = new ProtobufReader(bytes);
  for (let tag = first.tag(); tag !== undefined; tag = first.tag()) {
    if (tag === FIELD_1) literal = first.text();
    else first.skip(tag);
  }
  const labels = parseLabels(literal);
  const stream = new ProtobufReader(bytes);
  for (let tag = stream.tag(); tag !== undefined; tag = stream.tag()) {
    if (tag === FIELD_2) readEntry(stream.message(), labels, emit);
    else stream.skip(tag);
  }
}

function readEntry(reader: ProtobufReader, labels: Pairs, emit: Emit): void {
  let time = 0;
  let line: Uint8Array = new Uint8Array(0);
  let metadata: Record<string, string> | undefined;
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag === FIELD_1) time = readTime(reader.message());
    else if (tag === FIELD_2) line = reader.bytes();
    else if (tag === FIELD_3) {
      metadata ??= pairs();
      const [name, value] = readPair(reader.message());
      metadata[name] = value;
    } else reader.skip(tag);
  }
  emit({ line: asUtf8(line), time, labels, metadata: metadata && checkMetadata(metadata) });
}

function readTime(reader: ProtobufReader): number {
  let seconds = 0;
  let nanos = 0;
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag === INT_1) seconds = reader.int64();
    else if (tag === INT_2) nanos = reader.int64();
    else reader.skip(tag);
  }
  return seconds * 1000 + Math.floor(nanos / 1e6);
}

function readPair(reader: ProtobufReader): [string, string] {
  let name = '';
  let value = '';
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag === FIELD_1) name = reader.text();
    else if (tag === FIELD_2) value = reader.text();
    else reader.skip(tag);
  }
  return [name, value];
}
