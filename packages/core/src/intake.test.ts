import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from './batch.js';
import { BufferPool } from './buffer-pool.js';
import { Intake } from './intake.js';
import { Ledger } from './ledger.js';
import { COMMON_KEYS } from './lines/general.js';
import { LineFeed } from './lines/line-feed.js';
import { systemRuntime } from './runtime.js';

const NOW = 1_750_000_000_000;

function collector({ maxBytes = 1 << 20, maxRecords = 1000, maxRecordBytes = 1 << 16, levels = {} } = {}) {
  const batches: Batch[] = [];
  const rejected: string[] = [];
  const ledger = new Ledger();
  const intake = new Intake(
    {
      writer: 'w',
      limits: { maxBytes, maxRecords, overheadBytes: 0, maxSpanMs: Number.POSITIVE_INFINITY },
      maxRecordBytes,
      keys: { ...COMMON_KEYS, levels },
      journaled: [],
      buffers: new BufferPool(maxBytes, 0, systemRuntime),
    },
    {
      room: () => Number.POSITIVE_INFINITY,
      makeRoom: () => true,
      sealed: (batch) => batches.push(batch),
      opened: () => {},
      refused: () => {},
      rejected: (reason) => rejected.push(reason),
    },
    ledger,
    { ...systemRuntime, now: () => NOW },
  );
  const feed = new LineFeed(intake, maxRecordBytes);
  const finish = () => {
    feed.end();
    intake.seal();
    return batches.flatMap((batch) =>
      Array.from({ length: batch.count }, (_, i) => ({
        line: batch.line(i).toString(),
        time: batch.times[i]!,
        nanos: batch.nanos?.[i] ?? 0,
        level: batch.levels[i]!,
        id: batch.recordId(i),
      })),
    );
  };
  return { feed, finish, batches, rejected, ledger };
}

const pino = (msg: string, level = 30) =>
  JSON.stringify({ level, time: 1_700_000_000_123, pid: 1, hostname: 'h', msg });

