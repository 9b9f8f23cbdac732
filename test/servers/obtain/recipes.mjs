// What can be obtained and where it is kept. In: recipes.json and the folders it names. Out: the recipes, and the cache
// directory of each, whose name ends in a digest of all that decides what is built: change an input and it is built anew.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds recipes.json and the folders the recipes name. */
export const home = fileURLToPath(new URL('..', import.meta.url));

/**
 * A version and one way to install it.
 * @type {Record<string, { version: string,
 *   go?: { module: string, package: string, binary: string },
 *   debian?: { packages: string[] },
 *   maven?: { folder: string, main: string, java: number },
 *   npm?: { folder: string },
 *   pip?: { folder: string } }>}
 */
export const recipes = JSON.parse(readFileSync(join(home, 'recipes.json'), 'utf8'));

/** The root of the cache, outside the repository, shared by every checkout of it. */
function cacheRoot() {
  const named = process.env.SPILLWAY_SERVERS_CACHE;
  if (named) return named;
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'spillway-servers');
}

/** Where the server of that name is, or will be. */
export function directoryOf(name) {
  const recipe = recipes[name];
  const digest = createHash('sha256').update(JSON.stringify(recipe));
  for (const folder of inputFolders(recipe)) {
    for (const file of readdirSync(folder).sort()) digest.update(file).update(readFileSync(join(folder, file)));
  }
  return join(cacheRoot(), `${name}-${recipe.version}-${digest.digest('hex').slice(0, 8)}`);
}

/** Folders of this repository (flat) whose files decide what is built. */
function inputFolders(recipe) {
  if (recipe.go) return [join(home, 'go', recipe.go.module)];
  for (const way of ['maven', 'npm', 'pip']) if (recipe[way]) return [join(home, way, recipe[way].folder)];
  return [];
}
