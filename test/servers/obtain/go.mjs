// Builds a Go program that a small module under `go/` pins, by its `tool` directive or as its own main package.
// In: the module's folder. Out: one static binary in the part folder.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { home } from './recipes.mjs';
import { progress, runRetrying } from './run.mjs';

export async function buildGo({ name, recipe, part, log }) {
  const { module, package: target, binary } = recipe.go;
  const jobs = process.env.SPILLWAY_SERVERS_JOBS || String(availableParallelism());
  progress(`${name} ${recipe.version}: building with Go (the log: ${log})`);
  await runRetrying({
    what: `go build ${target}`,
    command: 'go',
    args: ['build', '-p', jobs, '-trimpath', '-ldflags=-s -w', '-o', join(part, binary), target],
    cwd: join(home, 'go', module),
    // The module file is complete: a build must never change it. Static, so that the cache outlives a C library.
    env: { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
    log,
  });
}
