// Which record of a batch belongs to which Loki stream, and what of its fields travels beside the line.
// In: a batch and the options that file records. Out: label sets with their records; names and values to lift.
// Lines are parsed only when labels or metadata come from their fields.

import type { Batch } from '@spillway/core';
import { fieldsOf } from './encode/fields.js';
import { labelName } from './encode/labels.js';
import { levelName } from './encode/severity.js';

/** What decides how records are filed. */
export interface LokiFiling {
  readonly labels: Readonly<Record<string, string>>;
  readonly labelsFrom: readonly string[];
  readonly maxStreams: number;
  readonly structuredMetadata: readonly string[];
  readonly levelMetadata: boolean;
}

/** Records of one label set. */
interface LokiStream {
  readonly labels: Readonly<Record<string, string>>;
  /** Indices into the batch, ascending; undefined means all. */
  readonly records: readonly number[] | undefined;
}

/** Loki refuses label values beyond 2048 bytes (limits_config, max_label_value_length); in UTF-8 these are at most 1536. */
const maxLabelLength = 512;
/** Structured metadata beyond 64 KiB a line is refused; a lifted field is also in the line, so cut it. */
const maxMetadataLength = 1024;
/** Between values in a key: they hold no NUL. */
const separator = '\0';
/** Key of the records beyond the cap. Two empty values join to it, and mean the same: the constant labels. */
const constantOnly = '\0';

/** Splits a batch into streams. With constant labels there is one. */
export function streamsOf(batch: Batch, filing: LokiFiling): LokiStream[] {
  const { labels, labelsFrom, maxStreams } = filing;
  if (labelsFrom.length === 0) return [{ labels, records: undefined }];
  const streams = new Map<string, { labels: Readonly<Record<string, string>>; records: number[] }>();
  for (let i = 0; i < batch.count; i++) {
    const values = labelValues(batch, i, labelsFrom);
    let key = values.join(separator);
    // Beyond the cap records go to the stream of the constant labels: nothing is lost, and Loki's limit is not hit.
    if (!streams.has(key) && streams.size >= maxStreams) key = constantOnly;
    let stream = streams.get(key);
    if (!stream) {
      stream = { labels: key === constantOnly ? labels : withLabels(labels, labelsFrom, values), records: [] };
      streams.set(key, stream);
    }
    stream.records.push(i);
  }
  return [...streams.values()];
}

function labelValues(batch: Batch, i: number, labelsFrom: readonly string[]): string[] {
  const fields = labelsFrom.every((field) => field === 'level') ? {} : fieldsOf(batch, i);
  return labelsFrom.map((field) => {
    const value = field === 'level' ? levelName(batch.levels[i]!) : textOf(fields[field]);
    return value?.slice(0, maxLabelLength).replaceAll('\0', '') ?? '';
  });
}

function withLabels(
  labels: Readonly<Record<string, string>>,
  labelsFrom: readonly string[],
  values: readonly string[],
): Record<string, string> {
  const own = labelsFrom.flatMap((field, n) => (values[n] ? [[labelName(field), values[n]] as const] : []));
  return { ...labels, ...Object.fromEntries(own) };
}

/** Fields to lift into structured metadata: those of the record that are asked for. */
export function liftedFields(
  batch: Batch,
  i: number,
  { structuredMetadata, levelMetadata }: LokiFiling,
): [field: string, value: string][] {
  if (structuredMetadata.length === 0) return [];
  const fields = fieldsOf(batch, i);
  const levelIsThere = levelMetadata && batch.levels[i] !== 0;
  return structuredMetadata.flatMap((field): [string, string][] => {
    // Of two values for a name Loki takes the last, and the number would hide the word.
    if (field === 'level' && levelIsThere) return [];
    const value = textOf(fields[field]);
    return value === undefined ? [] : [[field, value.slice(0, maxMetadataLength)]];
  });
}

/** Loki takes times from the epoch on; in whole milliseconds, as the fraction comes from `nanosecond`. */
export function timeOf(batch: Batch, i: number): number {
  return Math.max(0, Math.floor(batch.times[i]!));
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
