// What the list shows: records, newest first, and gaps where the tail skipped some. While the reader is not at the top,
// or has paused, new records are held back and only counted. Bounded: beyond CAPACITY the oldest are let go, to be
// fetched again when they are scrolled to.

/** @typedef {import('./format.js').LogRecord} LogRecord */
/** @typedef {{ kind: 'gap', id: number, count: number, after: number, before: number }} Gap */
/** @typedef {{ kind: 'record', id: number, record: LogRecord }} Shown */
/** @typedef {Shown | Gap} Item */

export const CAPACITY = 10_000;
export const HELD = 2000;

export class Feed {
  /** @type {Item[]} Newest first. */
  items = [];
  /** @type {Item[]} Newest first; what waits for the reader. */
  #held = [];
  /** Records that wait, also those that were let go. */
  heldCount = 0;
  /** True when nothing older than the last item is kept by the viewer. */
  complete = false;
  /** True when held records had to be let go: the list must be fetched again. */
  outdated = false;

  /** The id to fetch older records before. */
  get oldestId() {
    return this.items.at(-1)?.id ?? Number.MAX_SAFE_INTEGER;
  }

  /** The id to tail after. */
  get newestId() {
    return (this.#held[0] ?? this.items[0])?.id ?? 0;
  }

  /** Starts over. @param {LogRecord[]} records Newest first. @param {{ complete: boolean }} end */
  reset(records, { complete }) {
    this.items = records.map(shown);
    this.#held = [];
    this.heldCount = 0;
    this.complete = complete;
    this.outdated = false;
  }

  /**
   * Takes what the tail brought. @param {LogRecord[]} records Oldest first. @param {number} skipped
   * @param {{ hold: boolean }} mode
   */
  arrive(records, skipped, { hold }) {
    const fresh = records.filter((record) => record.id > this.newestId);
    const first = fresh[0];
    if (first === undefined) return;
    /** @type {Item[]} */
    const items = fresh.map(shown).reverse();
    // The skipped ones are older than those that were sent. An id of its own between two records: half a step below.
    if (skipped > 0)
      items.push({ kind: 'gap', id: first.id - 0.5, count: skipped, after: this.newestId, before: first.id });
    if (hold) {
      this.#held = items.concat(this.#held);
      this.heldCount += fresh.length + skipped;
      if (this.#held.length > HELD) {
        this.#held.length = HELD;
        this.outdated = true;
      }
      return;
    }
    this.items = items.concat(this.items);
    this.#trim();
  }

  /** Shows what was held back; false when the list is outdated and must be fetched again. */
  release() {
    if (this.outdated) return false;
    this.items = this.#held.concat(this.items);
    this.#held = [];
    this.heldCount = 0;
    this.#trim();
    return true;
  }

  /** Adds older records at the end. @param {LogRecord[]} records Newest first. @param {{ complete: boolean }} end */
  extend(records, { complete }) {
    const before = this.oldestId;
    this.items = this.items.concat(records.filter((record) => record.id < before).map(shown));
    this.complete = complete;
  }

  /** Puts records in the place of a gap. @param {Gap} gap @param {LogRecord[]} records Newest first. @param {{ complete: boolean }} end */
  fill(gap, records, { complete }) {
    const index = this.items.indexOf(gap);
    if (index === -1) return;
    const last = records.at(-1);
    /** @type {Item[]} */
    const items = records.map(shown);
    const left = gap.count - records.length;
    if (!complete && last !== undefined && left > 0)
      items.push({ ...gap, id: last.id - 0.5, count: left, before: last.id });
    this.items.splice(index, 1, ...items);
  }

  #trim() {
    if (this.items.length <= CAPACITY) return;
    this.items.length = CAPACITY;
    this.complete = false;
  }
}

/** @param {LogRecord} record @returns {Shown} */
function shown(record) {
  return { kind: 'record', id: record.id, record };
}
