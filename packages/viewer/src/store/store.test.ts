// The store: what goes in comes out by search, old records leave by count and by bytes, batches are stored once.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { limits } from '../limits.js';
import { matches } from '../query/match.js';
import { parseQuery } from '../query/parse.js';
import { Finder } from './finder.js';
import type { Push, Search } from './model.js';
import { Store } from './store.js';

const directories: string[] = [];
const stores: Store[] = [];

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

test('finds by words, phrases, fields, labels and metadata', () => {
  const store = open();
  write(store, [
    { level: 30, msg: 'payment accepted', reqId: 'a-1', res: { statusCode: 200 } },
    {
      level: 50,
      msg: 'Payment FAILED',
      reqId: 'b-2',
      res: { statusCode: 502 },
      err: { message: 'connection reset by peer' },
    },
    { level: 40, msg: 'slow query', ms: 1500, tags: ['db', 'slow'], 'http.route': '/orders/:id' },
    'plain text => from elsewhere',
  ]);
  store.write([loki('{app="shop"}', '{"msg":"labelled"}', { trace_id: 'abc123' })], 5);
  const found = (query: string) => search(store, { query }).map((record) => record.id);
  expect(found('')).toEqual([5, 4, 3, 2, 1]);
  expect(found('payment')).toEqual([2, 1]);
  expect(found('pay')).toEqual([2, 1]);
  expect(found('"pay"')).toEqual([]);
  expect(found('"reset by"')).toEqual([2]);
  expect(found('payment -failed')).toEqual([1]);
  expect(found('res.statusCode:502')).toEqual([2]);
  expect(found('res.statusCode:5.02e2')).toEqual([2]);
  expect(found('res.statusCode:>=500')).toEqual([2]);
  expect(found('reqId:*')).toEqual([2, 1]);
  expect(found('reqId:A-1')).toEqual([1]);
  expect(found('reqId:b-*')).toEqual([2]);
  expect(found('tags:slow')).toEqual([3]);
  expect(found('http.route:/orders/:id')).toEqual([3]);
  expect(found('level:error')).toEqual([2]);
  expect(found('level:50')).toEqual([2]);
  expect(found('app:shop')).toEqual([5]);
  expect(found('abc123')).toEqual([5]);
  expect(found('trace_id:abc123')).toEqual([5]);
  expect(found('=>')).toEqual([4]);
  expect(found('elsewhere')).toEqual([4]);
  expect(found('msg')).toEqual([]);
});

test('the index and the reference matcher agree on any text and any query', () => {
  const unit = fc.constantFrom(...'ab1 -."é单Σ:_/>*');
  const text = fc.string({ unit, maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(fc.record({ msg: text, n: fc.constantFrom(0, 1, 1.5, -2) }), { minLength: 1, maxLength: 8 }),
      fc.array(text, { minLength: 1, maxLength: 6 }),
      (records, queries) => {
        const store = open();
        write(store, records);
        for (const query of queries.flatMap((one) => [one, `msg:${one}`, `msg:"${one}"`, `n:${one}`])) {
          const terms = parseQuery(query);
          const expected = records
            .map((record, i) => ({
              id: i + 1,
              level: 0,
              record,
              raw: JSON.stringify(record),
              labels: undefined,
              metadata: undefined,
            }))
            .filter((candidate) => matches(candidate, terms))
            .map(({ id }) => id);
          expect([query, search(store, { query, order: 'oldest' }).map(({ id }) => id)]).toEqual([query, expected]);
        }
        stores.splice(stores.indexOf(store), 1);
        store.close();
      },
    ),
    { numRuns: 150 },
  );
});

test('a value beyond the indexed text is still found by its field', () => {
  const store = open();
  write(store, [{ filler: 'x '.repeat(limits.indexedChars), late: 'needle' }, { late: 'other' }]);
  expect(search(store, { query: 'late:needle' }).map(({ id }) => id)).toEqual([1]);
  expect(search(store, { query: 'needle' })).toEqual([]);
});

test('pages follow each other without overlap, in both orders, over the borders of the index', () => {
  const store = open({ maxRecords: 100 });
  write(
    store,
    Array.from({ length: 90 }, (_, i) => ({ msg: i % 3 === 0 ? 'fizz' : 'plain', i })),
  );
  for (const order of ['newest', 'oldest'] as const) {
    const seen: number[] = [];
    let cursor: number | null | undefined;
    while (cursor !== null) {
      const range = cursor === undefined ? {} : order === 'newest' ? { before: cursor } : { after: cursor };
      const finder = run(store, { query: 'fizz', limit: 7, order, ...range });
      seen.push(...parse(finder).map(({ id }) => id));
      cursor = finder.result().next;
    }
    const expected = Array.from({ length: 30 }, (_, i) => i * 3 + 1);
    expect(seen).toEqual(order === 'newest' ? expected.reverse() : expected);
  }
});

