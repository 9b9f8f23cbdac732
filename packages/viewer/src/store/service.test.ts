// The loop of the store's thread: one reply to each request, also when something fails.
import { afterEach, expect, test, vi } from 'vitest';
import { StoreClient } from './client.js';
import { Store } from './store.js';

afterEach(() => void vi.restoreAllMocks());

test('goes on after a removal that failed, as on a full disk', async () => {
  const client = await StoreClient.open({ file: ':memory:', maxRecords: 1000, maxBytes: 4 * 1024 * 1024 });
  vi.spyOn(Store.prototype, 'clear').mockImplementationOnce(() => {
    throw new Error('disk full');
  });
  const push = () => client.push({ format: 'ndjson', key: '', body: Buffer.from('{"a":1}') });
  await expect(client.clear()).rejects.toThrow('disk full');
  expect(await push()).toMatchObject({ status: 204 });
  await client.clear();
  expect(client.stats().records).toBe(0);
  await client.close();
});
