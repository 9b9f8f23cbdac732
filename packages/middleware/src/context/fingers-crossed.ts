// Fingers crossed: lines too detailed to be written always are held while their request runs, and written only if it goes wrong.
// In: lines, in front of a destination. Out: the lines at or above `level` at once; the held ones, with the times at which they
// were logged, when their request fails, is slow, or logs an error; else never.
// Invariants: held lines are bounded a request and in all; the oldest are evicted first, counted, and marked where they are missing.

import { LEVEL_NAMES, type LevelName, levelNumber } from '../levels.js';
import { option } from '../option-error.js';
import { storage } from '../shared.js';
import { type FingersCrossedStats, HeldPool } from './held-lines.js';

/** Where lines go: a stream, a pino destination, anything with `write`. */
export interface Destination {
  write(line: string): unknown;
}

/** When lines are held and when they are written. */
export interface FingersCrossedOptions {
  /**
   * Lines from this level are written at once; lower ones are held during a request and discarded outside of one.
   * @default 'info'
   */
  readonly level?: LevelName;
  /**
   * A line from this level on releases the held lines of its request; later lines of that request are written at once.
   * @default 'error'
   */
  readonly triggerLevel?: LevelName;
  /**
   * A request that took this many milliseconds releases its lines; 0: no request is slow.
   * @default 0
   */
  readonly slowMs?: number;
  /**
   * Most characters of lines held for one request; the oldest go first.
   * @default 65536
   */
  readonly maxBytes?: number;
  /**
   * Most characters held for all requests together; the request that began to hold first loses its lines.
   * @default 16777216
   */
  readonly maxTotalBytes?: number;
}

/** A destination that holds lines back. */
export interface FingersCrossed extends Destination {
  stats(): FingersCrossedStats;
  flush(callback?: (error?: Error) => void): void;
  flushSync(): void;
  end(): void;
}

interface Metadata {
  lastLevel: number | undefined;
  lastTime: unknown;
  lastMsg: unknown;
  lastObj: unknown;
  lastLogger: unknown;
}
type Inner = Destination &
  Partial<Metadata> & {
    [METADATA]?: boolean;
    flush?(callback?: (error?: Error) => void): void;
    flushSync?(): void;
    end?(): void;
    emit?(event: string, ...args: unknown[]): boolean;
  };

// Asks pino to say the level of each line before it writes it, and is asked by pino's multistream for the same.
const METADATA = Symbol.for('pino.metadata');
const MOST = 0x3fff_ffff;
const KEYS = ['level', 'triggerLevel', 'slowMs', 'maxBytes', 'maxTotalBytes'];

class Crossing implements FingersCrossed, Metadata {
  readonly [METADATA] = true;
  lastLevel: number | undefined;
  lastTime: unknown;
  lastMsg: unknown;
  lastObj: unknown;
  lastLogger: unknown;
  private readonly inner: Inner;
  private readonly level: number;
  private readonly trigger: number;
  private readonly pool: HeldPool;

  constructor(inner: Inner, options: FingersCrossedOptions) {
    option.known(options, KEYS, 'fingersCrossed');
    this.inner = inner;
    this.level = levelNumber(option.one(options.level ?? 'info', 'fingersCrossed.level', LEVEL_NAMES));
    this.trigger = levelNumber(option.one(options.triggerLevel ?? 'error', 'fingersCrossed.triggerLevel', LEVEL_NAMES));
    this.pool = new HeldPool(
      {
        slowMs: option.number(options.slowMs ?? 0, 'fingersCrossed.slowMs', 0, 86_400_000),
        maxBytes: option.integer(options.maxBytes ?? 65_536, 'fingersCrossed.maxBytes', 1, MOST),
        maxTotalBytes: option.integer(options.maxTotalBytes ?? 16_777_216, 'fingersCrossed.maxTotalBytes', 1, MOST),
      },
      (line, level) => this.pass(line, level, undefined),
    );
  }

  write(line: string): unknown {
    const level = this.lastLevel ?? levelOf(line);
    this.lastLevel = undefined;
    const context = storage.getStore();
    const least = context !== undefined && context.level > 0 ? context.level : this.level;
    const held = context && this.pool.of(context.root);
    if (level >= least || held?.released === true) {
      if (level >= this.trigger && context !== undefined) this.pool.release(held ?? this.pool.begin(context.root));
      return this.pass(line, level, this);
    }
    if (context === undefined || context.root.closed) this.pool.discarded++;
    else this.pool.hold(held ?? this.pool.begin(context.root), line, level);
    return true;
  }

  stats(): FingersCrossedStats {
    return this.pool.stats();
  }

  flush(callback?: (error?: Error) => void): void {
    if (typeof this.inner.flush === 'function') this.inner.flush(callback);
    else callback?.();
  }

  flushSync(): void {
    this.inner.flushSync?.();
  }

  end(): void {
    this.inner.end?.();
  }

  /** pino tells transports its configuration by an event of their stream. */
  emit(event: string, ...args: unknown[]): boolean {
    return this.inner.emit?.(event, ...args) ?? false;
  }

  private pass(line: string, level: number, from: Metadata | undefined): unknown {
    const { inner } = this;
    if (inner[METADATA] === true) {
      inner.lastLevel = level;
      inner.lastTime = from?.lastTime;
      inner.lastMsg = from?.lastMsg;
      inner.lastObj = from?.lastObj;
      inner.lastLogger = from?.lastLogger;
    }
    return inner.write(line);
  }
}

const PREFIX = /^\{"level":(?:(\d{1,5})|"(\w{1,20})")/;

/** The level of a line from a logger that does not say it: pino's prefix, or its labels. */
function levelOf(line: string): number {
  const found = PREFIX.exec(line);
  if (found === null) return 30;
  if (found[1] !== undefined) return Number(found[1]);
  const name = found[2]!.toLowerCase();
  return LEVEL_NAMES.includes(name as LevelName) ? levelNumber(name as LevelName) : 30;
}

/**
 * A destination that keeps detailed lines back until their request goes wrong.
 *
 * Give the logger the level that is to be held (`debug`) and put this in front of its destination.
 * @example const logger = pino(withContext({ level: 'debug' }), fingersCrossed(pino.destination(1), { slowMs: 2000 }))
 */
export function fingersCrossed(destination: Destination, options: FingersCrossedOptions = {}): FingersCrossed {
  return new Crossing(destination as Inner, options);
}
