// Clients of other people, needed by a few transports: optional peers, loaded when first used.
// In: a package name. Out: its module, or an error that says what to install.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SpillwayError } from '@spillway/core';

/** Throws at start, rather than at the first send, when a package that a transport needs is not installed.
 * @throws SpillwayError `SPILLWAY_CLIENT_MISSING`
 */
export function requireClient(packageName: string, transport: string): void {
  if (locations(packageName).length === 0) throw missing(packageName, transport);
}

/** Loads the package that a transport needs.
 * @throws SpillwayError `SPILLWAY_CLIENT_MISSING`
 */
export async function loadClient<Module>(packageName: string, transport: string): Promise<Module> {
  for (const location of locations(packageName)) {
    return (await import(location)) as Module;
  }
  throw missing(packageName, transport);
}

/** Where the package is, seen from the application or from here. */
function locations(packageName: string): string[] {
  return [join(process.cwd(), 'package.json'), import.meta.url].flatMap((from) => {
    try {
      return [pathToFileURL(createRequire(from).resolve(packageName)).href];
    } catch (error) {
      // A package for `import` only: it is there, and `import` finds it by its name.
      return (error as { code?: unknown }).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' ? [packageName] : [];
    }
  });
}

function missing(packageName: string, transport: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_CLIENT_MISSING',
    `The transport '${transport}' needs the package '${packageName}', which is not installed: npm install ${packageName}`,
  );
}
