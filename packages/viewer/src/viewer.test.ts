// The viewer as a whole, from its library API.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { call, ingest, startViewer, temporaryDirectory } from './http/test-client.js';
import { viewer } from './viewer.js';

test('starts on a free port, says where it is, and after close nothing is there', async () => {
  const running = await startViewer();
  expect(running.url).toBe(`http://127.0.0.1:${running.port}`);
  expect(running.directory).toBeUndefined();
  expect((await call(`${running.url}/ready`)).text).toBe('ready\n');
  await Promise.all([running.close(), running.close()]);
  await running.close();
  await expect(call(`${running.url}/ready`)).rejects.toThrow(/ECONNREFUSED/);
});

test('a port in use is an error that says what to do, and leaves nothing behind', async () => {
  const { port } = await startViewer();
  const directory = temporaryDirectory();
  await expect(viewer({ port, directory })).rejects.toThrow(
    expect.objectContaining({ code: 'SPILLWAY_VIEWER_LISTEN', message: expect.stringContaining('`port`') }),
  );
  const second = await startViewer({ directory });
  expect(second.directory).toBe(directory);
});

test('records survive a restart, in files that only the owner can read', async () => {
  const directory = temporaryDirectory();
  const first = await startViewer({ directory });
  await ingest(first.url, '{"a":1}\n{"a":2}');
  await first.close();
  for (const name of readdirSync(directory))
    expect([name, statSync(join(directory, name)).mode & 0o777]).toEqual([name, 0o600]);
  const second = await startViewer({ directory });
  expect(second.stats()).toMatchObject({ records: 2, accepted: 0 });
});

test('what was being sent when close was called is answered', async () => {
  const running = await startViewer();
  const replies = Array.from({ length: 20 }, () =>
    ingest(running.url, '{"a":1}').then(
      ({ status }) => status,
      () => 0,
    ),
  );
  const first = await replies[0];
  await running.close();
  expect(first).toBe(204);
  const stored = (await Promise.all(replies)).filter((status) => status === 204).length;
  expect(running.stats().records).toBe(stored);
});

test('ends with the block that it was declared in', async () => {
  let url: string;
  {
    await using running = await viewer({ port: 0, memory: true });
    url = running.url;
  }
  await expect(call(`${url}/ready`)).rejects.toThrow(/ECONNREFUSED/);
});
