// What is lost on the way to the shipping thread, where no pipeline can count it.
// In: how much, and why. Out: counts for the stats, a line on stderr now and then, and a line for the destination, so that whoever
// reads there can see the hole: as the pipeline does with its own losses.

import { lossLine, noStats, type Stats, sumOfStats, systemRuntime, type Tally, Warnings } from '@spillway/core';

/** Why something is lost: there was no room, its thread died, or it came too late. */
export type Loss = 'handOverStalled' | 'threadDied' | 'closed';

/** Counts and tells what is lost. */
export class Lost {
  private readonly tallies = new Map<Loss, Tally>();
  /** What the destination was not told yet. */
  private readonly untold = new Map<Loss, Tally & { readonly fromMs: number }>();
  private readonly name: Pick<Stats, 'transport' | 'destination'>;
  private readonly warnings: Warnings;
  private records = 0;

  constructor(name: Pick<Stats, 'transport' | 'destination'>, says: boolean) {
    this.name = name;
    this.warnings = new Warnings(says, systemRuntime);
  }

  add(reason: Loss, lost: Tally): void {
    if (lost.bytes === 0) return;
    this.count(reason, lost);
    this.warnings.say(`dropped records for ${this.who}: ${reason}, ${this.records} so far`);
  }

  /** The shipping thread is dead, and with it what it had in memory alone. */
  bury(lost: Tally, cause: string): void {
    if (lost.bytes > 0) this.count('threadDied', lost);
    this.warnings.say(`the thread that ships to ${this.who} died, and with it ${lost.records} records: ${cause}`);
  }

  /** Says what could not be said so far: there will be no later. */
  end(): void {
    this.warnings.end();
  }

  private get who(): string {
    return `${this.name.transport} (${this.name.destination})`;
  }

  private count(reason: Loss, { records, bytes }: Tally): void {
    const now = Date.now();
    const before = this.untold.get(reason) ?? { records: 0, bytes: 0, fromMs: now };
    this.untold.set(reason, { ...before, records: before.records + records, bytes: before.bytes + bytes });
    const all = this.tallies.get(reason) ?? { records: 0, bytes: 0 };
    this.tallies.set(reason, { records: all.records + records, bytes: all.bytes + bytes });
    this.records += records;
  }

  /** Counts with what was lost. */
  in(stats: Stats): Stats {
    let sum = stats;
    for (const [reason, lost] of this.tallies) {
      // What a thread had in memory was accepted there, and is a loss in its counts.
      const accepted = reason === 'threadDied' ? {} : { accepted: lost };
      sum = sumOfStats(sum, { ...noStats(sum), ...accepted, dropped: lost, droppedBy: { [reason]: lost } });
    }
    return sum;
  }

  /** Hands lines about what is lost to a writer that may refuse them; then they come again. */
  tell(write: (lines: string) => boolean): void {
    if (this.untold.size === 0) return;
    const now = Date.now();
    const lines = [...this.untold].map(([reason, lost]) => lossLine(now, { ...lost, reason, toMs: now }));
    if (write(lines.join(''))) this.untold.clear();
  }
}
