// Random lives of the spool on a simulated machine, from one seed: processes that spill, journal, drain, settle, crash
// and adopt each other's queues, while the disk does everything it may. After every action the books must balance; in
// the end everything heals, one last process drains what is left, and every promise is checked:
//   - nothing is handed out that was not put in, byte for byte and column for column, under the id it had
//   - what was promised is handed out, or settled, or counted as dropped; after a power loss, what was durable
//   - the queue ends up empty, in bounded time, with no file left

import { Batch, createSpool, LANES, type Lane, type Receipt, type Spool, type SpoolEvent } from '@spillway/core';
import { noFaults, SimMachine, type SimProcess } from './sim-disk.js';

const directory = '/data/spool';
const destination = 'loki loki:3100/loki/api/v1/push';

/** How a run may go. */
export interface Scenario {
  readonly seed: number;
  /** End the first process, or all power, at this call. */
  readonly dieAt?: { readonly call: number; readonly power: boolean };
  /** Prints what happens. */
  readonly trace?: (line: string) => void;
}

/** What a run went through. */
export interface SimulationReport {
  readonly seed: number;
  readonly calls: number;
  /** Calls before everything healed. */
  readonly callsUntilHealing: number;
  readonly records: number;
  readonly kills: number;
  readonly powerLosses: number;
  readonly evicted: number;
  readonly lost: number;
  readonly duplicates: number;
}

/** One record and what is known about it. */
interface Known {
  readonly line: string;
  readonly time: number;
  readonly level: number;
  /** The spool has said that it has it. */
  promised: boolean;
  /** It was on the disk itself at some time: nothing but being settled ends that. */
  durable: boolean;
  receipt: Receipt | undefined;
  settled: boolean;
  handedOut: number;
  /** The batch it was last handed out or sealed in. */
  batch: string | undefined;
  /** Between two frames: a crash may leave it in both. */
  moving: boolean;
}

interface Life {
  readonly process: SimProcess;
  readonly spool: Spool;
  readonly writer: string;
  readonly sequences: Record<Lane, number>;
  /** Journaled and in no batch yet, oldest first. */
  readonly pieces: Record<Lane, { batch: Batch; receipt: Receipt }[]>;
  readonly held: { batch: Batch; receipt: Receipt }[];
  busy: number;
}

class Violation extends Error {}

