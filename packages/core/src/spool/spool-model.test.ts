// The spool against a model in memory, by fast-check: any sequence of what its owner may do, with crashes, restarts and
// clocks that jump, on a disk that does as it is told. What comes out is what the model holds, in the batches that it knows,
// and the books balance after every step; a failing sequence is shrunk to its shortest.

import { batchOf, SimMachine, type SimProcess } from '@spillway/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Batch } from '../batch.js';
import { LANES, type Lane } from '../lane.js';
import type { Receipt } from './segment.js';
import { createSpool, type Spool } from './spool.js';

interface Held {
  readonly batch: Batch;
  readonly receipt: Receipt;
}

/** A record and where it should be. Settled ones are forgotten once the disk knows; if a crash was faster, they may be back. */
interface Known {
  readonly line: string;
  place: 'piece' | 'free' | 'held' | 'settled' | 'maybe';
  /** The batch it belongs to; the journal's records have none until they are sealed, or handed out after a crash. */
  batch: string | undefined;
}

/** What should be where. */
class Model {
  readonly known = new Map<string, Known>();
  readonly held: Held[] = [];
  /** Journaled and in no batch yet, oldest first. */
  readonly pieces: Record<Lane, Batch[]> = { high: [], normal: [], low: [] };

  put(batch: Batch, place: Known['place']): void {
    const id = place === 'piece' ? undefined : batch.id;
    for (let i = 0; i < batch.count; i++) {
      this.known.set(batch.recordId(i), { line: batch.line(i).toString(), place, batch: id });
    }
  }

  count(...places: Known['place'][]): number {
    let sum = 0;
    for (const { place } of this.known.values()) if (places.includes(place)) sum++;
    return sum;
  }

  /** Nobody holds anything any more. */
  crash(): void {
    this.held.splice(0);
    for (const lane of LANES) this.pieces[lane].splice(0);
    for (const known of this.known.values()) {
      known.place = known.place === 'settled' || known.place === 'maybe' ? 'maybe' : 'free';
    }
  }

  forgetSettled(): void {
    for (const [id, { place }] of this.known) if (place === 'settled') this.known.delete(id);
  }
}

/** A machine with the process that uses the spool. */
class Real {
  readonly disk = new SimMachine(7);
  spool!: Spool;
  #process!: SimProcess;
  #lives = 0;
  /** Nothing was found on the disk, so that every number is exact. */
  exact = true;
  readonly #sequences: Record<Lane, number> = { high: 0, normal: 0, low: 0 };

  /** A new process, which takes over what the last one left. */
  async start(): Promise<void> {
    this.#process = this.disk.spawn(`p${this.#lives++}`);
    Object.assign(this.#sequences, { high: 0, normal: 0, low: 0 });
    this.spool = createSpool(
      { directory: '/data/s', minFreeBytes: 0, compression: 'none' },
      {
        runtime: this.#process.runtime,
        fs: this.#process.fs,
        destination: 'd',
        env: {},
        identity: { pid: this.#lives, hostname: 'h', bootId: 'b' },
        tuning: { segmentBytes: 1500, offload: false, maxAttempts: 1000 },
      },
    );
    // Silence has to last for a while to prove a death, longer if the clock went back.
    await this.disk.finish(this.spool.scan());
    for (let looks = 0; looks < 100 && this.hasDead(); looks++) {
      await this.disk.advance(20_000);
      await this.disk.finish(this.spool.scan());
    }
  }

  /** Whether there are queues that this process has not taken over. */
  hasDead(): boolean {
    const owners = this.disk.files().filter((path) => /^\/data\/s\/[^/]+\/q-[^/]+\/OWNER$/.test(path));
    return owners.some((path) => JSON.parse(this.disk.read(path).toString()).pid !== this.#lives);
  }

  kill(): void {
    this.#process.kill();
    this.exact = false;
  }

  batch(lane: Lane, count: number): Batch {
    const firstSequence = this.#sequences[lane];
    this.#sequences[lane] += count;
    const writer = `p${this.#lives}${lane[0]}`;
    const lines = Array.from({ length: count }, (_, i) => `{"w":"${writer}","n":${firstSequence + i}}`);
    return batchOf(lines, { writer, firstSequence });
  }

  /** Lets everything that is under way come to its end. */
  async settle(): Promise<void> {
    while (await this.disk.step(this.disk.elapsed));
  }
}

/** Pieces of the journal as the batch that they become. */
function joined(parts: readonly Batch[]): Batch {
  const lines = parts.flatMap((part) => Array.from({ length: part.count }, (_, i) => part.line(i).toString()));
  return batchOf(lines, { writer: parts[0]!.writer, firstSequence: parts[0]!.firstSequence });
}

type Command = fc.AsyncCommand<Model, Real>;
function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real);
      const { appended, recovered, acked, rejected, lost, duplicatesSuppressed, withdrawn, waiting } =
        real.spool.stats();
      for (const key of ['records', 'bytes'] as const) {
        const out = acked[key] + rejected[key] + lost[key] + duplicatesSuppressed[key] + withdrawn[key];
        expect(appended[key] + recovered[key]).toBe(out + waiting[key]);
      }
      if (real.exact) expect(waiting.records).toBe(model.count('piece', 'free', 'held'));
      else expect(waiting.records).toBeGreaterThanOrEqual(0);
    },
    toString: () => name,
  };
}

const append = (lane: Lane, count: number) =>
  command(`append(${lane}, ${count})`, async (model, real) => {
    const batch = real.batch(lane, count);
    const receipt = await real.disk.finish(real.spool.append(batch, lane));
    expect(receipt).toMatchObject({ lane, records: count, bytes: batch.bytes.length });
    model.put(batch, 'free');
  });

