import { batchOf, simRuntime } from '@spillway/testing';
import { describe, expect, it, vi } from 'vitest';
import { Breaker } from './breaker.js';
import type { Deliverer } from './deliver.js';
import { Dispatcher } from './dispatcher.js';
import { type Entry, FROM_DISK } from './entry.js';
import { InFlight } from './in-flight.js';
import { Queue } from './queue.js';
import { Room } from './room.js';
import type { Spooler } from './spooler.js';

const ARRIVAL_BYTES = 60;

/** A dispatcher between a disk and a destination of which neither answers before a test does it for them. */
function setUp() {
  const runtime = simRuntime();
  const [queue, inFlight] = [new Queue(), new InFlight()];
  const disk = { answer: (_: Entry | undefined) => {}, asked: () => {}, readiness: 'ready' as 'ready' | 'empty' };
  const spooler: Pick<Spooler, 'readiness' | 'drain' | 'waitMs' | 'relieve' | 'delivered'> = {
    get readiness() {
      return disk.readiness;
    },
    drain: () =>
      new Promise((resolve) => {
        disk.asked();
        disk.answer = resolve;
      }),
    waitMs: () => (disk.readiness === 'ready' ? 0 : Number.POSITIVE_INFINITY),
    relieve: () => {},
    delivered: (entry, parts) => parts.map((batch) => ({ ...entry, batch })),
  };
  const memoryBytes = (): number => queue.bytes + inFlight.bytes + dispatcher.arrivingBytes;
  const room = new Room(
    { maxBytes: 100, whenFull: 'block' },
    { memoryBytes, moveToDisk: () => false, dropBatch: () => false },
  );
  /** Ends deliveries with nothing settled, in the order in which they began. */
  const giveBack: (() => void)[] = [];
  const deliverer: Pick<Deliverer, 'deliver'> = { deliver: () => new Promise((resolve) => giveBack.push(resolve)) };
  const breaker = new Breaker({ failures: 5, cooldownMs: 1000, probeMs: 1000 }, runtime);
  const dispatcher = new Dispatcher(
    { maxInFlight: 2, oldestFirst: false, arrivalBytes: ARRIVAL_BYTES },
    {
      ...{ runtime, queue, inFlight, room },
      spooler: spooler as Spooler,
      deliverer: deliverer as Deliverer,
      breaker,
      closing: () => false,
      settled: () => {},
      ended: () => {},
    },
  );
  return { runtime, disk, queue, room, breaker, dispatcher, giveBack };
}

const entry = (line: string, seal: number): Entry => ({ batch: batchOf([line]), seal, lane: 'normal', at: 0 });

describe('dispatcher', () => {
  it.each([
    ['nothing', undefined],
    ['little', entry('{"a":1}', FROM_DISK)],
  ])(
    'when %s comes from the disk, tells a writer that waits of the room that was kept for more',
    async (_, arrival) => {
      const { disk, queue, room, dispatcher } = setUp();
      dispatcher.fill();
      expect(dispatcher.arrivingBytes).toBe(ARRIVAL_BYTES);
      queue.push(entry(`{"pad":"${'x'.repeat(40)}"}`, 1));
      expect(room.holdsBack).toBe(true);
      let drained = false;
      void room.drained().then(() => {
        drained = true;
      });
      disk.readiness = 'empty';
      disk.answer(arrival);
      await new Promise(setImmediate);
      expect(drained).toBe(true);
    },
  );

  it('does not look again and again for what finds no room or is on its way, and takes it when it can', async () => {
    const { runtime, disk, queue, dispatcher, giveBack } = setUp();
    const after = vi.spyOn(runtime, 'after');
    const asked = vi.fn();
    disk.asked = asked;
    queue.push(entry(`{"pad":"${'x'.repeat(40)}"}`, 1));
    disk.readiness = 'empty';
    dispatcher.fill();
    disk.readiness = 'ready';
    dispatcher.fill();
    expect(asked).toHaveBeenCalledTimes(0);
    dispatcher.takeBackAll();
    dispatcher.fill();
    dispatcher.fill();
    expect(asked).toHaveBeenCalledTimes(1);
    disk.answer(entry('{"a":1}', FROM_DISK));
    await new Promise(setImmediate);
    expect(asked).toHaveBeenCalledTimes(2);
    expect(giveBack).toHaveLength(2);
    expect(after).not.toHaveBeenCalled();
  });

  it('sends one probe at a time, whatever becomes of what was on its way before', async () => {
    const { runtime, disk, queue, breaker, dispatcher, giveBack } = setUp();
    disk.readiness = 'empty';
    for (let seal = 1; seal <= 3; seal++) queue.push(entry('{"a":1}', seal));
    dispatcher.fill();
    expect(giveBack).toHaveLength(2);
    for (let i = 0; i < 5; i++) breaker.failed();
    giveBack[0]!();
    await runtime.advance(2000);
    expect(breaker.state).toBe('half-open');
    expect(giveBack).toHaveLength(3);
    giveBack[1]!();
    await runtime.advance(2000);
    expect(giveBack).toHaveLength(3);
    giveBack[2]!();
    await runtime.advance(2000);
    expect(giveBack).toHaveLength(4);
  });

  it('keeps the process alive for whoever waits for the last of what is on its way', async () => {
    const { runtime, disk, queue, dispatcher, giveBack } = setUp();
    disk.readiness = 'empty';
    queue.push(entry('{"a":1}', 1));
    dispatcher.fill();
    dispatcher.stop();
    const after = vi.spyOn(runtime, 'after');
    const landed = dispatcher.landed();
    giveBack[0]!();
    await runtime.advance(10);
    await landed;
    expect(after.mock.calls.map(([, , options]) => options)).toEqual([{ keepsAlive: true }]);
  });
});
