// Installs a Node program, ours, with the packages it needs, which the repository itself does not want to carry.
// In: a folder with package.json, its lock and the program. Out: a copy of it with node_modules. No install script runs.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { home } from './recipes.mjs';
import { progress, runRetrying } from './run.mjs';

export async function installNpm({ name, recipe, part, log }) {
  progress(`${name} ${recipe.version}: installing with npm (the log: ${log})`);
  cpSync(join(home, 'npm', recipe.npm.folder), part, { recursive: true });
  // Not `npm ci`: it refuses a lock that leaves out the binaries of other platforms.
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await runRetrying({ what: `npm install ${recipe.npm.folder}`, command: 'npm', args, cwd: part, log });
}
