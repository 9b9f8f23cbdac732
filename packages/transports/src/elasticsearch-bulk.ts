// A batch as the body of `_bulk`: an action line and the document, for each record.
// In: a batch and what the actions say. Out: NDJSON. Documents are the logger's own bytes, with `@timestamp` before
// them where they have none. Ids and index names follow from the record alone, so a replay meets its first copy.

import type { Batch } from '@spillway/core';
import { LineWriter } from './encode/line-writer.js';
import { recordsWith, writeMembers } from './encode/members.js';
import { plainMs, writeDecimal, writeIso } from './encode/time.js';

/** What the encoder puts around the lines. */
export interface BulkForm {
  /** Gives each document its record's id. */
  readonly ids: boolean;
  /** Adds `@timestamp`. */
  readonly timestamp: boolean;
  /** Index name for the action lines, with parts of the date in braces; undefined where the URL names it. */
  readonly index: string | undefined;
}

const writer = new LineWriter();
const quote = 0x22;
const timestampHead = Buffer.from('{"@timestamp":"');
const idTail = Buffer.from('"}}\n');
const idTailAndTimestampHead = Buffer.concat([idTail, timestampHead]);
const hourMs = 3_600_000;

/** Bytes that an action line and a timestamp add to a record, but for the index name: a writer's id has 27, a sequence 16. */
export const bulkOverhead = 160;

/** The body of a bulk request. */
export function encodeBulk(batch: Batch, form: BulkForm): Buffer {
  writer.start(batch, bulkOverhead + Buffer.byteLength(form.index ?? ''));
  const stamped = form.timestamp ? recordsWith(batch, '@timestamp') : undefined;
  const actions = new ActionHeads(batch.writer, form);
  writeRecords(batch, form, actions, stamped);
  return writer.finish();
}

type Stamped = Uint8Array | undefined;

// A loop with nothing behind it, so that what is compiled while the first batch is in it stays good.
function writeRecords(batch: Batch, form: BulkForm, actions: ActionHeads, stamped: Stamped): void {
  for (let i = 0; i < batch.count; i++) writeRecord(batch, i, form, actions, stamped);
}

function writeRecord(batch: Batch, i: number, form: BulkForm, actions: ActionHeads, stamped: Stamped): void {
  const ms = batch.times[i]!;
  const from = batch.offsets[i]!;
  const to = batch.offsets[i + 1]!;
  writer.bytes(actions.at(ms));
  const stamp = form.timestamp && !stamped?.[i];
  if (form.ids) {
    writeDecimal(writer, batch.sequence(i));
    writer.bytes(stamp ? idTailAndTimestampHead : idTail);
  } else if (stamp) writer.bytes(timestampHead);
  if (!stamp) writer.lines(from, to);
  else {
    writeIso(writer, ms);
    writer.byte(quote);
    writeMembers(writer, batch.bytes, from, to);
  }
}

/** What an action line begins with, up to the sequence number if there is one. Changes at most with the hour. */
class ActionHeads {
  readonly #writer: string;
  readonly #form: BulkForm;
  readonly #constant: boolean;
  #hour = Number.NaN;
  #head: Buffer = Buffer.alloc(0);

  constructor(writerId: string, form: BulkForm) {
    this.#writer = writerId;
    this.#form = form;
    this.#constant = form.index === undefined || !hasDate(form.index);
  }

  at(ms: number): Buffer {
    const hour = this.#constant ? 0 : Math.floor(plainMs(ms) / hourMs);
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#head = this.#make(hour * hourMs);
    }
    return this.#head;
  }

  #make(ms: number): Buffer {
    const { index, ids } = this.#form;
    const target = index === undefined ? '' : `"_index":${JSON.stringify(indexName(index, ms))}`;
    if (!ids) return Buffer.from(`{"create":{${target}}}\n`);
    return Buffer.from(`{"create":{${target}${target && ','}"_id":"${this.#writer}-`);
  }
}

/** Whether an index name holds parts of the date. */
export function hasDate(index: string): boolean {
  return index.includes('{');
}

/** An index name with its parts in braces, such as `{yyyy.MM.dd}`, filled in from the record's time in UTC. */
function indexName(index: string, ms: number): string {
  const iso = new Date(plainMs(ms)).toISOString();
  const parts: Readonly<Record<string, string>> = {
    yyyy: iso.slice(0, 4),
    MM: iso.slice(5, 7),
    dd: iso.slice(8, 10),
    HH: iso.slice(11, 13),
  };
  return index.replace(/\{([^}]*)\}/g, (_, pattern: string) =>
    pattern.replace(/yyyy|MM|dd|HH/g, (part) => parts[part]!),
  );
}
