// The breaker: stops sending to a destination that is down, and probes it with one batch at a time.
//
//              failures in a row              cooldown over
//   closed ───────────────────────► open ───────────────────► half-open ──ack──► closed
//      ▲                              ▲                            │
//      └──── ack ──── held ◄─ hold ───┴────────── failure ─────────┘
//
// `held` is open for another reason: the destination refuses our credentials or configuration, so it is probed slowly.
// A destination that asks for time (`Retry-After`) gets it from everyone at once: `delay`.
// Knows only the clock; who sends asks `permits` first and reports what came of it.

import type { Runtime } from './runtime.js';

/** When to stop sending and how long to wait. */
export interface BreakerOptions {
  /** Failed attempts in a row that open it. */
  readonly failures: number;
  /** How long it stays open, jittered by half in both directions. */
  readonly cooldownMs: number;
  /** How often a destination that refuses us is probed, jittered up to twice as long. */
  readonly probeMs: number;
}

/** What the breaker is doing. */
export type BreakerState = 'closed' | 'open' | 'half-open' | 'held';

/** One breaker a destination. */
export class Breaker {
  state: BreakerState = 'closed';
  /** Failed attempts since the last ack. */
  failures = 0;
  /** Until when it stays open. */
  private until = 0;
  /** Until when the destination asked for time. */
  private askedUntil = 0;
  private probing = false;
  private readonly options: BreakerOptions;
  private readonly runtime: Pick<Runtime, 'monotonic' | 'random'>;

  constructor(options: BreakerOptions, runtime: Pick<Runtime, 'monotonic' | 'random'>) {
    this.options = options;
    this.runtime = runtime;
  }

  /** Milliseconds until sending is allowed; 0 when it is now; Infinity while a probe is on its way. */
  waitMs(): number {
    if (this.state !== 'closed' && this.probing) return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.max(this.until, this.askedUntil) - this.runtime.monotonic());
  }

  /** Whether a batch may be sent now. Taking the permit of a breaker that is not closed makes that batch its probe. */
  permits(): boolean {
    if (this.waitMs() > 0) return false;
    if (this.state === 'closed') return true;
    if (this.state === 'open') this.state = 'half-open';
    this.probing = true;
    return true;
  }

  /** The destination answered and stored something. What it asked for holds: this may have been on its way before. */
  succeeded(): void {
    this.state = 'closed';
    this.failures = 0;
    this.until = 0;
    this.probing = false;
  }

  /** The probe came to nothing that says anything about the destination: let the next one through. */
  released(): void {
    this.probing = false;
  }

  /** An attempt failed. Returns true if this opened the breaker. */
  failed(): boolean {
    this.failures++;
    if (this.state === 'held') this.state = 'half-open';
    const opens = this.state === 'half-open' || (this.state === 'closed' && this.failures >= this.options.failures);
    if (!opens) return false;
    this.state = 'open';
    this.probing = false;
    this.waitFor(this.options.cooldownMs * (0.5 + this.runtime.random()));
    return true;
  }

  /** The destination refuses us. Returns true if it did not before. */
  held(): boolean {
    const first = this.state !== 'held';
    this.state = 'held';
    this.failures++;
    this.probing = false;
    this.waitFor(this.options.probeMs * (1 + this.runtime.random()));
    return first;
  }

  /** The destination asked for time. */
  delay(ms: number): void {
    this.askedUntil = Math.max(this.askedUntil, this.runtime.monotonic() + ms);
  }

  /** Lets the next batch through at once, because there may be no later. */
  hurry(): void {
    this.until = 0;
    this.askedUntil = 0;
    this.probing = false;
  }

  private waitFor(ms: number): void {
    this.until = Math.max(this.until, this.runtime.monotonic() + ms);
  }
}
