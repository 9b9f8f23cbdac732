// What users can say about the spool.

import {
  choice,
  custom,
  flag,
  integer,
  list,
  milliseconds,
  object,
  type Parsed,
  required,
  size,
  text,
} from '../options/schema.js';
import { codecs, supports } from './compression.js';
import { parseKey } from './encryption.js';

const keyText = {
  expected: 'a key of 32 bytes, as 64 hex digits or in base64',
  check: (value: unknown) => (typeof value === 'string' && parseKey(value) ? value : undefined),
};

const methods = ['auto', 'none', 'gzip', 'brotli', 'zstd'] as const;
const compression = custom<(typeof methods)[number], { doc: string; default: 'auto' }>({
  default: 'auto',
  doc: 'How spilled batches are compressed; auto is brotli at its fastest. The journal and last words are not compressed.',
  expected: `${methods.map((m) => `'${m}'`).join(' | ')}, where zstd needs Node 22.15 or later`,
  check: (value) => {
    const method = methods.find((m) => m === value);
    return method && (method !== 'zstd' || supports(codecs.zstd)) ? method : undefined;
  },
});

const encryption = object(
  {
    key: custom<string>({ ...keyText, secret: true, doc: 'The key itself. Better in a file or in the environment.' }),
    keyFile: text({ doc: 'File that holds the key; read again for each new segment.' }),
    keyEnv: text({ doc: 'Environment variable that holds the key.' }),
    previousKeys: list(custom<string>({ ...keyText, secret: true, doc: 'An older key.' }), {
      default: [],
      secret: true,
      doc: 'Older keys, to read what was written with them.',
    }),
  },
  { doc: 'Encrypts what is spooled with AES-256-GCM. Off unless a key is given.' },
);

/** The schema of the `spool` options. */
export const spoolOptions = object(
  {
    directory: required(text({ doc: 'Where to spool. Not a temporary directory: it has to outlive the process.' })),
    maxBytes: size({ default: 512 * 2 ** 20, min: 2 ** 20, doc: 'Most bytes on the disk, everything included.' }),
    maxSegments: integer({ default: 4096, min: 4, doc: 'Most segment files: a disk can run out of inodes too.' }),
    // No timer runs for it, so that it may be longer than one can.
    maxAgeMs: milliseconds({
      default: 72 * 3_600_000,
      min: 1000,
      max: Number.MAX_SAFE_INTEGER,
      doc: 'What is older is dropped, and counted.',
    }),
    minFreeBytes: size({
      default: 256 * 2 ** 20,
      doc: 'Stop spooling when the disk has less than this free, or less than a tenth where that is less.',
    }),
    durability: choice(['spill', 'hybrid', 'journal', 'sync'], {
      default: 'spill',
      doc: 'spill: memory first, disk under pressure, in an outage and at exit. journal: disk before anything else. hybrid: journal for the records of the high lane, spill for the rest; where all are in one lane, journal. sync: disk before the log call returns, for audit records; only where the pipeline runs in the application itself.',
    }),
    spillAfterMs: milliseconds({ default: 5000, doc: 'Longest that a batch waits in memory before it moves to disk.' }),
    drain: choice(['liveFirst', 'oldestFirst'], {
      doc: 'What goes first after an outage: new records, while the disk gets a share, or the oldest. Default: what suits the transport, else liveFirst. oldestFirst puts all records into one lane.',
    }),
    drainBytesPerSecond: size({
      default: 16 * 2 ** 20,
      min: 1024,
      doc: 'Most bytes of records a second that come back from the disk.',
    }),
    sync: choice(['none', 'interval', 'always'], {
      default: 'interval',
      doc: 'When the disk itself must have it: survives a power loss never, up to the last interval, or always.',
    }),
    syncIntervalMs: milliseconds({ default: 1000, min: 10, doc: 'Longest time between writing and syncing.' }),
    compression,
    encryption,
    adopt: flag({ default: true, doc: 'Take over what dead processes left behind.' }),
    whenFull: choice(['dropOldest', 'dropNewest'], {
      default: 'dropOldest',
      doc: 'What goes when the quota is used up. Lower lanes always go before higher ones.',
    }),
    lanes: object(
      {
        high: integer({ default: 50, min: 1, doc: 'Records from this level on are drained first and dropped last.' }),
        low: integer({ default: 30, min: 0, doc: 'Records below this level are drained last and dropped first.' }),
      },
      { doc: 'Priority by level.' },
    ),
    deadLetters: object(
      {
        maxBytes: size({
          default: 32 * 2 ** 20,
          min: 0,
          doc: 'Most bytes of rejected records to keep; 0 keeps none. The oldest file goes first, with a warning; so do records that the disk will not have, counted in `stats().spool.deadLetters`.',
        }),
      },
      { doc: 'Records that the destination refused for good.' },
    ),
  },
  { doc: 'The disk queue.' },
);

/** Checked options of the spool. */
export type SpoolOptions = Parsed<typeof spoolOptions>;
