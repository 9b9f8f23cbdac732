import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRing, RingReader, RingWriter } from './ring.js';

function pair(bytes = 0) {
  const memory = createRing(bytes);
  return { writer: new RingWriter(memory), reader: new RingReader(memory) };
}

function readAll(reader: RingReader): string {
  const parts: Buffer[] = [];
  while (reader.read((bytes) => parts.push(Buffer.from(bytes))));
  return Buffer.concat(parts).toString();
}

it('hands over the same bytes in the same order, however often it wraps', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.nat(60_000).map((length) => 'x'.repeat(length)),
    fc.nat(20_000).map((length) => '\u{1f600}é'.repeat(length)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.boolean()), { maxLength: 60 }), (steps) => {
      const { writer, reader } = pair();
      let expected = '';
      let got = '';
      for (const [piece, readNow] of steps) {
        // With nobody to make room, a full ring says so at once and may have taken a part: read, and go on.
        if (readNow || writer.pending + piece.length * 3 > 80_000) got += readAll(reader);
        expect(writer.pending).toBeGreaterThanOrEqual(0);
        for (let at = 0; at < piece.length; at += 10_000) {
          const part = piece.slice(at, at + 10_000);
          expect(writer.write(part, 0)).toBe(true);
          expected += Buffer.from(part).toString();
          got += readAll(reader);
        }
      }
      got += readAll(reader);
      expect(got === expected).toBe(true);
      expect(writer.pending).toBe(0);
    }),
    { numRuns: 200 },
  );
});

it('says so when the reader makes no room in time, and never overwrites what waits', () => {
  const { writer, reader } = pair();
  let accepted = '';
  for (let i = 0; ; i++) {
    const line = `${i} ${'x'.repeat(1000)}\n`;
    if (!writer.write(line, 1)) break;
    accepted += line;
  }
  expect(readAll(reader)).toBe(accepted);
  expect(writer.write('again\n', 0)).toBe(true);
  expect(readAll(reader)).toBe('again\n');
});

it.each([
  ['text', (text: string) => text],
  ['bytes', (text: string) => Buffer.from(text)],
])('leaves whole lines of %s where it could take a part, and ends one that is longer than a piece', (_, chunk) => {
  const { writer, reader } = pair();
  const short = `${'s'.repeat(100)}\n`;
  const long = `${'l'.repeat(60_000)}\n`;
  for (const line of [short.repeat(5000), long.repeat(20)]) {
    expect(writer.write(chunk(line), 0)).toBe(false);
    const taken = line.slice(0, writer.taken);
    expect(readAll(reader)).toBe(taken);
    expect(writer.tore).toBe(!taken.endsWith('\n'));
    expect(writer.write(chunk('next\n'), 0)).toBe(true);
    expect(readAll(reader)).toBe(taken.endsWith('\n') ? 'next\n' : '\nnext\n');
  }
});

it.each([
  ['none', 'whole\n', 'next\n', 0],
  ['one that is here', 'whole\nto', 'rn\nnext\n', 5],
  ['one in several pieces', 'x'.repeat(30_000), `${'x'.repeat(300_000)}\nnext\n`, 330_001],
])('skips the rest of a line whose beginning went down with its reader: %s', (_, had, rest, bytes) => {
  const memory = createRing(1 << 20);
  const writer = new RingWriter(memory);
  writer.write(had, 0);
  readAll(new RingReader(memory));
  writer.write(rest, 0);
  const reader = new RingReader(memory);
  expect(reader.skipTorn()).toBe(bytes);
  expect(readAll(reader)).toBe('next\n');
  expect(reader.skipTorn()).toBe(0);
});

it('knows a reader that was waited for in vain, until it moves', () => {
  const { writer, reader } = pair();
  expect(writer.write('x\n'.repeat(100_000), 1)).toBe(false);
  expect(writer.stalled).toBe(true);
  readAll(reader);
  expect(writer.stalled).toBe(false);
});

it('wakes a sleeping reader', async () => {
  const { writer, reader } = pair();
  const slept = reader.sleep();
  writer.write('line\n', 0);
  await slept;
  expect(readAll(reader)).toBe('line\n');
  const ended = reader.sleep();
  writer.end();
  await ended;
  expect(reader.ended).toBe(true);
});

it('does not sleep through what was written before', async () => {
  const { writer, reader } = pair();
  writer.write('line\n', 0);
  await reader.sleep();
  expect(readAll(reader)).toBe('line\n');
});

it('waits for the reader to be done, but not for ever', () => {
  const { writer, reader } = pair();
  expect(writer.waitUntilDone(5)).toBe(false);
  reader.done();
  expect(writer.waitUntilDone(5)).toBe(true);
});