class Simulation {
  readonly machine: SimMachine;
  readonly known = new Map<string, Known>();
  readonly events: SpoolEvent[] = [];
  readonly scenario: Scenario;
  readonly lives: Life[] = [];
  readonly sync: 'none' | 'interval' | 'always';
  readonly options: Record<string, unknown>;
  kills = 0;
  powerLosses = 0;
  faulty = false;
  evicted = 0;
  lost = 0;
  buried = 0;
  duplicates = 0;
  #names = 0;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.machine = new SimMachine(scenario.seed);
    const { machine } = this;
    this.sync = (['none', 'interval', 'always'] as const)[machine.below(3)]!;
    const small = machine.chance(0.2);
    this.options = {
      directory,
      sync: this.sync,
      compression: 'none',
      minFreeBytes: 0,
      maxBytes: small ? 2 ** 20 : 2 ** 30,
      whenFull: machine.chance(0.5) ? 'dropOldest' : 'dropNewest',
      ...(machine.chance(0.1) && { encryption: { key: '0f'.repeat(32) } }),
    };
    machine.beforeCall = (call) => {
      if (scenario.trace) this.trace(`  ${call.name} ${call.args.filter((arg) => typeof arg !== 'object').join(' ')}`);
      if (machine.calls === scenario.dieAt?.call) this.die(scenario.dieAt.power);
    };
  }

  die(power: boolean): void {
    if (power) this.powerLoss();
    else if (this.lives[0]) this.kill(this.lives[0]);
  }

  trace(line: string): void {
    this.scenario.trace?.(`${this.machine.calls} ${line}`);
  }

  fail(message: string): never {
    throw new Violation(`seed ${this.scenario.seed}: ${message}`);
  }

  spawn(): Life {
    const process = this.machine.spawn(`p${this.#names++}`);
    const spool = createSpool(this.options, {
      runtime: process.runtime,
      fs: process.fs,
      destination,
      identity: { pid: this.#names, hostname: 'sim', bootId: `boot${this.powerLosses}` },
      env: {},
      onEvent: (event) => this.noteEvent(process, event),
      tuning: { segmentBytes: 2048 + this.machine.below(8192), maxAttempts: 1000, offload: false },
    });
    const none = { high: 0, normal: 0, low: 0 };
    const pieces = { high: [], normal: [], low: [] };
    const life: Life = { process, spool, writer: process.name, sequences: none, pieces, held: [], busy: 0 };
    this.lives.push(life);
    this.trace(`${process.name} starts`);
    return life;
  }

  noteEvent(process: SimProcess, event: SpoolEvent): void {
    if (!process.alive) return;
    this.trace(`${process.name} ${JSON.stringify(event)}`);
    if (event.type === 'segmentEvicted') this.evicted += event.records;
    if (event.type === 'recordsLost') this.lost += event.records;
    if (event.type === 'recordsDeadLettered') this.buried += event.records;
  }

  // --- what processes do

  batch(life: Life, lane: Lane): Batch {
    const { machine } = this;
    const count = 1 + machine.below(machine.chance(0.1) ? 60 : 8);
    const writer = `${life.writer}${lane[0]}`;
    const firstSequence = life.sequences[lane];
    life.sequences[lane] += count;
    const lines: string[] = [];
    const times = new Float64Array(count);
    const levels = new Uint16Array(count);
    for (let i = 0; i < count; i++) {
      times[i] = machine.now - machine.below(1000);
      levels[i] = lane === 'high' ? 50 : lane === 'low' ? 20 : 30;
      const line = `{"id":"${writer}-${firstSequence + i}","pad":"${'x'.repeat(machine.below(200))}"}`;
      lines.push(line);
      this.known.set(`${writer}-${firstSequence + i}`, {
        line,
        time: times[i]!,
        level: levels[i]!,
        promised: false,
        durable: false,
        receipt: undefined,
        settled: false,
        handedOut: 0,
        batch: undefined,
        moving: false,
      });
    }
    return toBatch({ writer, firstSequence, lines, times, levels });
  }

  knownOf(batch: Batch): Known[] {
    return Array.from({ length: batch.count }, (_, i) => {
      const known = this.known.get(batch.recordId(i));
      return known ?? this.fail(`unknown record ${batch.recordId(i)} in ${batch.id}`);
    });
  }

  promise(batch: Batch, receipt: Receipt): void {
    for (const known of this.knownOf(batch)) {
      known.promised = true;
      known.receipt = receipt;
      if (this.sync === 'always' && !receipt.durable) this.fail(`a receipt of ${batch.id} is not durable`);
    }
  }

  lane(): Lane {
    return LANES[this.machine.below(3)]!;
  }

  async append(life: Life): Promise<void> {
    const lane = this.lane();
    const batch = this.batch(life, lane);
    const receipt = await life.spool.append(batch, lane);
    this.trace(`${life.process.name} append ${batch.id} ${receipt ? 'ok' : 'refused'}`);
    // What a dead process would have gone on to do does not count.
    if (!receipt || !life.process.alive) return;
    this.promise(batch, receipt);
    for (const known of this.knownOf(batch)) known.batch = batch.id;
  }

  journal(life: Life): void {
    const lane = this.lane();
    const batch = this.batch(life, lane);
    const receipt = life.spool.journal(batch, lane);
    this.trace(`${life.process.name} journal ${batch.id} ${receipt ? 'ok' : 'refused'}`);
    if (!receipt || !life.process.alive) return;
    this.promise(batch, receipt);
    life.pieces[lane].push({ batch, receipt });
  }

  seal(life: Life): void {
    const lane = this.lane();
    const pieces = life.pieces[lane];
    if (pieces.length === 0) return;
    // Not over a gap that a refused piece left.
    const members = [pieces.shift()!];
    while (pieces.length > 0 && this.machine.chance(0.7)) {
      const last = members.at(-1)!.batch;
      if (pieces[0]!.batch.firstSequence !== last.sequence(last.count - 1) + 1) break;
      members.push(pieces.shift()!);
    }
    const parts = members.map(({ batch }) => batch);
    // Records that were not journaled before the batch was closed are journaled by the seal.
    if (pieces.length === 0 && this.machine.chance(0.3)) {
      const last = parts.at(-1)!;
      if (life.sequences[lane] === last.sequence(last.count - 1) + 1) parts.push(this.batch(life, lane));
    }
    const whole = joined(parts);
    const receipt = life.spool.seal(whole, lane);
    this.trace(`${life.process.name} seal ${whole.id} ${receipt ? 'ok' : 'refused'}`);
    if (!life.process.alive) return;
    if (!receipt) {
      // The pieces are still there; what was not journaled is forgotten by its owner here.
      pieces.unshift(...members);
      return;
    }
    this.promise(whole, receipt);
    // After a failure the batch is a copy; a crash between the copy and the slots leaves the pieces too.
    for (const known of this.knownOf(whole)) {
      Object.assign(known, { batch: this.faulty ? undefined : whole.id, moving: this.faulty });
    }
    life.held.push({ batch: whole, receipt });
  }

  async next(life: Life): Promise<boolean> {
    const drained = await life.spool.next();
    if (!drained || !life.process.alive) return false;
    this.trace(`${life.process.name} next ${drained.batch.id}`);
    this.check(drained.batch);
    life.held.push(drained);
    return true;
  }

  /** What is handed out is what was put in. */
  check(batch: Batch): void {
    this.knownOf(batch).forEach((known, i) => {
      const id = batch.recordId(i);
      const line = batch.line(i).toString();
      if (line !== known.line) this.fail(`${id} came back as ${line}, not ${known.line}`);
      if (batch.times[i] !== known.time || batch.levels[i] !== known.level) this.fail(`${id} has other columns`);
      if (known.settled) {
        known.batch = undefined;
        this.duplicates++;
        if (this.calm) this.fail(`${id} was handed out after it was settled`);
      }
      known.handedOut++;
      if (known.batch !== undefined && known.batch !== batch.id && !known.moving && this.powerLosses === 0) {
        this.fail(`${id} came back in ${batch.id}, not in ${known.batch}`);
      }
      known.batch = batch.id;
    });
  }

  /** Nothing has happened that makes duplicates. */
  get calm(): boolean {
    return this.kills === 0 && this.powerLosses === 0 && !this.faulty;
  }

  settle(life: Life, held: { batch: Batch; receipt: Receipt }, as: 'ack' | 'reject'): void {
    this.trace(`${life.process.name} ${as} ${held.batch.id}`);
    life.spool[as](held.receipt);
    for (const known of this.knownOf(held.batch)) known.settled = true;
  }

  async replace(life: Life, held: { batch: Batch; receipt: Receipt }): Promise<void> {
    const { batch } = held;
    const kept = Array.from({ length: batch.count }, (_, i) => i).filter(() => this.machine.chance(0.5));
    if (kept.length === 0) return this.settle(life, held, 'ack');
    const remaining = batch.pick(kept);
    // The destination has the others. Between the two frames a crash leaves both.
    for (const known of this.knownOf(batch)) Object.assign(known, { moving: true, settled: true });
    for (const known of this.knownOf(remaining)) known.settled = false;
    const receipt = await life.spool.replace(held.receipt, remaining);
    this.trace(`${life.process.name} replace ${batch.id} by ${remaining.id} ${receipt ? 'ok' : 'refused'}`);
    if (!life.process.alive) return;
    if (!receipt) {
      // A disk that turned bad may keep the new frame all the same.
      for (const known of this.knownOf(batch)) Object.assign(known, { moving: this.faulty, settled: false });
      life.held.push(held);
      return;
    }
    for (const known of this.knownOf(remaining)) {
      known.moving = this.faulty;
      // After a failure the old frame's slot may not have been written.
      known.batch = this.faulty ? undefined : remaining.id;
    }
    this.promise(remaining, receipt);
    life.held.push({ batch: remaining, receipt });
  }

  exit(life: Life): void {
    const batches = Array.from({ length: this.machine.below(4) }, () => {
      const lane = this.lane();
      return { batch: this.batch(life, lane), lane };
    });
    const receipts = life.spool.appendSync(batches, 1000);
    if (!life.process.alive) return;
    this.trace(`${life.process.name} exits, ${receipts.length} of ${batches.length} written`);
    receipts.forEach((receipt, i) => {
      for (const known of this.knownOf(batches[i]!.batch)) {
        known.promised = true;
        known.receipt = receipt;
        known.batch = batches[i]!.batch.id;
      }
    });
    this.kill(life);
  }

  /** Notes what is durable: it stays so, wherever it is moved, whoever knows of it. */
  noteDurable(): void {
    for (const known of this.known.values()) if (known.receipt?.durable) known.durable = true;
  }

  /** A process that is no more. */
  forget(life: Life): void {
    const at = this.lives.indexOf(life);
    if (at !== -1) this.lives.splice(at, 1);
  }

  kill(life: Life): void {
    this.trace(`${life.process.name} is killed`);
    this.noteDurable();
    this.kills++;
    life.process.kill();
    this.forget(life);
  }

  powerLoss(): void {
    this.trace('power loss');
    this.noteDurable();
    this.powerLosses++;
    this.lives.splice(0);
    this.machine.powerLoss();
    // What was not durable is excused from here on, unless it is written again.
    for (const known of this.known.values()) {
      known.receipt = undefined;
      if (!known.durable) known.promised = false;
    }
  }

  async close(life: Life): Promise<void> {
    await this.machine.finish(life.spool.close(), () => !life.process.alive);
    if (!life.process.alive) return;
    this.forget(life);
    this.trace(`${life.process.name} has closed`);
    this.noteDurable();
    // Its heart stops here; nobody may be hurt by what its timers would still have done.
    life.process.kill();
  }

  // --- the run

  balance(life: Life): void {
    const { appended, recovered, acked, rejected, evicted, lost, duplicatesSuppressed, withdrawn, waiting } =
      life.spool.stats();
    for (const key of ['records', 'bytes'] as const) {
      const into = appended[key] + recovered[key];
      const out = acked[key] + rejected[key] + lost[key] + duplicatesSuppressed[key] + withdrawn[key] + waiting[key];
      const dropped = evicted.quota[key] + evicted.expired[key] + evicted.diskFull[key];
      if (into !== out + dropped || waiting[key] < 0) {
        this.fail(`the books of ${life.process.name} do not balance: ${JSON.stringify(life.spool.stats())}`);
      }
    }
  }

  /** Starts something that takes calls, without waiting for it. */
  start(life: Life, work: Promise<unknown>): void {
    life.busy++;
    work.then(
      () => {
        life.busy--;
      },
      (error) => {
        this.broken ??= error;
      },
    );
  }
  broken: unknown;

  async act(): Promise<void> {
    const { machine } = this;
    const life = this.lives[machine.below(this.lives.length)] ?? this.spawn();
    const dice = machine.below(100);
    if (dice < 22) this.start(life, this.append(life));
    else if (dice < 36) this.journal(life);
    else if (dice < 46) this.seal(life);
    else if (dice < 60) this.start(life, this.next(life));
    else if (dice < 80) this.decide(life);
    else if (dice < 84) this.start(life, life.spool.scan());
    else if (dice < 88) await machine.advance(machine.below(30_000));
    else if (dice < 90 && this.lives.length < 3) this.spawn();
    else if (dice < 92) this.kill(life);
    else if (dice < 93) this.powerLoss();
    else if (dice < 94) this.exit(life);
    else if (dice < 95) await this.close(life);
    else if (dice < 96) machine.jump(machine.below(120_000) - 60_000);
    else this.weather();
  }

  decide(life: Life): void {
    if (life.held.length === 0) return;
    const [held] = life.held.splice(this.machine.below(life.held.length), 1);
    const dice = this.machine.below(10);
    if (dice < 6) this.settle(life, held!, 'ack');
    else if (dice < 7) this.settle(life, held!, 'reject');
    else if (dice < 9) {
      this.trace(`${life.process.name} release ${held!.batch.id}`);
      life.spool.release(held!.receipt);
    } else this.start(life, this.replace(life, held!));
  }

  /** The disk turns bad, or good again. */
  weather(): void {
    const { machine } = this;
    Object.assign(machine.faults, noFaults);
    machine.capacity = Number.POSITIVE_INFINITY;
    if (machine.chance(0.4)) return;
    this.faulty = true;
    const kind = machine.below(7);
    if (kind === 0) machine.faults.shortWrite = 0.2;
    if (kind === 1) machine.faults.tornWrite = 0.2;
    if (kind === 2) machine.faults.failedSync = machine.chance(0.5) ? 0.3 : 0.8;
    if (kind === 3) machine.faults.failedCall = 0.05;
    if (kind === 4) machine.faults.readOnly = true;
    if (kind === 5) machine.faults.noDescriptors = 0.3;
    if (kind === 6) machine.capacity = machine.usedBytes + machine.below(20_000);
    this.trace(`weather ${JSON.stringify(machine.faults)} ${machine.capacity}`);
  }

  async run(): Promise<SimulationReport> {
    const { machine } = this;
    const actions = 20 + machine.below(60);
    for (let i = 0; i < actions; i++) {
      await this.act();
      for (let steps = machine.below(8); steps > 0; steps--) {
        this.noteDurable();
        await machine.step(machine.elapsed);
      }
      if (this.broken) throw this.broken;
      for (const life of this.lives) this.balance(life);
    }
    const callsUntilHealing = machine.calls;
    await this.heal();
    const { seed } = this.scenario;
    const { kills, powerLosses, evicted, lost, duplicates } = this;
    const { calls } = machine;
    return { seed, calls, callsUntilHealing, records: this.known.size, kills, powerLosses, evicted, lost, duplicates };
  }

  /** Everything works again: what is left comes out. */
  async heal(): Promise<void> {
    const { machine } = this;
    this.trace('heals');
    Object.assign(machine.faults, noFaults);
    machine.capacity = Number.POSITIVE_INFINITY;
    // Those that live hand back what they hold, and end in order.
    for (const life of [...this.lives]) {
      for (let i = 0; life.busy > 0; i++) {
        const more = await machine.step();
        if (this.broken) throw this.broken;
        if (life.busy > 0 && (i > 1000 || !more)) this.fail(`${life.process.name} does not come to an end`);
      }
      if (!this.lives.includes(life)) continue;
      await this.close(life);
    }
    const last = this.spawn();
    for (let round = 0; round < 8; round++) {
      await machine.finish(last.spool.scan());
      await this.drain(last);
      this.balance(last);
      if (this.broken) throw this.broken;
      const files = this.files();
      const directories = new Set(files.map((path) => path.slice(0, path.lastIndexOf('/'))));
      const done = directories.size <= 1 && !files.some((path) => path.endsWith('.seg'));
      // The one directory may be the last one's own, or one that nobody has taken over yet.
      if (files.length === 0 || (done && round > 2)) break;
      await machine.advance(65_000);
      // Half-made directories are cleared away after an hour.
      if (round === 2) machine.jump(2 * 3_600_000);
    }
    await this.close(last);
    this.verdict();
  }

  async drain(life: Life): Promise<void> {
    // All at once or one by one: what is there twice must not hide behind having been settled in between.
    const together = this.machine.chance(0.5);
    for (let i = 0; ; i++) {
      if (i > 10_000) this.fail('draining does not end');
      const more = await this.machine.finish(this.next(life));
      if (!together || !more) for (const held of life.held.splice(0)) this.settle(life, held, 'ack');
      if (!more) return;
    }
  }

  verdict(): void {
    const missing = [...this.known].filter(([, { promised, settled }]) => promised && !settled);
    // Each eviction is counted; the same record may have been there twice.
    const excused = this.evicted + this.buried;
    if (missing.length > excused) {
      const names = missing.slice(0, 5).map(([id]) => id);
      this.fail(`${missing.length} promised records are missing (${excused} counted as dropped): ${names.join(' ')}`);
    }
    if (this.lost > 0 && this.powerLosses === 0 && !this.faulty) this.fail(`${this.lost} records count as lost`);
    const left = this.files();
    if (left.length > 0) this.fail(`files are left: ${left.join(' ')}`);
    const damaged = this.machine.files().length;
    if (damaged > 0 && this.powerLosses === 0 && !this.faulty) this.fail(`${damaged} segments count as damaged`);
  }

  /** All files but those that are set aside for good. */
  files(): string[] {
    return this.machine.files().filter((path) => !path.includes('/damaged/'));
  }
}

