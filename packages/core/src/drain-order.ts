// In which order records leave when some are in memory and some on disk.
//
//   there is                      live first                                    oldest first
//   memory, disk                  memory, but one slot or every other turn      disk
//   memory, disk but held back    memory                                        nothing for now
//   memory                        memory                                        memory
//   disk                          disk                                          disk
//
// In: what there is at the moment. Out: where the next batch comes from.
// Invariants: live first starves neither side; oldest first lets nothing in memory pass by what the drain's rate holds
// back on the disk.

/** What the order depends on. */
export interface DrainOrderOptions {
  readonly oldestFirst: boolean;
  readonly maxInFlight: number;
}

/** What there is at the moment. */
export interface Supply {
  /** Whether batches wait in memory. */
  readonly live: boolean;
  /** Whether there may be one on disk, only the drain's rate holds it back, or there is none to have. */
  readonly disk: 'ready' | 'paced' | 'empty';
  /** Whether one from the disk would find room in memory. */
  readonly room: boolean;
  /** Whether one from the disk is in flight. */
  readonly drainInFlight: boolean;
}

/** Chooses where the next batch comes from. */
export class DrainOrder {
  private disksTurn = false;
  private readonly options: DrainOrderOptions;

  constructor(options: DrainOrderOptions) {
    this.options = options;
  }

  next({ live, disk, room, drainInFlight }: Supply): 'disk' | 'memory' | undefined {
    const { oldestFirst, maxInFlight } = this.options;
    const memory = live ? 'memory' : undefined;
    if (disk === 'paced' && oldestFirst) return undefined;
    if (disk !== 'ready' || !room) return memory;
    if (!live || oldestFirst) return 'disk';
    if (maxInFlight > 1) return drainInFlight ? memory : 'disk';
    this.disksTurn = !this.disksTurn;
    return this.disksTurn ? 'disk' : memory;
  }
}
