// Checks that need a file: how long a sync takes, whether the file server's clock agrees, whether a beacon can be lit.
// Bounded in rounds, bytes and time. The file has no name any more before anything is written to it, so that nothing
// stays behind, however this ends.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@spillway/core';
import { duration } from '../text/amounts.js';
import type { Finding, Wanted } from './finding.js';

const rounds = 32;
const blockBytes = 4096;
const budgetMs = 3000;

/** Tries a directory out. Never takes much longer than three seconds, even where the disk hangs. */
export async function tryDirectory(path: string, wanted: Wanted): Promise<Finding[]> {
  const name = join(path, `.spillway-doctor-${randomBytes(8).toString('hex')}`);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    timer = setTimeout(
      () =>
        resolve([
          {
            level: 'error',
            check: 'sync',
            found: `no answer in ${duration(budgetMs + 1000)}`,
            advice: 'The disk hangs: records stay in memory as long as it does.',
          },
        ]),
      budgetMs + 1000,
    );
  });
  const findings = await Promise.race([measured(name, wanted), late]);
  clearTimeout(timer);
  return [...findings, beacon(`${name}.lk`)].map((finding) => ({ ...finding, path }));
}

async function measured(name: string, wanted: Wanted): Promise<Finding[]> {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
  try {
    const file = await open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await unlink(name);
      const times: number[] = [];
      const block = randomBytes(blockBytes);
      const started = performance.now();
      for (let i = 0; i < rounds && performance.now() - started < budgetMs; i++) {
        await file.write(block, 0, blockBytes, i * blockBytes);
        const before = performance.now();
        await file.datasync();
        times.push(performance.now() - before);
      }
      return [sync(times, wanted), serverClock((await file.stat()).mtimeMs - Date.now())];
    } finally {
      await file.close();
    }
  } catch (error) {
    const found = (error as { code?: string }).code ?? 'failed';
    return [{ level: 'error', check: 'sync', found: `cannot write here: ${found}`, advice: 'Nothing can be spooled.' }];
  }
}

/** What one sync costs; each journaled write waits for one where `sync` is 'always'. */
export function sync(times: readonly number[], wanted: Pick<Wanted, 'sync'>): Finding {
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const most = sorted.at(-1) ?? 0;
  const found = `fdatasync takes ${median.toFixed(2)} ms, at most ${most.toFixed(1)} ms in ${times.length} rounds`;
  if (median > 50) {
    return {
      level: 'warning',
      check: 'sync',
      found,
      advice: 'A slow disk: expect `stalled` states; use a faster volume.',
    };
  }
  if (median > 5 && wanted.sync === 'always') {
    return {
      level: 'warning',
      check: 'sync',
      found,
      advice: "With `spool.sync: 'always'` every write waits so long: consider 'interval'.",
    };
  }
  return { level: 'fine', check: 'sync', found };
}

/** How far the file server's clock is ahead of ours. */
export function serverClock(aheadMs: number): Finding {
  const off = Math.abs(aheadMs);
  const found =
    off < 2000
      ? "the file system's clock agrees"
      : `the file system's clock is ${duration(off)} ${aheadMs > 0 ? 'ahead' : 'behind'}`;
  if (off < 2000) return { level: 'fine', check: 'server-clock', found };
  return {
    level: 'warning',
    check: 'server-clock',
    found,
    advice: 'Proofs of death take longer or wait in vain: synchronize the clocks.',
  };
}

function beacon(name: string): Finding {
  const lit = nodeFileSystem.light(name);
  lit?.close();
  if (lit) return { level: 'fine', check: 'beacon', found: 'owners can prove that they live' };
  const advice = 'No unix sockets here: a dead owner is recognized after two minutes of silence only.';
  return { level: 'hint', check: 'beacon', found: 'no beacon can be lit', advice };
}
