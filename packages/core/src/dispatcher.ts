// Dispatches batches, from memory and from the disk: keeps as many on their way as may be in flight.
//
//   queue ─┐                                        ┌─► settled
//          ├─► DrainOrder ─► InFlight ─► Deliverer ─┤
//   disk ──┘      while the breaker permits it      └─► given back: its place in the queue, or the disk that has it anyway
//
// In: a call whenever there may be something to send. Out: deliveries, and what they leave.
// Invariants: never more than `maxInFlight` on their way, one of them at most still to come from the disk, and then with
// room kept for it; whoever cannot be sent now is looked at again, without being asked; nothing starts after `stop`.

import { Alarm } from './alarm.js';
import type { Breaker } from './breaker.js';
import type { Deliverer } from './deliver.js';
import { DrainOrder } from './drain-order.js';
import type { Entry } from './entry.js';
import type { InFlight } from './in-flight.js';
import type { Queue } from './queue.js';
import type { Room } from './room.js';
import type { Runtime } from './runtime.js';
import type { Spooler } from './spooler.js';

/** How much to send at a time, and in which order. */
export interface DispatcherOptions {
  readonly maxInFlight: number;
  /** What is on disk goes before what is in memory. */
  readonly oldestFirst: boolean;
  /** Room for a batch that comes from the disk, whose size is not known before. */
  readonly arrivalBytes: number;
}

/** Where batches come from, and where they go. */
export interface DispatcherPort {
  readonly queue: Queue;
  readonly spooler: Spooler | undefined;
  readonly room: Room;
  readonly breaker: Breaker;
  readonly inFlight: InFlight;
  readonly deliverer: Deliverer;
  readonly runtime: Runtime;
  /** Whether the pipeline is closing: what is on disk stays there, and no wait is long. */
  closing(): boolean;
  /** Everything of a batch is settled: the destination takes records. */
  settled(): void;
  /** A delivery ended, in whatever way. */
  ended(): void;
}

/** How often a closing pipeline tries a destination that is down. */
const CLOSING_RETRY_MS = 200;

/** Starts deliveries. */
export class Dispatcher {
  /** A batch is coming from the disk. */
  private arriving = false;
  private readonly stopping = new AbortController();
  private readonly wakeUp: Alarm;
  private readonly order: DrainOrder;
  private readonly options: DispatcherOptions;
  private readonly port: DispatcherPort;

  constructor(options: DispatcherOptions, port: DispatcherPort) {
    this.options = options;
    this.port = port;
    this.order = new DrainOrder(options);
    this.wakeUp = new Alarm(port.runtime, () => {
      if (port.closing()) port.breaker.hurry();
      this.fill();
    });
  }

  /** Bytes for which there has to be room soon. */
  get arrivingBytes(): number {
    return this.arriving ? this.options.arrivalBytes : 0;
  }

  /** Starts as many deliveries as may be in flight. */
  fill(): void {
    const { queue, spooler, breaker } = this.port;
    while (!this.stopping.signal.aborted && this.busy < this.options.maxInFlight) {
      const source = this.nextSource();
      if (source === 'later') this.wakeLater(spooler?.waitMs());
      if (source === 'later' || source === 'none') return;
      if (!breaker.permits()) {
        this.wakeLater(this.port.closing() ? CLOSING_RETRY_MS : breaker.waitMs());
        return;
      }
      const probe = breaker.state !== 'closed';
      if (source === 'disk') void this.deliverFromDisk(spooler!, probe);
      else void this.deliver(queue.shift()!, probe);
    }
  }

  /** Forgets when to look again. */
  rest(): void {
    this.wakeUp.cancel();
  }

  /** Ends all sending: nothing starts any more, and what is on its way soon ends, given back if it was not settled. */
  stop(): void {
    this.stopping.abort();
  }

  /** Resolves when nothing is on its way to the destination; after {@link stop} that is soon. */
  async landed(): Promise<void> {
    while (this.port.inFlight.size > 0) await this.aMoment();
  }

  /** Takes back what is on its way, without waiting for it: whatever becomes of it, nobody will hear. */
  takeBackAll(): Entry[] {
    return this.port.inFlight.entries.flatMap((entry) => this.takeBack(entry));
  }

  /** Somebody waits for it, and at the end there may be no connection left that keeps the process alive for that long. */
  private aMoment(): Promise<void> {
    return new Promise((resolve) => {
      this.port.runtime.after(1, resolve, { keepsAlive: true });
    });
  }

  private get busy(): number {
    return this.port.inFlight.size + (this.arriving ? 1 : 0);
  }

  /** `none`: what is there finds no room, or is on its way from the disk, and the end of either calls `fill`. */
  private nextSource(): 'disk' | 'memory' | 'later' | 'none' {
    const { queue, spooler, room, inFlight } = this.port;
    const live = queue.length > 0;
    if (!spooler || this.port.closing() || this.arriving) return live ? 'memory' : 'none';
    const disk = spooler.readiness;
    const source = this.order.next({
      live,
      disk,
      room: room.left >= this.options.arrivalBytes,
      drainInFlight: inFlight.drained,
    });
    return source ?? (disk === 'ready' ? 'none' : 'later');
  }

  private wakeLater(waitMs = Number.POSITIVE_INFINITY): void {
    if (waitMs !== Number.POSITIVE_INFINITY) this.wakeUp.set(waitMs);
  }

  private async deliverFromDisk(spooler: Spooler, probe: boolean): Promise<void> {
    this.arriving = true;
    const entry = await spooler.drain();
    this.arriving = false;
    const delivery = entry ? this.deliver(entry, probe) : this.nothingCame(probe);
    // More room was kept than what came has taken.
    this.port.room.announce();
    this.fill();
    return delivery;
  }

  private nothingCame(probe: boolean): void {
    if (probe) this.port.breaker.released();
  }

  /** `probe`: the breaker lets no other through until something is known of this one. */
  private async deliver(queued: Entry, probe: boolean): Promise<void> {
    const { queue, spooler, breaker, inFlight, deliverer, room } = this.port;
    const entry = { ...queued, sent: true };
    const parts = inFlight.add(entry);
    await deliverer.deliver(parts, this.stopping.signal);
    // Not there any more: it went to disk with the last words.
    if (!inFlight.has(entry)) return;
    const givenBack = parts.length > 0;
    queue.putBack(this.takeBack(entry));
    if (!givenBack) this.port.settled();
    // A probe that was settled, too, may never have been sent.
    if (probe) breaker.released();
    this.port.ended();
    this.fill();
    // Not before: what comes back is out of memory for a moment only.
    room.announce();
    spooler?.relieve();
  }

  /** Ends a delivery. Returns what goes back to the queue of it: what is not settled, but for what the disk has anyway. */
  private takeBack(entry: Entry): Entry[] {
    const { inFlight, spooler } = this.port;
    const parts = inFlight.takeOut(entry);
    return spooler?.delivered(entry, parts) ?? parts.map((batch) => ({ ...entry, batch }));
  }
}