test('bounds on level, time and ids narrow the search', () => {
  const store = open();
  write(
    store,
    [10, 20, 30, 40, 50].map((level) => ({ level, time: 1_700_000_000_000 + level })),
  );
  const ids = (search_: Partial<Search>) => search(store, search_).map(({ id }) => id);
  expect(ids({ level: 40 })).toEqual([5, 4]);
  expect(ids({ since: 1_700_000_000_020, until: 1_700_000_000_040 })).toEqual([4, 3, 2]);
  expect(ids({ after: 1, before: 4 })).toEqual([3, 2]);
});

test('the tail gives the newest in order of arrival and counts the others', () => {
  const store = open();
  write(
    store,
    Array.from({ length: 20 }, (_, i) => ({ msg: i % 2 === 0 ? 'even' : 'odd' })),
  );
  for (const query of ['odd', '-even']) {
    const finder = run(store, { query, limit: 3, tail: true });
    expect(parse(finder).map(({ id }) => id)).toEqual([16, 18, 20]);
    expect(finder.result()).toMatchObject({ more: 7, upTo: 20 });
  }
});

test('a page is cut by bytes, and goes on where it was cut', () => {
  const store = open();
  write(
    store,
    Array.from({ length: 5 }, () => ({ text: 'x'.repeat(1000) })),
  );
  const first = run(store, { maxBytes: 1500 });
  expect(parse(first).map(({ id }) => id)).toEqual([5, 4]);
  expect(first.result().next).toBe(4);
});

test('what a page is cut by are all its bytes, those of labels and metadata too', () => {
  const store = open();
  const [label, detail] = ['l'.repeat(10_000), 'm'.repeat(5000)];
  for (let i = 0; i < 10; i++) store.write([loki(`{app="${label}"}`, `${i}`, { detail })], i);
  for (const tail of [false, true]) {
    const { json, records, next, more } = run(store, { maxBytes: 40_000, tail }).result();
    expect(records).toBe(3);
    expect(json.length).toBeLessThan(60_000);
    expect(tail ? more : next).toBe(tail ? 7 : 8);
  }
});

test('the oldest leave when there are more than maxRecords, from the index too', () => {
  const store = open({ maxRecords: 100 });
  for (let i = 0; i < 25; i++)
    write(
      store,
      Array.from({ length: 10 }, (_, k) => ({ level: k === 0 ? 50 : 30, msg: `n${i * 10 + k} all` })),
    );
  expect(store.stats()).toMatchObject({ records: 100, oldestId: 151, newestId: 250 });
  expect(store.stats().levels).toMatchObject({ error: 10, info: 90 });
  expect(search(store, { query: 'all', limit: 1000 })).toHaveLength(100);
  expect(search(store, { query: 'n5' }).map(({ id }) => id)).toEqual([]);
  expect(search(store, { query: '"n249"' }).map(({ id }) => id)).toEqual([250]);
  expect(store.text.parts.length).toBeLessThanOrEqual(10);
});

test('the oldest leave when the database would outgrow maxBytes, and the file stays near it', () => {
  const directory = temporary();
  const maxBytes = 4 * 1024 * 1024;
  const store = open({ maxBytes, file: join(directory, 'records.db') });
  for (let i = 0; i < 40; i++) {
    write(
      store,
      Array.from({ length: 100 }, (_, k) => ({ i, k, msg: `record ${i * 100 + k} `.repeat(200) })),
    );
    expect(store.stats().diskBytes).toBeLessThanOrEqual(maxBytes);
  }
  const { records, newestId, bytes } = store.stats();
  expect(newestId).toBe(4000);
  expect(records).toBeGreaterThan(200);
  expect(records).toBeLessThan(2000);
  expect(bytes).toBeGreaterThan(1024 * 1024);
  const onDisk = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  // One group of writes (here 400 KB of lines and their index) may be in the file beside what is kept, and the journal.
  expect(onDisk).toBeLessThan(maxBytes + 6 * 1024 * 1024);
});

test('one push of few bytes that make large records does not make the file large either', () => {
  const directory = temporary();
  const maxBytes = 4 * 1024 * 1024;
  const store = open({ maxBytes, file: join(directory, 'records.db') });
  const stream = { a: 'x'.repeat(16_000), b: 'y'.repeat(16_000) };
  const values = Array.from({ length: 3000 }, (_, i) => [`${1_700_000_000_000_000_000n + BigInt(i)}`, `line ${i}`]);
  const body = Buffer.from(JSON.stringify({ streams: [{ stream, values }] }));
  expect(store.write([{ format: 'loki-json', body, key: '' }], 1)).toMatchObject([{ status: 204, records: 3000 }]);
  expect(search(store, { limit: 1 })[0]?.record).toBe('line 2999');
  const { diskBytes, records, oldestId, newestId } = store.stats();
  expect(diskBytes).toBeLessThanOrEqual(maxBytes);
  expect(newestId - oldestId + 1).toBe(records);
  expect(statSync(join(directory, 'records.db')).size).toBeLessThan(maxBytes * 2);
});

