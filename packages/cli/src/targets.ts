// Which folders a command may send to a destination: those that were named, and those that were written for it.
// In a directory with folders of several destinations, the audit log must not end up where the debug log goes.

import { realpathSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { AnyTransport } from '@spillway/core';
import { type FolderSurvey, folderName } from '@spillway/core/spool';
import type { OptionSpec, Run } from './command.js';
import { pathsOf } from './settings.js';

export const redirectOption = {
  'any-destination': { doc: 'also what was written for another destination than this one' },
} as const satisfies Record<string, OptionSpec>;

/** Folders to send, and those that were written for somebody else. */
export function chooseFolders(
  run: Run,
  found: readonly FolderSurvey[],
  transport: AnyTransport,
): { chosen: FolderSurvey[]; others: FolderSurvey[] } {
  const named = new Set(pathsOf(run).map((path) => realpathSync(resolve(path))));
  const own = folderName(`${transport.name} ${transport.destination}`);
  const isMeant = ({ path }: FolderSurvey) =>
    run.values.has('any-destination') || named.has(path) || basename(path) === own;
  return { chosen: found.filter(isMeant), others: found.filter((folder) => !isMeant(folder)) };
}
