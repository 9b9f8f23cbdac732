// Who may ask, what every answer carries, and the query API.
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { call, ingest, records, startViewer } from './test-client.js';

const TOKEN = 'correct-horse-battery';

test('the page and every other answer carry the headers that keep log content harmless', async () => {
  const { url } = await startViewer();
  for (const path of ['/', '/app.js', '/theme.css', '/api/stats', '/api/records', '/ready', '/nowhere']) {
    const { headers } = await call(url + path);
    const policy = headers['content-security-policy'];
    expect(policy).toMatch(/^default-src 'none';/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|http|data:/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  }
});

test.each(['/', '/app.js', '/api/stats', '/api/records', '/api/tail', '/ready', '/nowhere', '/ingest'])(
  'HEAD %s ends, with the status and the type of GET and without a body',
  async (path) => {
    const { url } = await startViewer();
    const { status, headers, text } = await call(url + path, { method: 'HEAD' });
    expect(text).toBe('');
    expect(headers['content-type']).toBeDefined();
    expect(status).toBe({ '/nowhere': 404, '/ingest': 405 }[path] ?? 200);
  },
);

test('every file that the page names is served, with its type, and none has inline code', async () => {
  const { url } = await startViewer();
  const html = (await call(`${url}/`)).text;
  expect(html).not.toMatch(/<script(?![^>]*src=)|<style| style=| on\w+=/i);
  const seen = new Set<string>();
  const queue = [...html.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, path]) => path!);
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const { status, headers, text } = await call(url + path);
    expect([path, status]).toEqual([path, 200]);
    const type = path.endsWith('.js') ? 'text/javascript' : path.endsWith('.css') ? 'text/css' : 'image/svg+xml';
    expect(headers['content-type']).toContain(type);
    if (path.endsWith('.js')) queue.push(...[...text.matchAll(/from '\.(\/[^']+)'/g)].map(([, file]) => file!));
    expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
  }
  expect(seen).toContain('/detail.js');
});

test.each([
  ['evil.example', 403],
  ['evil.example:4600', 403],
  ['127.0.0.1.evil.example', 403],
  ['localhost.evil.example', 403],
  ['192.168.1.7', 403],
  ['[::1', 403],
  ['localhost', 200],
  ['LOCALHOST:1234', 200],
  ['app.localhost', 200],
  ['127.0.0.1:9', 200],
  ['127.1.2.3', 200],
  ['[::1]:80', 200],
  ['logs.test', 200],
])('a request for the host %j is answered with %i', async (host, status) => {
  const { url } = await startViewer({ allowedHosts: ['logs.test'] });
  expect((await call(`${url}/ready`, { headers: { host } })).status).toBe(status);
});

test('a page of another origin can neither write nor read', async () => {
  const { url, port, stats } = await startViewer();
  const post = (headers: Record<string, string>) =>
    ingest(url, '{"a":1}', { 'content-type': 'text/plain', ...headers });
  expect((await post({ origin: 'https://evil.example' })).status).toBe(403);
  expect((await post({ origin: 'null' })).status).toBe(403);
  expect((await post({ origin: `http://127.0.0.1:${port + 1}` })).status).toBe(403);
  expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect(
    (await call(`${url}/api/records`, { method: 'DELETE', headers: { origin: 'https://evil.example' } })).status,
  ).toBe(403);
  expect(
    (await call(`${url}/api/tail`, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' } })).status,
  ).toBe(403);
  expect(stats().records).toBe(0);
  expect((await post({ origin: `http://127.0.0.1:${port}` })).status).toBe(204);
  // A link to the page from elsewhere may be followed.
  expect(
    (await call(`${url}/`, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } })).status,
  ).toBe(200);
});

test('with a token nothing is answered without it, and it is taken as bearer, password or cookie', async () => {
  const { url, port } = await startViewer({ token: TOKEN });
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
  for (const headers of [
    {},
    { authorization: `Bearer ${TOKEN}x` },
    { authorization: 'Bearer ' },
    basic('me:wrong'),
    { cookie: `spillway_viewer_${port}=%E0%A4%A` },
  ]) {
    for (const path of ['/', '/api/records', '/ready', '/nowhere']) {
      const reply = await call(url + path, { headers: headers as Record<string, string> });
      expect([path, reply.status]).toEqual([path, 401]);
      expect(reply.text).not.toContain(TOKEN);
    }
  }
  expect((await ingest(url, '{}')).status).toBe(401);
  expect((await ingest(url, '{}', { authorization: `Bearer ${TOKEN}` })).status).toBe(204);
  expect((await call(`${url}/api/stats`, { headers: basic(`anyone:${TOKEN}`) })).status).toBe(200);
  const entered = await call(`${url}/?token=${TOKEN}`);
  expect(entered).toMatchObject({ status: 303, headers: { location: '/' } });
  const [cookie] = entered.headers['set-cookie']!;
  expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
  expect((await call(`${url}/`, { headers: { cookie: cookie!.split(';')[0]! } })).status).toBe(200);
  expect((await call(`${url}/?token=wrong`)).status).toBe(401);
});

test('bound to all interfaces, addresses are answered and names are not', async () => {
  const { port } = await startViewer({ host: '0.0.0.0', token: TOKEN });
  const ask = (host: string) =>
    call(`http://127.0.0.1:${port}/ready`, { headers: { host, authorization: `Bearer ${TOKEN}` } });
  expect((await ask('192.168.1.7:4600')).status).toBe(200);
  expect((await ask('evil.example')).status).toBe(403);
});