const journal = (lane: Lane, count: number) =>
  command(`journal(${lane}, ${count})`, async (model, real) => {
    const batch = real.batch(lane, count);
    expect(real.spool.journal(batch, lane)).toMatchObject({ lane, records: count });
    model.put(batch, 'piece');
    model.pieces[lane].push(batch);
  });

/** Consecutive pieces, the oldest first, become a batch. */
const seal = (lane: Lane, most: number) =>
  command(`seal(${lane}, ${most})`, async (model, real) => {
    const pieces = model.pieces[lane];
    const parts: Batch[] = [];
    while (pieces.length > 0 && parts.length < most) {
      const last = parts.at(-1);
      // Between them numbers went to a batch of their own.
      if (last && last.sequence(last.count - 1) + 1 !== pieces[0]!.firstSequence) break;
      parts.push(pieces.shift()!);
    }
    if (parts.length === 0) return;
    const batch = joined(parts);
    const receipt = real.spool.seal(batch, lane)!;
    expect(receipt).toMatchObject({ lane, records: batch.count, bytes: batch.bytes.length });
    model.put(batch, 'held');
    model.held.push({ batch, receipt });
  });

const next = command('next', async (model, real) => void (await drained(model, real)));

/** Takes a batch from the spool and checks it. False where there is none, which must be so. */
async function drained(model: Model, real: Real): Promise<boolean> {
  const entry = await real.disk.finish(real.spool.next());
  if (!entry) {
    expect(model.count('free')).toBe(0);
    return false;
  }
  const { batch } = entry;
  for (let i = 0; i < batch.count; i++) {
    const known = model.known.get(batch.recordId(i));
    expect(known, `${batch.recordId(i)} came from nowhere`).toBeDefined();
    expect(known).toMatchObject({ line: batch.line(i).toString(), place: expect.stringMatching(/free|maybe/) });
    if (known!.batch !== undefined) expect(batch.id).toBe(known!.batch);
    if (real.exact) expect(known!.place).toBe('free');
  }
  model.put(batch, 'held');
  model.held.push(entry);
  return true;
}

function take(model: Model, pick: number): Held | undefined {
  return model.held.splice(pick % Math.max(1, model.held.length), 1)[0];
}

const settle = (how: 'ack' | 'reject', pick: number) =>
  command(`${how}(${pick})`, async (model, real) => {
    const held = take(model, pick);
    if (!held) return;
    real.spool[how](held.receipt);
    // Twice is once.
    real.spool.ack(held.receipt);
    model.put(held.batch, 'settled');
  });

const release = (pick: number) =>
  command(`release(${pick})`, async (model, real) => {
    const held = take(model, pick);
    if (!held) return;
    real.spool.release(held.receipt);
    model.put(held.batch, 'free');
  });

const replace = (pick: number) =>
  command(`replace(${pick})`, async (model, real) => {
    const held = take(model, pick);
    if (!held) return;
    const every = Array.from({ length: Math.ceil(held.batch.count / 2) }, (_, i) => 2 * i);
    const batch = held.batch.pick(every);
    const receipt = (await real.disk.finish(real.spool.replace(held.receipt, batch)))!;
    expect(receipt).toMatchObject({ records: batch.count, bytes: batch.bytes.length });
    for (let i = 0; i < held.batch.count; i++) model.known.delete(held.batch.recordId(i));
    model.put(batch, 'held');
    model.held.push({ batch, receipt });
  });

const wait = (ms: number) => command(`wait(${ms})`, (_, real) => real.disk.advance(ms));
const jump = (ms: number) => command(`jump(${ms})`, async (_, real) => real.disk.jump(ms));

/** Dies, all acks written or in the middle of it, and comes back. */
const crash = (idle: boolean) =>
  command(`crash(${idle ? 'idle' : 'busy'})`, async (model, real) => {
    if (idle) {
      await real.settle();
      model.forgetSettled();
    }
    real.kill();
    model.crash();
    await real.start();
  });

const close = command('close', async (model, real) => {
  await real.disk.finish(real.spool.close());
  real.kill();
  model.forgetSettled();
  model.crash();
  await real.start();
});

const lane = fc.constantFrom(...LANES);
const pick = fc.nat(20);
const commands = fc.commands(
  [
    fc.tuple(lane, fc.integer({ min: 1, max: 30 })).map((args) => append(...args)),
    fc.tuple(lane, fc.integer({ min: 1, max: 10 })).map((args) => journal(...args)),
    fc.tuple(lane, fc.integer({ min: 1, max: 5 })).map((args) => seal(...args)),
    fc.constant(next),
    fc.tuple(fc.constantFrom('ack' as const, 'ack' as const, 'reject' as const), pick).map((args) => settle(...args)),
    pick.map(release),
    pick.map(replace),
    fc.integer({ min: 1, max: 70_000 }).map(wait),
    fc.integer({ min: -100_000, max: 100_000 }).map(jump),
    fc.boolean().map(crash),
    fc.constant(close),
  ],
  { maxCommands: 60 },
);

it('does as the model does', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const model = new Model();
      const real = new Real();
      await real.start();
      await fc.asyncModelRun(() => ({ model, real }), sequence);
      // Whatever happened: in the end all of it comes out, and nothing stays behind.
      for (const { receipt } of model.held.splice(0)) real.spool.release(receipt);
      await close.run(model, real);
      while (await drained(model, real)) {
        for (const { batch, receipt } of model.held.splice(0)) {
          real.spool.ack(receipt);
          model.put(batch, 'settled');
        }
      }
      expect(model.count('free')).toBe(0);
      await real.disk.finish(real.spool.close());
      expect(real.disk.files()).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
