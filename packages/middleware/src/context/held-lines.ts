// The lines that a `fingersCrossed` destination holds, request by request. In: lines with their levels. Out: the same lines when
// their request is released, oldest first, behind a mark where some are missing; nothing when it is settled well.
// Invariants: bounded a request and in all; eviction takes the oldest first, is counted and never silent.

import type { HeldLines, RequestContext } from './request-context.js';

/** Numbers of lines since the start. */
export interface FingersCrossedStats {
  /** Held right now. */
  readonly held: number;
  /** Their characters. */
  readonly heldBytes: number;
  /** Written because their request went wrong. */
  readonly released: number;
  /** Not needed: their request went well, or there was no request. */
  readonly discarded: number;
  /** Lost to the limits. */
  readonly evicted: number;
}

interface Limits {
  readonly slowMs: number;
  readonly maxBytes: number;
  readonly maxTotalBytes: number;
}

/** The lines of one request. */
export class Held implements HeldLines {
  readonly pool: HeldPool;
  readonly context: RequestContext;
  lines: { readonly line: string; readonly level: number }[] = [];
  bytes = 0;
  evicted = 0;
  evictedBytes = 0;
  /** Nothing is held any more: every line is written at once. */
  released = false;

  constructor(pool: HeldPool, context: RequestContext) {
    this.pool = pool;
    this.context = context;
  }

  settle(bad: boolean, durationMs: number): void {
    this.pool.settle(this, bad, durationMs);
  }
}

/** All lines held by one destination. */
export class HeldPool {
  discarded = 0;
  private released = 0;
  private evicted = 0;
  private bytes = 0;
  /** Requests with held lines, the one that began first in front. */
  private readonly holders = new Set<Held>();
  private readonly limits: Limits;
  private readonly write: (line: string, level: number) => void;

  constructor(limits: Limits, write: (line: string, level: number) => void) {
    this.limits = limits;
    this.write = write;
  }

  /** What is held for a request, if anything ever was. */
  of(context: RequestContext): Held | undefined {
    return context.held?.find((held): held is Held => (held as Held).pool === this);
  }

  begin(context: RequestContext): Held {
    const held = new Held(this, context);
    context.held ??= [];
    context.held.push(held);
    return held;
  }

  hold(held: Held, line: string, level: number): void {
    this.holders.add(held);
    held.lines.push({ line, level });
    held.bytes += line.length;
    this.bytes += line.length;
    while (held.bytes > this.limits.maxBytes) this.evict(held);
    while (this.bytes > this.limits.maxTotalBytes) {
      const [oldest] = this.holders;
      if (oldest === undefined) break;
      while (oldest.lines.length > 0) this.evict(oldest);
      this.holders.delete(oldest);
    }
  }

  /** Writes what is held, and from now on holds nothing back for this request. */
  release(held: Held): void {
    if (held.released) return;
    const { lines } = held;
    this.forget(held);
    held.released = true;
    if (held.evicted > 0) this.write(mark(held), 40);
    for (const { line, level } of lines) this.write(line, level);
    this.released += lines.length;
  }

  settle(held: Held, bad: boolean, durationMs: number): void {
    const { slowMs } = this.limits;
    if (bad || (slowMs > 0 && durationMs >= slowMs)) {
      this.release(held);
    } else {
      this.discarded += held.lines.length;
      this.forget(held);
    }
  }

  stats(): FingersCrossedStats {
    let held = 0;
    for (const holder of this.holders) held += holder.lines.length;
    const { bytes, released, discarded, evicted } = this;
    return { held, heldBytes: bytes, released, discarded, evicted };
  }

  private evict(held: Held): void {
    const { line } = held.lines.shift()!;
    held.bytes -= line.length;
    this.bytes -= line.length;
    held.evicted++;
    held.evictedBytes += line.length;
    this.evicted++;
  }

  private forget(held: Held): void {
    this.holders.delete(held);
    this.bytes -= held.bytes;
    held.lines = [];
    held.bytes = 0;
  }
}

function mark({ evicted, evictedBytes, context }: Held): string {
  const lost = `"evicted_lines":${evicted},"evicted_bytes":${evictedBytes}`;
  const msg = 'earlier held lines of this request were evicted';
  return `{"level":40,"time":${Date.now()},${lost}${context.lineJson()},"msg":"${msg}"}\n`;
}