test('unknown paths, wrong methods and malformed targets', async () => {
  const { url, port } = await startViewer();
  expect((await call(`${url}/nowhere`)).status).toBe(404);
  expect((await call(`${url}/toString`)).status).toBe(404);
  expect((await call(`${url}/../package.json`)).status).toBe(404);
  expect(await call(`${url}/ingest`)).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  expect(await call(`${url}/api/records`, { method: 'PUT' })).toMatchObject({
    status: 405,
    headers: { allow: 'GET, DELETE' },
  });
  expect((await call(`${url}/`, { method: 'HEAD' })).status).toBe(200);
  expect(await raw(port, 'GET /ready HTTP/1.0', '')).toMatch(/^HTTP\/1.1 403 /);
  expect(await raw(port, 'GET http://evil.example/ HTTP/1.1')).toMatch(/^HTTP\/1.1 400 /);
  expect(await raw(port, 'GET //evil.example/ready HTTP/1.1')).toMatch(/^HTTP\/1.1 404 /);
});

test('the query API: defaults, limits, order, cursors and times', async () => {
  const { url } = await startViewer();
  const lines = Array.from({ length: 250 }, (_, i) =>
    JSON.stringify({ level: i % 10 === 0 ? 50 : 30, time: 1_700_000_000_000 + i, msg: `m${i}` }),
  );
  await ingest(url, lines.join('\n'));
  const ids = async (parameters: Record<string, string>) => (await records(url, parameters)).map(({ id }) => id);
  expect(await ids({})).toHaveLength(200);
  expect(await ids({ limit: '3' })).toEqual([250, 249, 248]);
  expect(await ids({ limit: '2', before: '249' })).toEqual([248, 247]);
  expect(await ids({ limit: '2', order: 'oldest' })).toEqual([1, 2]);
  expect(await ids({ limit: '2', order: 'oldest', after: '2' })).toEqual([3, 4]);
  expect(await ids({ level: 'error', limit: '2' })).toEqual([241, 231]);
  expect(await ids({ since: '2023-11-14T22:13:20.240Z', until: '1700000000245' })).toEqual([
    246, 245, 244, 243, 242, 241,
  ]);
  expect(await ids({ since: '1h' })).toEqual([]);
  expect(await ids({ query: '"m17"' })).toEqual([18]);
  const page = JSON.parse((await call(`${url}/api/records?limit=249`)).text) as { next: number | null; upTo: number };
  expect(page).toMatchObject({ next: 2, upTo: 250 });
  expect(JSON.parse((await call(`${url}/api/records?before=2`)).text)).toMatchObject({ next: null });
});

test.each([
  'limit=0',
  'limit=1001',
  'limit=ten',
  'after=-1',
  'before=1e3',
  'level=loud',
  'order=random',
  'since=yesterday',
  'nonsense=1',
  `query=${'x'.repeat(1001)}`,
])('the parameter %s is refused with a text that names it', async (parameters) => {
  const { url } = await startViewer();
  const { status, text } = await call(`${url}/api/records?${parameters}`);
  expect(status).toBe(400);
  expect(text).toContain(`\`${parameters.split('=')[0]}\``);
});

test('queries that would be syntax to SQLite are words', async () => {
  const { url } = await startViewer();
  await ingest(url, '{"msg":"a near b or c"}');
  for (const query of [
    'NEAR(a b)',
    'a OR zzz',
    'text:a',
    '"',
    '*',
    'a*',
    '^a',
    "a' or 1=1 --",
    '{a b}: c',
    'a AND',
    '\\',
    '-',
    ':',
    '\u0000',
    '💥',
    '(((',
  ]) {
    const { status } = await call(`${url}/api/records?${new URLSearchParams({ query })}`);
    expect([query, status]).toEqual([query, 200]);
  }
  expect(await records(url, { query: 'a OR zzz' })).toEqual([]);
  expect(await records(url, { query: 'NEAR b' })).toHaveLength(1);
});

test('stats, and clearing everything', async () => {
  const { url, stats } = await startViewer({ maxRecords: 1000 });
  await ingest(url, '{"level":50,"time":1700000000000}\n{"level":30,"time":1700000000001}\nplain');
  const seen = JSON.parse((await call(`${url}/api/stats`)).text) as object;
  expect(seen).toMatchObject({
    records: 3,
    maxRecords: 1000,
    accepted: 3,
    oldest: 1_700_000_000_000,
    oldestId: 1,
    newestId: 3,
  });
  expect(seen).toMatchObject({ levels: { error: 1, info: 1, none: 1 } });
  expect((seen as { ratePerSecond: number }).ratePerSecond).toBeGreaterThan(0);
  expect((await call(`${url}/api/records`, { method: 'DELETE' })).status).toBe(204);
  expect(stats()).toMatchObject({ records: 0, bytes: 0, accepted: 3 });
  expect(await records(url)).toEqual([]);
});

test('hostile content comes back as JSON text and nothing else', async () => {
  const { url } = await startViewer();
  const msg = '</script><script>alert(1)</script><img src=x onerror=alert(2)> \u001b[31m \u202e \u2028 \ud800';
  await ingest(url, JSON.stringify({ msg, [msg]: msg }));
  const { headers, text } = await call(`${url}/api/records`);
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  expect((JSON.parse(text) as { records: { record: unknown }[] }).records[0]?.record).toEqual({ msg, [msg]: msg });
});

function raw(port: number, line: string, host = 'Host: localhost\r\n'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('close', () => resolve(text)).on('error', reject);
    socket.write(`${line}\r\n${host}Connection: close\r\n\r\n`);
  });
}