test('what was committed is there after reopening, with its counts, ids and index', () => {
  const file = join(temporary(), 'records.db');
  const before = open({ file, maxRecords: 100 });
  write(
    before,
    Array.from({ length: 130 }, (_, i) => ({ level: 40, msg: `kept ${i}` })),
  );
  const stats = before.stats();
  close(before);
  const after = open({ file, maxRecords: 100 });
  expect(after.stats()).toEqual(stats);
  write(after, [{ msg: 'kept and new' }]);
  expect(search(after, { query: 'kept', limit: 1000 })).toHaveLength(100);
  expect(after.stats().newestId).toBe(131);
});

test('a smaller cap applies at once when the store is opened again', () => {
  const file = join(temporary(), 'records.db');
  const before = open({ file });
  write(
    before,
    Array.from({ length: 500 }, (_, i) => ({ i })),
  );
  close(before);
  expect(open({ file, maxRecords: 100 }).stats()).toMatchObject({ records: 100, oldestId: 401 });
});

test('a batch with a key is stored once, across restarts', () => {
  const file = join(temporary(), 'records.db');
  const push: Push = { format: 'ndjson', body: Buffer.from('{"a":1}\n{"a":2}'), key: 'writer-1-7' };
  const first = open({ file });
  expect(first.write([push, push], 0).map(({ status, duplicate }) => [status, duplicate])).toEqual([
    [204, false],
    [204, true],
  ]);
  close(first);
  const second = open({ file });
  expect(second.write([push], 0)).toMatchObject([{ status: 204, duplicate: true, records: 0 }]);
  expect(second.stats().records).toBe(2);
});

test('keys are forgotten, oldest first', () => {
  const store = open();
  const push = (key: string): Push => ({ format: 'ndjson', body: Buffer.from('{}'), key });
  for (let i = 0; i <= limits.rememberedBatches; i += 100) {
    store.write(
      Array.from({ length: 100 }, (_, k) => push(`k${i + k}`)),
      0,
    );
  }
  expect(store.write([push('k0')], 0)[0]?.duplicate).toBe(false);
  expect(store.write([push(`k${limits.rememberedBatches}`)], 0)[0]?.duplicate).toBe(true);
});

test('a refused push leaves no trace and does not disturb its neighbours', () => {
  const store = open();
  const results = store.write(
    [ndjson('{"a":1}'), { format: 'loki-json', body: Buffer.from('{'), key: '' }, ndjson('{"a":2}')],
    0,
  );
  expect(results.map(({ status }) => status)).toEqual([204, 400, 204]);
  expect(search(store, {}).map(({ record }) => record)).toEqual([{ a: 2 }, { a: 1 }]);
});

test('of a Loki push with an over-long entry the others are stored; of NDJSON none', () => {
  const store = open();
  const long = 'x'.repeat(limits.lineBytes + 1);
  const body = Buffer.from(
    JSON.stringify({
      streams: [
        {
          stream: { a: 'b' },
          values: [
            ['1', 'short'],
            ['2', long],
          ],
        },
      ],
    }),
  );
  expect(store.write([{ format: 'loki-json', body, key: '' }], 0)).toMatchObject([
    { status: 400, records: 1, text: expect.stringMatching(/^max entry size/) },
  ]);
  expect(store.write([ndjson(`short\n${long}`)], 0)).toMatchObject([{ status: 400, records: 0 }]);
  expect(store.stats().records).toBe(1);
});

test('more records than one request may hold are refused', () => {
  const result = open().write([ndjson('1\n'.repeat(limits.recordsPerRequest + 1))], 0);
  expect(result).toMatchObject([{ status: 413, records: 0 }]);
});

test('hostile lines come back as they were, as JSON', () => {
  const store = open();
  const lines = [
    '<script>alert(1)</script>',
    '\u001b[31mred\u0000\u202e',
    '{"__proto__":{"x":1},"n":12345678901234567890}',
    '{"a":1',
    '',
    '"',
    "'; drop table records; --",
  ];
  const streams = [{ stream: { a: 'b' }, values: lines.map((line, i) => [String(i), line]) }];
  store.write([{ format: 'loki-json', body: Buffer.from(JSON.stringify({ streams })), key: '' }], 0);
  const finder = run(store, { order: 'oldest' });
  expect(Buffer.from(finder.result().json).toString()).toContain(
    '"record":{"__proto__":{"x":1},"n":12345678901234567890}',
  );
  const records = parse(finder).map(({ record }) => record);
  expect(records.filter((record) => typeof record === 'string')).toEqual(
    lines.filter((line) => !line.startsWith('{"__')),
  );
});

