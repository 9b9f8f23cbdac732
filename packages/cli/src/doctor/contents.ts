// Checks of what is in a spool directory: what the dead left, what is damaged, what is not ours.

import type { FolderSurvey } from '@spillway/core/spool';
import { isHurt, segmentsOf } from '../spools.js';
import { bytes, count } from '../text/amounts.js';
import type { Finding } from './finding.js';

/** Looks at the surveys of a directory. */
export function checkContents(path: string, found: readonly FolderSurvey[]): Finding[] {
  const queues = found.flatMap((folder) => folder.queues);
  const all = segmentsOf(found);
  const waiting = (state: string) =>
    all.filter(({ queue }) => queue.owner.state === state).reduce((n, { segment }) => n + segment.waiting.records, 0);
  const findings: Finding[] = [
    {
      level: 'fine',
      check: 'owners',
      found: `${count(queues.filter(({ owner }) => owner.state === 'alive').length, 'living queue')}, ${count(waiting('alive'), 'record')} waiting`,
    },
  ];
  const left = waiting('dead') + waiting('unproven');
  if (left > 0) {
    const advice = 'The next process on this directory with the same destination takes them over; or `spillway drain`.';
    findings.push({ level: 'hint', check: 'left-behind', found: `${count(left, 'record')} of dead owners`, advice });
  }
  const hurt = all.filter(isHurt).length;
  if (hurt > 0) {
    const advice = '`spillway verify` says where. Intact frames are delivered all the same.';
    findings.push({ level: 'warning', check: 'damage', found: count(hurt, 'damaged segment'), advice });
  }
  const letters = found.reduce((sum, { deadLetterBytes }) => sum + deadLetterBytes, 0);
  if (letters > 0) {
    const advice = '`spillway dead-letters ls` says why; then retry or purge.';
    findings.push({ level: 'hint', check: 'dead-letters', found: `${bytes(letters)} of refused records`, advice });
  }
  const strange = found.flatMap((folder) => [...folder.strange, ...folder.queues.flatMap((queue) => queue.strange)]);
  if (strange.length > 0) {
    const advice = 'Spillway leaves them alone; remove them if nobody needs them.';
    findings.push({ level: 'hint', check: 'foreign-names', found: count(strange.length, 'name'), advice });
  }
  return findings.map((finding) => ({ ...finding, path }));
}
