// Clients of other people, needed by a few transports: optional peers, loaded when first used.
// In: a package name. Out: its module, or an error that says what to install.

// As a whole: bundles for ESM often declare a `createRequire` of their own, which must not be declared twice.
import nodeModule from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SpillwayError } from '@spillway/core';

/** Throws at start, rather than at the first send, when a package that a transport needs is not installed.
 * @throws SpillwayError `SPILLWAY_CLIENT_MISSING`
 */
export function requireClient(packageName: string, transport: string): void {
  const found = [import.meta.url, application()].some((from) => {
    try {
      return nodeModule.createRequire(from).resolve(packageName) !== '';
    } catch (error) {
      // A package for `import` only cannot be found this way, but it is there.
      return (error as { code?: unknown }).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
    }
  });
  if (!found) throw missing(packageName, transport);
}

/** Loads the package that a transport needs, as it is seen from here or else from the application.
 * @throws SpillwayError `SPILLWAY_CLIENT_MISSING`
 */
export async function loadClient<Module>(packageName: string, transport: string): Promise<Module> {
  requireClient(packageName, transport);
  try {
    return (await import(/* webpackIgnore: true */ packageName)) as Module;
  } catch (error) {
    // What is broken should say so; what is only out of our sight is looked for where the application is.
    if (!String((error as Error).message).includes(packageName)) throw error;
    return (await import(
      /* webpackIgnore: true */ pathToFileURL(nodeModule.createRequire(application()).resolve(packageName)).href
    )) as Module;
  }
}

/** The application's packages: with strict package managers we do not see them. */
function application(): string {
  return join(process.cwd(), 'package.json');
}

function missing(packageName: string, transport: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_CLIENT_MISSING',
    `The transport '${transport}' needs the package '${packageName}', which is not installed: npm install ${packageName}`,
  );
}