test('JSON with line breaks is made one line, and JSON nested too deeply is text', () => {
  const store = open();
  const deep = `{"a":${'['.repeat(100)}${']'.repeat(100)}}`;
  const streams = [
    {
      stream: { a: 'b' },
      values: [
        ['1', '{\n "msg": "pretty"\r\n}'],
        ['2', deep],
      ],
    },
  ];
  store.write([{ format: 'loki-json', body: Buffer.from(JSON.stringify({ streams })), key: '' }], 0);
  const finder = run(store, { order: 'oldest' });
  expect(Buffer.from(finder.result().json).includes(0x0a)).toBe(false);
  expect(parse(finder).map(({ record }) => record)).toEqual([{ msg: 'pretty' }, deep]);
});

test('a file that is no database, or of another version, is set aside', () => {
  const directory = temporary();
  const file = join(directory, 'records.db');
  writeFileSync(file, 'this is no database, but it is long enough to have a header that could be read as one');
  const store = open({ file });
  expect(store.setAside).toBe(true);
  expect(readFileSync(`${file}.unusable`, 'utf8')).toMatch(/^this is no database/);
  write(store, [{ a: 1 }]);
  store.db.exec('pragma user_version = 999');
  close(store);
  expect(open({ file })).toMatchObject({ setAside: true });
});

test('the lock of a process that was killed does not keep the store shut', () => {
  const file = join(temporary(), 'records.db');
  const first = open({ file });
  write(first, [{ a: 1 }]);
  // Not closed: its lock stands, as after SIGKILL.
  expect(readdirSync(join(file, '..')).some((name) => name.endsWith('.lock'))).toBe(true);
  expect(open({ file }).stats().records).toBe(1);
});

test('clearing removes everything and goes on', () => {
  const store = open();
  write(store, [{ msg: 'old' }, { msg: 'old' }]);
  store.clear();
  expect(store.stats()).toMatchObject({ records: 0, bytes: 0, oldest: null, newestId: 2 });
  write(store, [{ msg: 'new' }]);
  expect(search(store, {}).map(({ id }) => id)).toEqual([3]);
  expect(search(store, { query: 'old' })).toEqual([]);
});

test('what comes again after it was cleared is stored again', () => {
  const store = open();
  const pushes = [loki('{app="shop"}', 'hi', {}), { ...ndjson('{"a":1}'), key: 'k-1' }];
  for (const cleared of [false, true]) {
    if (cleared) store.clear();
    expect(store.write(pushes, 1)).toMatchObject([{ duplicate: false }, { duplicate: false }]);
    expect(store.write(pushes, 1)).toMatchObject([{ duplicate: true }, { duplicate: true }]);
    expect(search(store, {})).toHaveLength(2);
  }
});

function open(options: { file?: string; maxRecords?: number; maxBytes?: number } = {}): Store {
  const store = new Store({ file: ':memory:', maxRecords: 200_000, maxBytes: 512 * 1024 * 1024, ...options });
  stores.push(store);
  return store;
}

function close(store: Store): void {
  stores.splice(stores.indexOf(store), 1);
  store.close();
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-viewer-'));
  directories.push(directory);
  return directory;
}

function ndjson(body: string): Push {
  return { format: 'ndjson', body: Buffer.from(body), key: '' };
}

function loki(labels: string, line: string, metadata: Record<string, string>): Push {
  const stream = Object.fromEntries([...labels.matchAll(/(\w+)="(\w+)"/g)].map(([, key, value]) => [key, value]));
  const body = JSON.stringify({ streams: [{ stream, values: [['1700000000000000000', line, metadata]] }] });
  return { format: 'loki-json', body: Buffer.from(body), key: '' };
}

function write(store: Store, records: readonly unknown[]): void {
  const lines = records.map((record) => (typeof record === 'string' ? record : JSON.stringify(record)));
  expect(store.write([ndjson(lines.join('\n'))], 1_700_000_000_000)).toMatchObject([{ status: 204 }]);
}

function run(store: Store, wanted: Partial<Search>): Finder {
  const range = { after: 0, before: Number.MAX_SAFE_INTEGER, since: 0, until: Number.MAX_SAFE_INTEGER };
  const finder = new Finder(store, {
    query: '',
    level: 0,
    limit: 200,
    maxBytes: 1e9,
    order: 'newest',
    tail: false,
    ...range,
    ...wanted,
  });
  while (!finder.step());
  return finder;
}

interface Parsed {
  readonly id: number;
  readonly record: unknown;
}

function parse(finder: Finder): Parsed[] {
  return JSON.parse(`[${Buffer.from(finder.result().json).toString()}]`) as Parsed[];
}

function search(store: Store, wanted: Partial<Search>): Parsed[] {
  return parse(run(store, wanted));
}
