// A batch as Loki's push request in JSON.
// In: a batch and how its records are filed. Out: JSON, not compressed. Lines are escaped in one pass, not parsed.

import type { Batch } from '@spillway/core';
import { ByteWriter } from './encode/byte-writer.js';
import { writeEscaped } from './encode/json.js';
import { labelName } from './encode/labels.js';
import { levelName, levelNames } from './encode/severity.js';
import { writeNanos } from './encode/time.js';
import { type LokiFiling, liftedFields, streamsOf } from './loki-streams.js';

const writer = new ByteWriter();
const valueStart = Buffer.from('["');
const valueLine = Buffer.from('","');
const valueEnd = Buffer.from('"]');
const comma = 0x2c;
/** What follows a line that has its level as its only metadata. */
const levelEnds = new Map(levelNames.map((name) => [name, Buffer.from(`",{"level":"${name}"}]`)]));

/** A push request in JSON. It belongs to the caller. */
export function encodeJson(batch: Batch, filing: LokiFiling): Buffer {
  writer.reset(batch.bytes.length * 2);
  writer.text('{"streams":[');
  streamsOf(batch, filing).forEach(({ labels, records }, s) => {
    writer.text(`${s === 0 ? '' : ','}{"stream":${JSON.stringify(labels)},"values":[`);
    const count = records?.length ?? batch.count;
    for (let n = 0; n < count; n++) {
      if (n > 0) writer.byte(comma);
      writeValue(batch, records ? records[n]! : n, filing);
    }
    writer.text(']}');
  });
  writer.text(']}');
  return writer.finish();
}

function writeValue(batch: Batch, i: number, filing: LokiFiling): void {
  writer.bytes(valueStart);
  writeNanos(writer, batch.times[i]!, batch.nanosecond(i));
  writer.bytes(valueLine);
  writeEscaped(writer, batch.bytes, batch.offsets[i]!, batch.offsets[i + 1]! - 1);
  const level = filing.levelMetadata ? levelName(batch.levels[i]!) : undefined;
  const lifted = liftedFields(batch, i, filing);
  if (lifted.length > 0) {
    const pairs = lifted.map(([field, value]) => [labelName(field), value] as const);
    writer.text(`",${JSON.stringify(Object.fromEntries(level ? [['level', level] as const, ...pairs] : pairs))}]`);
  } else writer.bytes(level ? levelEnds.get(level)! : valueEnd);
}