interface Lines {
  readonly writer: string;
  readonly firstSequence: number;
  readonly lines: readonly string[];
  readonly times: Float64Array;
  readonly levels: Uint16Array;
}

function toBatch({ writer, firstSequence, lines, times, levels }: Lines): Batch {
  const offsets = new Uint32Array(lines.length + 1);
  lines.forEach((line, i) => {
    offsets[i + 1] = offsets[i]! + line.length + 1;
  });
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  return new Batch({ writer, firstSequence, bytes, offsets, times, levels });
}

function joined(parts: readonly Batch[]): Batch {
  const { writer, firstSequence } = parts[0]!;
  const lines = parts.flatMap((part) => Array.from({ length: part.count }, (_, i) => part.line(i).toString()));
  const times = Float64Array.from(parts.flatMap((part) => [...part.times]));
  const levels = Uint16Array.from(parts.flatMap((part) => [...part.levels]));
  return toBatch({ writer, firstSequence, lines, times, levels });
}

/** Runs one scenario. Throws, naming the seed, when a promise is broken. */
export async function simulateSpool(scenario: Scenario): Promise<SimulationReport> {
  try {
    return await new Simulation(scenario).run();
  } catch (error) {
    if (error instanceof Violation) throw error;
    throw new Error(`seed ${scenario.seed}: ${(error as Error).stack}`);
  }
}
