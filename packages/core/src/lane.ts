// Priority classes of records: what is sent first from the spool, what is evicted last, what may be journaled.

/** Priority of records, by level. */
export type Lane = 'high' | 'normal' | 'low';

/** All lanes, the most important first. */
export const LANES: readonly Lane[] = ['high', 'normal', 'low'];

/** Lanes whose records are written before anything else. With `sync`, whoever writes to us hands over line by line. */
export const journaledLanes: Readonly<Record<'spill' | 'hybrid' | 'journal' | 'sync', readonly Lane[]>> = {
  spill: [],
  hybrid: ['high'],
  journal: LANES,
  sync: LANES,
};
