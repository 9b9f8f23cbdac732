// The one test configuration: a project a layer (see docs/contributing.md), so that each can be run alone.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
// No 'import' and no 'module': these reach Node as well, whose `require` would then load what is not meant for it.
const conditions = ['spillway-source', 'node'];

function project(name: string, include: string[], timeoutMs: number) {
  return {
    root,
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: ['node'] } },
    test: {
      name,
      include,
      exclude: ['**/node_modules/**', '**/dist/**'],
      environment: 'node' as const,
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      server: { deps: { inline: [/@spillway\//] } },
    },
  };
}

export default defineConfig({
  root,
  test: {
    projects: [
      project('unit', ['packages/*/src/**/*.test.ts'], 30_000),
      project('docs', ['test/docs/**/*.test.ts'], 30_000),
      project('integration', ['test/integration/**/*.test.ts'], 300_000),
      project('spool', ['test/spool/**/*.test.ts'], 300_000),
      project('crash', ['test/crash/**/*.test.ts'], 600_000),
      project('bench', ['test/bench/**/*.test.ts'], 300_000),
      project('packages', ['test/packages/**/*.test.ts'], 600_000),
    ],
  },
});
