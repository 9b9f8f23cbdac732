// Programs of Debian packages that were unpacked, not installed. In: the folder they were unpacked to and a path in it.
// Out: a command. Always true: their own libraries come first, the machine's after.
import { join } from 'node:path';
import type { Command } from './daemon.js';

const triplets: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** The folder of an unpacked package's libraries. */
export function debianLibraries(directory: string): string {
  const triplet = triplets[process.arch];
  if (!triplet) throw new Error(`Expected a processor of ${Object.keys(triplets).join(' or ')}, got ${process.arch}`);
  return join(directory, 'usr/lib', triplet);
}

export function debianCommand(directory: string, path: string, args: readonly string[]): Command {
  const libraries = debianLibraries(directory);
  const rootLibraries = libraries.replace('/usr/lib/', '/lib/');
  return { file: join(directory, path), args, env: { LD_LIBRARY_PATH: `${libraries}:${rootLibraries}` } };
}
