import { expect, it } from 'vitest';
import type { Owner } from './directory.js';
import { judge, type Signs } from './life.js';

const here = { pid: 1, hostname: 'a', bootId: 'boot-1' };
const owner: Owner = { v: 1, queueId: 'q', ...here, createdAt: 0, beacon: true };
const elsewhere: Owner = { ...owner, hostname: 'b', bootId: 'boot-9' };
const signs: Signs = { owner, beacon: 'dark', silentMs: 0, stopped: false, otherUser: false };

it.each<[string, Partial<Signs>, string]>([
  ['its beacon is lit, whatever else', { beacon: 'lit', stopped: true, silentMs: 1e9 }, 'alive beaconLit'],
  ['it left in order', { stopped: true }, 'dead left'],
  ['a dark beacon alone', {}, 'unproven notSilentLongEnough 15000'],
  ['a dark beacon and silence', { silentMs: 15_000 }, 'dead silent'],
  ['no beacon any more', { beacon: 'absent', silentMs: 15_000 }, 'unproven notSilentLongEnough 105000'],
  ['no beacon any more, for long', { beacon: 'absent', silentMs: 120_000 }, 'dead silent'],
  ['a beacon that says nothing', { beacon: 'unknown', silentMs: 1e9 }, 'unproven beaconUnknown'],
  ['another machine that beats', { owner: elsewhere, silentMs: 6000 }, 'alive heartBeats'],
  ['another machine, silent', { owner: elsewhere, silentMs: 60_000 }, 'unproven notSilentLongEnough 60000'],
  ['another machine, silent for long', { owner: elsewhere, silentMs: 120_000 }, 'dead silent'],
  ['this machine before a reboot', { owner: { ...owner, bootId: 'boot-0' }, silentMs: 15_000 }, 'dead silent'],
  [
    'an owner without a beacon',
    { owner: { ...owner, beacon: false }, silentMs: 15_000 },
    'unproven notSilentLongEnough 105000',
  ],
  ['no owner known', { owner: undefined, beacon: 'absent', silentMs: 120_000 }, 'dead silent'],
  ['no boot known', { owner: { ...owner, bootId: '' }, silentMs: 14_000 }, 'alive heartBeats'],
  ['another user’s', { otherUser: true, stopped: true, silentMs: 1e9 }, 'unproven otherUser'],
])('%s', (_, change, expected) => {
  const { state, why, provenInMs } = judge({ ...signs, ...change }, here);
  expect([state, why, provenInMs].filter((part) => part !== undefined).join(' ')).toBe(expected);
});

it('does not take a host that knows no boots for one that was rebooted', () => {
  const timeless = { ...owner, bootId: '' };
  const life = judge({ ...signs, owner: timeless, silentMs: 60_000 }, { ...here, bootId: '' });
  expect(life).toEqual({ state: 'unproven', why: 'notSilentLongEnough', provenInMs: 60_000 });
});
