// Whether the owner of a queue lives, as far as its marks tell: OWNER, the heartbeat and the beacon. Pure.
// The one rule for those who adopt and those who only look. Two proofs are needed: the heart has been silent, and the
// beacon is dark. Where the beacon proves nothing (another machine, another boot, no sockets), silence has to last longer.

import type { Identity, Owner } from './directory.js';
import type { BeaconState } from './file-system.js';

/** Silence that proves a death: together with a dark beacon, and without one. In ms. */
export const silence = { silentMs: 15_000, foreignSilentMs: 120_000 } as const;

/** How much silence is proof, see {@link silence}. */
export type Silence = { readonly [K in keyof typeof silence]: number };

/** Hearts beat every five seconds: one that beat this lately beats. */
const lateMs = 15_000;

/** What a queue's marks say. */
export interface Signs {
  readonly owner: Owner | undefined;
  readonly beacon: BeaconState;
  /** How long the heart has not beaten, in ms. */
  readonly silentMs: number;
  /** Its last beat said that the owner leaves. */
  readonly stopped: boolean;
  /** The directory is another user's: it is never adopted, because others could have planted it. */
  readonly otherUser: boolean;
}

/** What is known about an owner. */
export interface Life {
  /** `unproven` may be dead, and is not touched. */
  readonly state: 'alive' | 'dead' | 'unproven';
  /** The mark that decided. */
  readonly why: 'beaconLit' | 'left' | 'silent' | 'heartBeats' | 'notSilentLongEnough' | 'beaconUnknown' | 'otherUser';
  /** Silence that is still missing as proof, in ms; unset where time alone will not bring it. */
  readonly provenInMs?: number;
}

/** Judges an owner by its marks, seen from a process. */
export function judge(
  { owner, beacon, silentMs, stopped, otherUser }: Signs,
  identity: Identity,
  proof: Silence = silence,
): Life {
  if (beacon === 'lit') return { state: 'alive', why: 'beaconLit' };
  if (otherUser) return { state: 'unproven', why: 'otherUser' };
  if (stopped) return { state: 'dead', why: 'left' };
  const sameBoot = owner !== undefined && owner.bootId !== '' && owner.bootId === identity.bootId;
  const told = sameBoot && owner.beacon;
  if (told && beacon === 'unknown') return { state: 'unproven', why: 'beaconUnknown' };
  const rebooted = owner?.hostname === identity.hostname && owner.bootId !== identity.bootId;
  const soon = told ? beacon === 'dark' : rebooted;
  const needed = soon ? proof.silentMs : proof.foreignSilentMs;
  if (silentMs >= needed) return { state: 'dead', why: 'silent' };
  if (!told && silentMs < lateMs) return { state: 'alive', why: 'heartBeats' };
  return { state: 'unproven', why: 'notSilentLongEnough', provenInMs: Math.ceil(needed - silentMs) };
}
