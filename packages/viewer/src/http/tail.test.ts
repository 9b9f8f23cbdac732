// The live tail as a client sees it: order, filters, resumption, what is skipped, and clients that do not read.
import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { limits } from '../limits.js';
import { type ApiRecord, call, ingest, startViewer, until } from './test-client.js';

test('records arrive as they are stored, in order, and only those that match', async () => {
  const { url } = await startViewer();
  const all = tail(url);
  const errors = tail(url, { level: 'error', query: 'boom' });
  await until(() => all.hello && errors.hello);
  for (let i = 0; i < 5; i++)
    await ingest(url, `{"level":30,"msg":"boom ${i}"}\n{"level":50,"msg":"boom ${i}"}\n{"level":50,"msg":"other"}`);
  await until(() => all.records.length === 15);
  expect(all.records.map(({ id }) => id)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
  await until(() => errors.records.length === 5);
  expect(errors.records.map(({ id }) => id)).toEqual([2, 5, 8, 11, 14]);
});

test('a tail starts after the record it is told, or where a reconnecting browser was', async () => {
  const { url } = await startViewer();
  await ingest(url, '1\n2\n3\n4');
  const after = tail(url, { after: '2' });
  const resumed = tail(url, { after: '0' }, { 'last-event-id': '3' });
  const fresh = tail(url);
  await until(() => after.records.length === 2 && resumed.records.length === 1 && fresh.hello);
  await ingest(url, '5');
  await until(() => after.records.length === 3 && resumed.records.length === 2 && fresh.records.length === 1);
  expect(after.records.map(({ id }) => id)).toEqual([3, 4, 5]);
  expect(resumed.records.map(({ id }) => id)).toEqual([4, 5]);
  expect(fresh.records.map(({ id }) => id)).toEqual([5]);
});

test('a position beyond the newest record is taken as now', async () => {
  const { url } = await startViewer();
  const client = tail(url, { after: '1000' });
  await until(() => client.hello);
  await ingest(url, '1');
  await until(() => client.records.length === 1);
});

test('of a burst the newest are sent, and the others are counted', async () => {
  const { url } = await startViewer();
  const client = tail(url);
  await until(() => client.hello);
  await ingest(url, Array.from({ length: 20_000 }, (_, i) => `{"n":${i}}`).join('\n'));
  await until(() => client.records.length + client.skipped === 20_000);
  expect(client.records.length).toBe(limits.tailRecords);
  expect(client.records.at(-1)?.id).toBe(20_000);
});

test('a client that does not read holds no memory, and learns later how much it missed', async () => {
  const { url, port } = await startViewer();
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.pause();
  socket.write(`GET /api/tail HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  const body = Array.from({ length: 1000 }, (_, i) => JSON.stringify({ i, filler: 'x'.repeat(1000) })).join('\n');
  for (let i = 0; i < 30; i++) expect((await ingest(url, body)).status).toBe(204);
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.resume();
  // It catches up with the newest record; what came between was skipped, not queued.
  await until(() => text.includes('{"id":30000,'));
  expect(text.length).toBeLessThan(20_000_000);
  const skipped = [...text.matchAll(/"skipped":(\d+)\}/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  const sent = [...text.matchAll(/\{"id":\d+,/g)].length;
  expect(sent + skipped).toBe(30_000);
  expect(skipped).toBeGreaterThan(0);
});

test('counts come every second while a tail is open', async () => {
  const { url } = await startViewer();
  const client = tail(url);
  await ingest(url, '1\n2');
  await until(() => client.stats.some((stats) => stats.records === 2));
});

test('there is a bound on tails, and a tail that ends makes room', async () => {
  const { url } = await startViewer();
  const clients = Array.from({ length: limits.tailClients }, () => tail(url));
  await until(() => clients.every((client) => client.hello));
  expect((await call(`${url}/api/tail`)).status).toBe(503);
  clients[0]!.request.destroy();
  let again = tail(url);
  await until(() => {
    if (again.status === 503) again = tail(url);
    return again.hello;
  });
});

test('closing the viewer ends its tails', async () => {
  const viewer = await startViewer();
  const client = tail(viewer.url);
  await until(() => client.hello);
  await viewer.close();
  await until(() => client.ended);
});

interface Client {
  readonly request: ClientRequest;
  readonly records: ApiRecord[];
  readonly stats: Record<string, unknown>[];
  status: number;
  skipped: number;
  hello: boolean;
  ended: boolean;
}

function tail(url: string, parameters: Record<string, string> = {}, headers: Record<string, string> = {}): Client {
  const outgoing = request(`${url}/api/tail?${new URLSearchParams(parameters)}`, { headers, agent: false });
  const client: Client = {
    request: outgoing,
    records: [],
    stats: [],
    status: 0,
    skipped: 0,
    hello: false,
    ended: false,
  };
  onTestFinished(() => void outgoing.destroy());
  outgoing.on('error', () => {});
  outgoing.on('response', (response) => {
    client.status = response.statusCode ?? 0;
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        take(client, text.slice(0, end));
        text = text.slice(end + 2);
      }
    });
    response.on('close', () => {
      client.ended = true;
    });
  });
  outgoing.end();
  return client;
}

function take(client: Client, event: string): void {
  const fields = Object.fromEntries(
    event.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data = JSON.parse(fields.data ?? 'null') as { records: ApiRecord[]; skipped: number };
  if (fields.event === 'hello') client.hello = true;
  if (fields.event === 'stats') client.stats.push(data as unknown as Record<string, unknown>);
  if (fields.event === 'records') {
    client.records.push(...data.records);
    client.skipped += data.skipped;
  }
}
