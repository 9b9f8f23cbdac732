// Checks of the host: Node, the clock, the time to end, limits, the key file.

import { statSync } from 'node:fs';
import { ephemeralStorageLimit } from '@spillway/core/spool';
import { bytes, duration } from '../text/amounts.js';
import type { Finding, Wanted } from './finding.js';
import { supportedNode } from './node-version.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that is not about a directory. */
export function checkHost(wanted: Wanted, env: Environment, now = Date.now()): Finding[] {
  return [node(process.versions.node), clock(now), grace(wanted), ...storageLimit(wanted, env), ...keyFile(wanted)];
}

function node(version: string): Finding {
  if (supportedNode(version)) return { level: 'fine', check: 'node', found: `Node.js ${version}` };
  return {
    level: 'error',
    check: 'node',
    found: `Node.js ${version}`,
    advice: 'Spillway needs Node.js 20.18.1 or later, of 22 at least 22.2, and not 21.',
  };
}

/** A spool that was written under a clock like this sorts and expires wrongly. */
const plausible = Date.UTC(2025, 0);

function clock(now: number): Finding {
  const found = new Date(now).toISOString();
  if (now > plausible) return { level: 'fine', check: 'clock', found };
  const advice = 'Set it: records would be spooled with wrong times, and expire wrongly.';
  return { level: 'error', check: 'clock', found, advice };
}

/** What a process needs after `close`: last words may take two seconds. */
const exitMs = 2000;

function grace({ deadlineMs, graceSeconds, durability }: Wanted): Finding {
  const needed = deadlineMs + exitMs;
  const found = `close may take ${duration(needed)}, the grace period is ${graceSeconds} s`;
  if (needed < graceSeconds * 1000) return { level: 'fine', check: 'grace', found };
  const advice =
    'Lower `close.deadlineMs` or raise the grace period (terminationGracePeriodSeconds, TimeoutStopSec, kill_timeout): what is only in memory when SIGKILL comes is lost.';
  // The journal has everything by then.
  return { level: durability === 'journal' ? 'hint' : 'warning', check: 'grace', found, advice };
}

function storageLimit({ maxBytes }: Wanted, env: Environment): Finding[] {
  const check = 'storage-limit';
  const limit = ephemeralStorageLimit(env);
  if (limit !== undefined) {
    const used = Math.min(maxBytes, limit / 2);
    const found = `the container may use ${bytes(limit)}, the spool up to ${bytes(used)} of it`;
    return [{ level: used < maxBytes ? 'hint' : 'fine', check, found }];
  }
  if (env.KUBERNETES_SERVICE_HOST === undefined) return [];
  const advice =
    'If the spool is no volume of its own, set SPILLWAY_EPHEMERAL_STORAGE_LIMIT from limits.ephemeral-storage (downward API): a pod over its limit is evicted.';
  return [{ level: 'hint', check, found: 'in Kubernetes, and no limit of ephemeral storage is known', advice }];
}

function keyFile({ keyFile: file }: Wanted): Finding[] {
  if (file === undefined) return [];
  const check = 'key-file';
  try {
    const mode = statSync(file).mode & 0o777;
    const found = `mode ${mode.toString(8).padStart(4, '0')}`;
    if ((mode & 0o007) === 0) return [{ level: 'fine', check, found }];
    return [{ level: 'warning', check, found, advice: 'Everybody can read the key: chmod o-rwx.' }];
  } catch (error) {
    const found = (error as { code?: string }).code ?? 'unreadable';
    return [{ level: 'error', check, found, advice: 'Without the key nothing is spooled.' }];
  }
}
