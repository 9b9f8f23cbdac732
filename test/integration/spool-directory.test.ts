// What is special about the place of a spool is said, once.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { pipeline } from '@spillway/core';
import { scriptedDestination } from '@spillway/testing';
import { expect, it, vi } from 'vitest';

it('warns of a directory that lies in memory', async () => {
  const directory = mkdtempSync('/dev/shm/spillway-');
  const warned: unknown[] = [];
  const listen = (message: unknown) => {
    if ((message as { type: string }).type === 'directoryWarned') warned.push(message);
  };
  subscribe('spillway:spoolChanged', listen);
  try {
    const destination = scriptedDestination();
    destination.behave(() => ({ kind: 'reset' }));
    const logs = pipeline(destination.transport, {
      warnings: 'off',
      batch: { lingerMs: 1 },
      retry: { attempts: 1 },
      breaker: { failures: 1 },
      spool: { directory, minFreeBytes: 0 },
    });
    logs.write('{"level":30,"time":1700000000123,"msg":"a"}\n');
    await vi.waitUntil(() => logs.stats().spooled.records === 1, { timeout: 20_000 });
    logs.write('{"level":30,"time":1700000000123,"msg":"b"}\n');
    await vi.waitUntil(() => logs.stats().spooled.records === 2, { timeout: 20_000 });
    await logs.close();
    expect(warned).toMatchObject([{ reason: 'memory' }]);
  } finally {
    unsubscribe('spillway:spoolChanged', listen);
    rmSync(directory, { recursive: true });
  }
});
