// Whether the disk can be used, and when to try again after it could not. Pure: codes and times in, a state out.
//
//   idle ──first write──► ok ◄──any success── diskFull · disabled · failed     (tried again after a while)
//
// No timers: the next write after the pause is the probe.

export type DiskState = 'idle' | 'ok' | 'diskFull' | 'failed' | 'disabled';

/** What a failure means for the next attempts. */
const full = new Set(['ENOSPC', 'EDQUOT']);
const refused = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'ELOOP', 'KEY_MISSING']);

const maxPauseMs = 600_000;

/** How long to leave the disk alone after a failure, in ms. */
export interface Pauses {
  /** Full: probed steadily, it may be freed at any moment. */
  readonly diskFull: number;
  /** Read-only or forbidden: doubled with every further failure, up to ten minutes. */
  readonly disabled: number;
  /** Anything else: doubled likewise. */
  readonly failed: number;
}

export function isFull(code: string): boolean {
  return full.has(code);
}

/** The name no longer leads to what we made: a new directory may work at once. */
export function isGone(code: string): boolean {
  return code === 'ENOENT' || code === 'ESTALE';
}

export class Health {
  readonly #pauses: Pauses;
  #state: DiskState = 'idle';
  #retryAt = 0;
  #failures = 0;

  constructor(pauses: Pauses) {
    this.#pauses = pauses;
  }

  get state(): DiskState {
    return this.#state;
  }

  /** Whether a write may be tried at this time of the steady clock. */
  open(now: number): boolean {
    return this.#state === 'idle' || this.#state === 'ok' || now >= this.#retryAt;
  }

  succeeded(): void {
    this.#state = 'ok';
    this.#failures = 0;
  }

  failed(code: string, now: number): void {
    const state = full.has(code) ? 'diskFull' : refused.has(code) ? 'disabled' : 'failed';
    const factor = state === 'diskFull' ? 1 : 2 ** Math.min(this.#failures++, 10);
    this.#state = state;
    this.#retryAt = now + Math.min(this.#pauses[state] * factor, maxPauseMs);
  }
}
