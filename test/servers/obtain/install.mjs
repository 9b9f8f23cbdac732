// Installs one server into the cache. In: a name of recipes.json. Out: its directory.
// Always true: the work is done in a neighbouring `.part` folder that is renamed when complete, under a lock that the
// kernel drops when its holder dies; every step that uses the network is tried several times.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { unpackDebian } from './debian.mjs';
import { buildGo } from './go.mjs';
import { installMaven } from './maven.mjs';
import { installNpm } from './npm.mjs';
import { installPip } from './pip.mjs';
import { directoryOf, recipes } from './recipes.mjs';
import { progress } from './run.mjs';

export async function install(name) {
  const directory = directoryOf(name);
  if (existsSync(directory)) return directory;
  mkdirSync(dirname(directory), { recursive: true });
  const release = await lock(`${directory}.lock`, name);
  try {
    if (existsSync(directory)) return directory;
    const started = Date.now();
    const part = `${directory}.part`;
    rmSync(part, { recursive: true, force: true });
    mkdirSync(part);
    await build(name, part, `${directory}.log`);
    renameSync(part, directory);
    progress(`${name} ${recipes[name].version}: ready after ${Math.round((Date.now() - started) / 1000)} s`);
    return directory;
  } finally {
    release();
  }
}

function build(name, part, log) {
  const recipe = recipes[name];
  const task = { name, recipe, part, log };
  if (recipe.go) return buildGo(task);
  if (recipe.debian) return unpackDebian(task);
  if (recipe.maven) return installMaven(task);
  if (recipe.npm) return installNpm(task);
  if (recipe.pip) return installPip(task);
  throw new Error('the recipe names no way to install it');
}

/** Holds an exclusive lock by a `flock` child that lives until its stdin closes, hence never longer than this process. */
function lock(path, name) {
  const child = spawn('/usr/bin/flock', ['--exclusive', path, '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = setTimeout(() => progress(`${name}: waiting for another process that installs it`), 2000);
  waiting.unref();
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`/usr/bin/flock is needed: ${error.message}`)));
    child.once('exit', () => reject(new Error('the lock was lost')));
    child.stdout.once('data', () => {
      clearTimeout(waiting);
      resolve(() => child.stdin.end());
    });
  });
}
