// Generators of log lines and batches for fast-check.
// Out: lines as pino writes them, with everything that has broken encoders before: quotes, backslashes, every plane of
// Unicode, equal and unequal times, levels of one's own, empty and very long messages.

import type { Batch } from '@spillway/core';
import fc from 'fast-check';
import { batchOf } from './batch-of.js';

const message = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 2, arbitrary: fc.constantFrom('', '"', '\\', '\\"', '"\\"\\', '\n', '\u2028', '\u0000', '🜁', '</script>') },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 9000 }).map((n) => 'long "line" '.repeat(n / 12)) },
);
const level = fc.constantFrom(10, 20, 30, 30, 30, 35, 40, 50, 60, 65);
const start = 1_700_000_000_000;

/** One record, before it is a line. */
const record = fc.record(
  {
    level,
    time: fc.oneof(fc.constant(start), fc.integer({ min: start, max: start + 60_000 })),
    pid: fc.integer({ min: 1, max: 65535 }),
    msg: message,
    trace_id: fc.stringMatching(/^[0-9a-f]{32}$/),
    nested: fc.dictionary(
      fc.stringMatching(/^[a-z"\\]{1,8}$/),
      fc.oneof(message, fc.double({ noNaN: true }), fc.boolean()),
    ),
    nothing: fc.constant(null),
  },
  { requiredKeys: ['level', 'time', 'msg'], noNullPrototype: true },
);

/** Lines as pino writes them, and now and then as others do: one JSON object each, no newline. */
export const logLine: fc.Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: record.map((fields) => JSON.stringify(fields)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('{}', '{ }', '{ "level" : 30 , "msg" : "spaced" }', '{"":""}', '{"msg":[{}]}'),
  },
);

/** Batches of up to 40 such lines. */
export const logBatch: fc.Arbitrary<Batch> = fc
  .record({
    lines: fc.array(logLine, { minLength: 1, maxLength: 40 }),
    firstSequence: fc.oneof(fc.nat(1000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1000 })),
  })
  .map(({ lines, firstSequence }) => batchOf(lines, { firstSequence }));
