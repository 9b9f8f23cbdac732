// Every real server the integration tests rely on is obtained, started, written to once and read back.
// A server that cannot be had fails its test: an integration suite without its server proves nothing.
import { expect, test } from 'vitest';
import { loki, OBTAIN_TIMEOUT_MS, until, victorialogs } from '../servers/index.js';

test('loki takes a push and gives it back, also after a restart', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await loki.start();
  const ns = BigInt(Date.now()) * 1_000_000n + 123n;
  const values = [
    [String(ns), 'first', { trace: 't1' }],
    [String(ns + 1n), 'second'],
  ];
  const reply = await pushToLoki(server.url, { stream: { app: 'smoke' }, values });
  expect(reply.status).toBe(204);

  const entries = await server.query({ query: '{app="smoke"}' });
  expect(entries.map(({ ns, line }) => [ns, line])).toEqual([
    [ns, 'first'],
    [ns + 1n, 'second'],
  ]);
  expect(entries[0]?.labels.app).toBe('smoke');
  expect(entries[0]?.metadata.trace).toBe('t1');

  await server.kill();
  await server.restart();
  expect(await server.count({ query: '{app="smoke"}' })).toBe(2);

  // More than a page, and more than a page at one instant.
  const many = Array.from({ length: 12_000 }, (_, i) => [String(i < 6000 ? ns : ns + BigInt(i)), `line ${i}`]);
  await pushToLoki(server.url, { stream: { app: 'pages' }, values: many });
  const lines = (await server.query({ query: '{app="pages"}' })).map(({ line }) => line);
  expect(new Set(lines).size).toBe(12_000);
  expect(lines.length).toBe(12_000);
  await server.dispose();
});

test('loki with strict limits refuses a line over 16 KB', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await loki.start({ limits: 'strict' });
  const reply = await pushToLoki(server.url, {
    stream: { app: 'smoke' },
    values: [[`${Date.now()}000000`, 'x'.repeat(16_385)]],
  });
  expect(reply.status).toBe(400);
  expect(await reply.text()).toContain('max entry size');
  await server.dispose();
});

test('victorialogs takes JSON lines and gives them back', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await victorialogs.start();
  const rows = [1, 2].map((n) =>
    JSON.stringify({ ts: new Date().toISOString(), app: 'smoke', msg: `line ${n}`, at: { n } }),
  );
  const fields = '_stream_fields=app&_time_field=ts&_msg_field=msg';
  const reply = await fetch(`${server.url}/insert/jsonline?${fields}`, { method: 'POST', body: rows.join('\n') });
  expect(reply.status).toBe(200);

  server.pause();
  await expect(fetch(`${server.url}/health`, { signal: AbortSignal.timeout(300) })).rejects.toThrow('timeout');
  server.resume();
  await until(async () => (await server.count('app:=smoke')) === 2, { what: 'both rows' });
  const found = await server.query('app:=smoke | sort by (_msg)');
  expect(found.map((row) => [row._msg, row['at.n']])).toEqual([
    ['line 1', '1'],
    ['line 2', '2'],
  ]);
  await server.dispose();
});

function pushToLoki(url: string, stream: object): Promise<Response> {
  return fetch(`${url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streams: [stream] }),
  });
}
