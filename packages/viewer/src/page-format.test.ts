// The page's own text functions: hostile content made visible, and the summary of a record.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from '../page/api.js';
import { ago, bytes, clock, count, message, oneLine, preview, source, visible } from '../page/format.js';

const record = (line: unknown, labels: Record<string, string> | null = null) => ({
  id: 1,
  time: 0,
  level: 30,
  labels,
  metadata: null,
  record: line,
});

test.each([
  ['plain text, é 订单 🚀 שלום', 'plain text, é 订单 🚀 שלום'],
  ['bell\u0007 nul\u0000 esc\u001b[31m', 'bell⟨BEL⟩ nul⟨NUL⟩ esc⟨ESC⟩[31m'],
  ['lines\nand\ttabs', 'lines\nand\ttabs'],
  ['return\rover', 'return⟨CR⟩over'],
  ['del\u007f next\u0085', 'del⟨DEL⟩ next⟨U+0085⟩'],
  ['user\u202etxt.exe\u2066x', 'user⟨U+202E⟩txt.exe⟨U+2066⟩x'],
  ['zero\u200bwidth\ufeff soft\u00adhyphen', 'zero⟨U+200B⟩width⟨U+FEFF⟩ soft⟨U+00AD⟩hyphen'],
  ['tag\u{e0041} half\ud800', 'tag⟨U+E0041⟩ half⟨U+D800⟩'],
  ['<b>&amp;</b>', '<b>&amp;</b>'],
])('%j is shown as %j', (text, shown) => {
  expect(visible(text)).toBe(shown);
});

test('nothing that hides or reorders survives, in whatever it stands', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not be there
  const dangerous = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(visible(text)).not.toMatch(dangerous);
      expect(oneLine(text)).not.toMatch(/[\n\t]/);
    }),
  );
});

test('one line is without colours and breaks, and is cut', () => {
  expect(oneLine('\u001b[1;31merror\u001b[0m: a\r\n   b')).toBe('error: a ↵ b');
  expect(oneLine('x'.repeat(500))).toBe(`${'x'.repeat(400)}…`);
});

test('the message and the source of records of many kinds', () => {
  expect(message(record({ msg: 'hi', message: 'no' }))).toBe('hi');
  expect(message(record({ err: { message: 'boom' } }))).toBe('boom');
  expect(message(record('text'))).toBe('text');
  expect(message(record({ msg: 5 }))).toBe('');
  expect(source(record({ name: 'orders' }))).toBe('orders');
  expect(source(record({ name: 'orders' }, { app: 'shop' }))).toBe('orders');
  expect(source(record({ msg: 'x' }, { app: 'shop' }))).toBe('shop');
  expect(source(record('text'))).toBe('');
});

test('the preview names nested fields, leaves out what stands elsewhere, and is short', () => {
  const line = { level: 30, time: 1, pid: 2, msg: 'm', user: { id: 7, roles: ['a', 'b'] }, empty: '', none: null };
  expect(preview(record(line))).toEqual([
    ['user.id', '7'],
    ['user.roles', '[2]'],
  ]);
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]));
  expect(preview(record(many)).length).toBeLessThanOrEqual(12);
});

test('what a request was is said in one piece', () => {
  const line = {
    req: { method: 'GET', url: '/cart', headers: { host: 'x' } },
    res: { statusCode: 200 },
    responseTime: 12.34,
    msg: 'done',
  };
  expect(preview(record(line))).toEqual([['', 'GET /cart → 200 in 12 ms']]);
  const flat = { method: 'GET', path: '/cart', status: 200, durationMs: 0.314, userAgent: 'curl' };
  expect(preview(record(flat))).toEqual([
    ['', 'GET /cart → 200 in 0.3 ms'],
    ['userAgent', 'curl'],
  ]);
  expect(preview(record({ req: { method: 'GET', url: '/cart' }, reqId: 1 }))).toEqual([
    ['', 'GET /cart'],
    ['reqId', '1'],
  ]);
});

test('numbers for people', () => {
  expect([count(1234567), bytes(512), bytes(2048), bytes(5.5 * 2 ** 20), bytes(3 * 2 ** 30)]).toEqual([
    '1,234,567',
    '512 B',
    '2.0 KB',
    '5.5 MB',
    '3.0 GB',
  ]);
  expect([1, 30_000, 5 * 60_000, 5 * 3_600_000, 9 * 86_400_000].map((age) => ago(0, age))).toEqual([
    'just now',
    '30 s ago',
    '5 min ago',
    '5 h ago',
    '9 days ago',
  ]);
  expect(clock(new Date(2020, 1, 2, 3, 4, 5, 6).getTime())).toBe('03:04:05.006');
});

test('integers keep their digits where the engine tells them', () => {
  const [big] = parse('[12345678901234567890]') as [unknown];
  // Engines that do not pass the source to the reviver give the rounded number, as JSON.parse does.
  expect([12345678901234567890n, 12345678901234567000]).toContain(big);
  expect(parse('{"a":[1,"12345678901234567890"]}')).toEqual({ a: [1, '12345678901234567890'] });
});
