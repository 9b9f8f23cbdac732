import { pipeline } from '@spillway/core';
import { scriptedDestination } from '@spillway/testing';
import { expect, it } from 'vitest';
import { consume } from './consumer.js';
import { createRing, RingReader, RingWriter } from './ring.js';

const QUEUE_BYTES = 65_536;

it("with `whenFull: 'block'` leaves in the ring what the queue has no room for, until there is", async () => {
  const destination = scriptedDestination();
  let held = true;
  destination.behave(() => (held ? { kind: 'hang' } : { kind: 'reply', verdict: { outcome: 'ack' } }));
  const shipping = pipeline(destination.transport, {
    queue: { maxBytes: QUEUE_BYTES, whenFull: 'block' },
    batch: { maxBytes: 16_384, lingerMs: 1 },
    send: { timeoutMs: 200 },
    retry: { minMs: 1, maxMs: 5 },
    breaker: { cooldownMs: 20 },
    warnings: 'off',
  });
  const memory = createRing(1 << 20);
  const writer = new RingWriter(memory);
  const line = `${JSON.stringify({ level: 30, time: 1_700_000_000_000, pad: 'x'.repeat(60) })}\n`;
  const records = 8000;
  for (let i = 0; i < records; i += 100) expect(writer.write(line.repeat(100), 0)).toBe(true);
  const written = writer.pending;
  writer.end();

  const reader = new RingReader(memory);
  const report = consume(reader, shipping);
  // Long after the first piece was taken, and with the loop free to take more, the rest is still in the ring.
  while (destination.requests.length < 3) await new Promise((turned) => setTimeout(turned, 5));
  expect(writer.pending).toBeGreaterThan(0);
  expect(shipping.stats().accepted.bytes).toBeLessThanOrEqual(written - writer.pending);

  held = false;
  const { settled, stats } = await report;
  expect(settled).toBe(true);
  expect(stats.acked.records).toBe(records);
});