describe('lines to batches', () => {
  it('gives the same records however the input is cut, as text or bytes', () => {
    const line = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 60 }).map((msg) => pino(msg)),
      fc.string({ unit: 'grapheme', maxLength: 20 }).map((msg) => JSON.stringify({ msg, severity: 'WARN' })),
      fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll(/[\n\r]/g, ' ')),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), fc.array(fc.nat(200)), fc.boolean(), (lines, cuts, asBytes) => {
        const text = lines.map((each) => `${each}\n`).join('');
        const whole = collector();
        whole.feed.write(text);
        const expected = whole.finish();
        const { feed, finish, ledger } = collector({ maxRecords: 7 });
        const input = asBytes ? Buffer.from(text) : text;
        let at = 0;
        for (const cut of cuts) {
          feed.write(input.slice(at, at + cut));
          at += cut;
        }
        feed.write(input.slice(at));
        const records = finish();
        // A string cut inside a surrogate pair by its producer cannot be mended; bytes can.
        if (asBytes || !/[\ud800-\udfff]/.test(text)) expect(records).toEqual(expected);
        else expect(records.length).toBe(expected.length);
        expect(ledger.accepted.records).toBe(records.length);
        expect(ledger.accepted.bytes).toBe(records.reduce((sum, each) => sum + Buffer.byteLength(each.line) + 1, 0));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['pino', pino('hi'), { time: 1_700_000_000_123, level: 30 }],
    ['ISO time', '{"level":40,"time":"2023-11-14T22:13:20.123Z","msg":"x"}', { time: 1_700_000_000_123, level: 40 }],
    [
      'ISO time with nanoseconds',
      '{"level":40,"time":"2023-11-14T22:13:20.123456789Z"}',
      { time: 1_700_000_000_123, nanos: 456_789 },
    ],
    ['time with an offset', '{"time":"2023-11-15T00:13:20.123+02:00"}', { time: 1_700_000_000_123 }],
    ['nanoseconds', '{"level":30,"time":1700000000123456789}', { time: 1_700_000_000_123, nanos: 456_789 }],
    ['seconds', '{"level":30,"time":1700000000}', { time: 1_700_000_000_000 }],
    ['microseconds', '{"level":30,"time":1700000000123456}', { time: 1_700_000_000_123, nanos: 456_000 }],
    ['a date as a number', '{"level":30,"time":20231114221320}', { time: NOW }],
    ['a date as a number in quotes', '{"time":"20231114221320"}', { time: NOW }],
    ['a day as a number', '{"time":20231114}', { time: NOW }],
    ['a date with minutes as a number', '{"time":202311142213}', { time: NOW }],
    ['a date with milliseconds as a number', '{"time":20231114221320123}', { time: NOW }],
    ['a date with microseconds as a number', '{"time":20231114221320123456}', { time: NOW }],
    ['a duration', '{"time":12.5}', { time: NOW }],
    ['no time, as Go writes it', '{"time":"0001-01-01T00:00:00Z"}', { time: NOW }],
    ['a last second of digits', '{"time":9999999999}', { time: 9_999_999_999_000 }],
    ['label level', '{"level":"error","time":1700000000123,"msg":"x"}', { level: 50, time: 1_700_000_000_123 }],
    ['own label', '{"level":"noisy","time":1700000000123}', { level: 15 }],
    [
      'winston',
      '{"level":"warn","message":"m","timestamp":"2023-11-14T22:13:20.123Z"}',
      { level: 40, time: 1_700_000_000_123 },
    ],
    ['keys at the end', '{"msg":"a \\"level\\":60","nested":{"level":60,"time":1},"lvl":20}', { level: 20, time: NOW }],
    ['no level, no time', '{"msg":"x"}', { level: 0, time: NOW }],
    ['empty object', '{}', { level: 0, time: NOW }],
  ])('reads %s', (_, line, expected) => {
    const { feed, finish } = collector({ levels: { noisy: 15 } });
    feed.write(`${line}\n`);
    expect(finish()).toMatchObject([{ line, ...expected }]);
  });

  it.each([
    ['plain text', 'Server listening', 'Server listening'],
    ['a cut line', '{"level":30,"time":1700000000123,"msg":"hal', '{"level":30,"time":1700000000123,"msg":"hal'],
    ['an array', '[1]', '[1]'],
    ['trailing garbage', '{"a":1} x', '{"a":1} x'],
    ['a bad scalar', '{"a":nul}', '{"a":nul}'],
    ['unbalanced nesting', '{"a":{"b":1}', '{"a":{"b":1}'],
  ])('wraps %s as a record', (_, line, msg) => {
    const { feed, finish } = collector();
    feed.write(`${line}\n`);
    const [record] = finish();
    expect(JSON.parse(record!.line)).toEqual({ level: 30, time: NOW, msg });
  });

  it('keeps records of one millisecond apart beside such as bring their nanoseconds', () => {
    const exact = '{"level":30,"time":1700000000123456789}';
    const { feed, finish, batches } = collector();
    feed.write(`${pino('a')}\n${pino('a')}\n${exact}\n${pino('a')}\n`);
    finish();
    expect(batches).toHaveLength(1);
    expect([0, 1, 2, 3].map((i) => batches[0]!.nanosecond(i))).toEqual([0, 1, 456_789, 3]);
  });

  it('takes CRLF, blank lines and a last line without a newline', () => {
    const { feed, finish } = collector();
    feed.write(`${pino('a')}\r\n\n \r\n${pino('b')}`);
    expect(finish().map(({ line }) => line)).toEqual([pino('a'), pino('b')]);
  });

  it('mends invalid UTF-8 and leaves its neighbours alone', () => {
    const { feed, finish } = collector();
    const [head, tail] = pino('x?y').split('?');
    feed.write(
      Buffer.concat([
        Buffer.from(`${pino('ä')}\n${head}`),
        Buffer.from([0xff]),
        Buffer.from(`${tail}\n${pino('ß')}\n`),
      ]),
    );
    expect(finish().map(({ line }) => JSON.parse(line).msg)).toEqual(['ä', 'x\ufffdy', 'ß']);
  });

  it('rejects a line over the limit, however it arrives, and goes on', () => {
    const { feed, finish, rejected, ledger } = collector({ maxRecordBytes: 1000 });
    const long = pino('x'.repeat(2_000_000));
    feed.write(`${pino('a')}\n${long}\n${pino('b')}\n`);
    for (let at = 0; at < long.length; at += 100_000) feed.write(Buffer.from(long.slice(at, at + 100_000)));
    feed.write(`\n${pino('c')}\n`);
    expect(finish().map(({ line }) => line)).toEqual([pino('a'), pino('b'), pino('c')]);
    expect(rejected).toEqual(['recordTooLarge', 'recordTooLarge']);
    expect(ledger.accepted.records).toBe(5);
  });

  describe.each([
    ['pino', (size: number) => pino('').replace('""', `"${'x'.repeat(size - pino('').length)}"`)],
    ['another logger', (size: number) => `{"msg":"${'x'.repeat(size - 10)}"}`],
    ['another logger, with space', (size: number) => `{"msg":"${'x'.repeat(size - 11)}"} `],
  ])('a line of %s', (_, make) => {
    it.each([
      ['at once', [20_000]],
      ['cut at its end', [999, 1, 1]],
      ['in pieces', [400, 400, 400]],
    ])('is taken up to the limit and not beyond it: %s', (_, cuts) => {
      for (const size of [999, 1000, 1001]) {
        for (const as of [(text: string) => text, (text: string) => Buffer.from(text)]) {
          const { feed, finish, rejected, ledger } = collector({ maxRecordBytes: 1000 });
          const line = make(size);
          expect(line).toHaveLength(size);
          let rest = `${line}\n`;
          for (const cut of cuts) {
            feed.write(as(rest.slice(0, cut)));
            rest = rest.slice(cut);
          }
          feed.write(as(rest));
          expect(finish().map((record) => record.line)).toEqual(size > 1000 ? [] : [line.trim()]);
          expect(rejected).toEqual(size > 1000 ? ['recordTooLarge'] : []);
          if (size > 1000) expect(ledger.accepted).toEqual({ records: 1, bytes: 1002 });
        }
      }
    });
  });

  it('takes lines of many megabytes', () => {
    const { feed, finish } = collector({ maxRecordBytes: 16 << 20, maxBytes: 1 << 20 });
    const long = pino('é'.repeat(4_000_000));
    feed.write(`${pino('a')}\n${long}\n${pino('b')}\n`);
    expect(finish().map(({ line }) => line)).toEqual([pino('a'), long, pino('b')]);
  });

  it('seals by bytes, by count and by span, and numbers records without gaps', () => {
    const { feed, finish, batches } = collector({ maxBytes: 500, maxRecords: 4 });
    for (let i = 0; i < 100; i++) feed.write(`${pino('x'.repeat(i))}\n`);
    const records = finish();
    expect(records.map(({ id }) => id)).toEqual(records.map((_, i) => `wn-${i}`));
    for (const batch of batches) {
      expect(batch.count).toBeLessThanOrEqual(4);
      expect(batch.bytes.length).toBeLessThanOrEqual(500);
    }
  });

  it('never fails, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (chunks) => {
        const { feed, finish } = collector();
        for (const chunk of chunks) feed.write(chunk);
        for (const { line } of finish()) expect(JSON.parse(line)).toBeTypeOf('object');
      }),
      { numRuns: 500 },
    );
  });
});
